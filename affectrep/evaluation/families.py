"""Families of classes that a model confuses, fixed once on validation and kept in a file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.whole_file import whole_file
from affectrep.evaluation.metrics import Statistics, classification_statistics

__all__ = ["Families", "families_from_confusion", "family_statistics", "family_table"]

Array = NDArray[Any]
LEAST = 0.03
SHRINK = 20
LEAST_ROWS = 30  # of a family that can be the worst one


@dataclass(frozen=True)
class Families:
    """Groups of confusable classes; a class in no group stands alone.

    Args:
        groups: two or more class names each.
        classes: all class names, in the model's order.
        rule: how the groups came about, in words.
        source: where the confusions came from (config, seed, split, data).

    Raises:
        ValueError: if a group names an unknown class, or a class is in two groups.

    Example:
        >>> Families([["anger", "annoyance"]], ["anger", "annoyance", "joy"]).of_class().tolist()
        [0, 0, 1]
    """

    groups: list[list[str]]
    classes: list[str]
    rule: str = "written by hand"
    source: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = [name for group in self.groups for name in group]
        unknown = sorted(set(named) - set(self.classes))
        if unknown:
            raise ValueError(f"families name unknown classes: {', '.join(unknown)}")
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"classes in more than one family: {', '.join(twice)}")

    def of_class(self) -> Array:
        """Return the family number of each class; a class that stands alone has its own."""
        numbers = {name: i for i, group in enumerate(self.groups) for name in group}
        alone = (name for name in self.classes if name not in numbers)
        numbers |= {name: len(self.groups) + i for i, name in enumerate(alone)}
        return np.array([numbers[name] for name in self.classes])

    def order(self) -> list[int]:
        """Return class indices with the members of each family side by side."""
        return [int(i) for i in np.argsort(self.of_class(), kind="stable")]

    def save(self, path: Path | str) -> None:
        """Write the families as JSON.

        Raises:
            ValueError: if ``path`` is a folder.
        """
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        with whole_file(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str, classes: Sequence[str] | None = None) -> Families:
        """Read a file that `save` wrote; ``classes`` are those that the run has.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is no families file, or was made for other classes.
        """
        path = Path(path)
        if not path.is_file():
            file = shlex.quote(str(path))
            raise FileNotFoundError(
                f"{path}: no such families file. Write it with "
                f"`affectrep evaluate RUN --split validation --write-families {file}`."
            )
        try:
            families = cls(**json.loads(path.read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a families file: {error}") from None
        if classes is not None and sorted(families.classes) != sorted(classes):
            odd = sorted(set(families.classes) ^ set(classes))
            raise ValueError(f"{path} was made for other classes; they differ in {', '.join(odd)}")
        return (
            families
            if classes is None
            else cls(families.groups, list(classes), families.rule, families.source)
        )


def families_from_confusion(
    confusion: Array,
    classes: Sequence[str],
    *,
    least: float = LEAST,
    source: dict[str, Any] | None = None,
) -> Families:
    """Group classes that are mistaken for one another more than chance would have it.

    The pull of class i towards j is ``(C_ij - E_ij) / (n_i + 20)``: ``n_i`` are the rows of i and
    ``E_ij`` are the errors of i that would go to j if they were spread over the other classes by
    their frequency, because a frequent class attracts errors from everywhere; the 20 is there
    because a class of few rows proves little. The similarity of two classes is the mean of the
    two pulls, at least 0. Groups are joined by average linkage while the mean similarity across
    them is at least ``least``. Groups are listed by their first class.

    Args:
        confusion: counts ``(classes, classes)`` on validation, rows are the true class.
        classes: names.
        least: mean share of rows beyond chance, in [0, 1].
        source: kept with the families.

    Example:
        >>> counts = np.array([[50, 30, 2], [30, 50, 2], [3, 3, 90]])
        >>> families_from_confusion(counts, ["anger", "annoyance", "joy"]).groups
        [['anger', 'annoyance']]
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    rule = (
        "average linkage on symmetrised row-normalised confusions beyond chance "
        f"(shrunk by {SHRINK} rows), at least {least:g}"
    )
    if len(classes) < 2:
        return Families([], list(classes), rule, source or {})
    rows = confusion.sum(1, keepdims=True)
    errors = confusion - np.diag(np.diag(confusion))
    expected = errors.sum(1, keepdims=True) * rows.T / np.maximum(rows.sum() - rows, 1)
    pull = (errors - expected) / (rows + SHRINK)
    distance = 1 - np.clip((pull + pull.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="average")
    numbers = fcluster(tree, t=1 - least + 1e-12, criterion="distance")
    members = [
        [name for name, own in zip(classes, numbers, strict=True) if own == number]
        for number in dict.fromkeys(numbers)
    ]
    groups = [group for group in members if len(group) > 1]
    return Families(groups, list(classes), rule, source or {})


def family_statistics(y_true: Array, y_pred: Array, families: Families) -> Statistics:
    """Return statistics for metrics about the families.

    ``family_f1``: mean F1 of the classes that are in a family. ``errors_inside``: share of all
    errors that stay inside the family of the true class. ``family_accuracy``: share of rows whose
    prediction is at least in the right family. ``worst_family_accuracy``: share of rows with the
    right class in the family where it is lowest, of those with at least 30 rows; left out where
    no family has as many.

    Args:
        y_true: ``(rows,)`` class indices.
        y_pred: ``(rows,)`` class indices.
        families: over the same classes.

    Example:
        >>> families = Families([["anger", "annoyance"]], ["anger", "annoyance", "joy"])
        >>> found = family_statistics(np.array([0, 1, 2]), np.array([1, 1, 0]), families)
        >>> {name: round(value, 3) for name, value in found.values().items()}
        {'family_f1': 0.333, 'errors_inside': 0.5, 'family_accuracy': 0.667}
    """
    number = families.of_class()
    named = {name for group in families.groups for name in group}
    members = np.array([name in named for name in families.classes])
    base = classification_statistics(y_true, y_pred, families.classes)
    error = y_true != y_pred
    near = number[y_true] == number[y_pred]
    extra = np.stack([error, error & near, near, np.ones(len(error))], axis=1)
    columns = np.concatenate([base.columns, extra.astype(np.float64)], axis=1)
    large = _large_families(y_true, families)

    def metrics(sums: Array) -> dict[str, Array]:
        true, predicted, hits = np.split(sums[..., :-4], 3, axis=-1)
        f1 = 2 * hits / np.maximum(true + predicted, 1)
        errors, inside, right, rows = np.moveaxis(sums[..., -4:], -1, 0)
        family_f1 = f1[..., members].mean(-1) if members.any() else np.zeros_like(rows)
        values = {
            "family_f1": family_f1,
            "errors_inside": inside / np.maximum(errors, 1),
            "family_accuracy": right / rows,
        }
        if len(large):
            shares = (hits @ large.T) / np.maximum(true @ large.T, 1)
            values["worst_family_accuracy"] = shares.min(-1)
        return values

    return Statistics(columns, metrics)


def family_table(confusion: Array, families: Families) -> list[dict[str, Any]]:
    """Return per family: classes, rows, mean F1, accuracy, and the share of its errors inside.

    Example:
        >>> families = Families([["anger", "annoyance"]], ["anger", "annoyance", "joy"])
        >>> family_table(np.array([[8, 2, 0], [1, 8, 1], [0, 0, 9]]), families)[0]["errors_inside"]
        0.75
    """
    hits, true, predicted = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    f1 = 2 * hits / np.maximum(true + predicted, 1)
    table = []
    for group in families.groups:
        index = [families.classes.index(name) for name in group]
        errors = int(true[index].sum() - hits[index].sum())
        inside = int(confusion[np.ix_(index, index)].sum() - hits[index].sum())
        table.append(
            {
                "classes": group,
                "rows": int(true[index].sum()),
                "f1": float(f1[index].mean()),
                "accuracy": float(hits[index].sum() / max(true[index].sum(), 1)),
                "errors": errors,
                "errors_inside": inside / errors if errors else 0.0,
            }
        )
    return table


def _large_families(y_true: Array, families: Families) -> Array:
    """Return ``(families, classes)`` membership, in {0, 1}, of the families with enough rows."""
    member = np.array([np.isin(families.classes, group) for group in families.groups], dtype=float)
    member = member.reshape(len(families.groups), len(families.classes))
    rows = member @ np.bincount(y_true, minlength=len(families.classes))
    return np.asarray(member[rows >= LEAST_ROWS])
