"""Hold rows out for validation or test, and take a fixed share of the training rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.keys import text_keys
from affectrep.data.manifest import Manifest

__all__ = ["fixed_fraction", "hold_out", "reduce_train", "row_classes", "row_groups"]


def hold_out(
    rows: pd.DataFrame, *, share: float, seed: int, by: str | None = None, stratify: bool = True
) -> NDArray[np.bool_]:
    """Choose rows to hold out; the choice does not depend on the rows' order.

    Rows with the same normalised text are held out together. With ``by`` whole speakers, authors
    or subjects are held out instead; a row without a name counts as its own, and no class loses
    its last training row.

    Args:
        rows: with ``id`` and ``text`` or ``path``, and a target column for ``stratify``.
        share: of the rows, in (0, 1).
        seed: of the draw.
        by: column whose values stay on one side.
        stratify: hold out the same share of every class (not with ``by``).

    Returns:
        ``(rows,)`` booleans, True where a row is held out.

    Raises:
        ValueError: if the share is not in (0, 1), or nothing can be held out.

    Example:
        >>> table = pd.DataFrame({"id": list("abcd"), "text": ["Hm", "hm", "yes", "no"]})
        >>> hold_out(table, share=0.5, seed=0).tolist()
        [False, False, True, True]
    """
    if not 0 < share < 1:
        raise ValueError(f"expected a share between 0 and 1, got {share}")
    groups = row_groups(rows, by)
    order = sorted(set(groups), key=lambda group: _rank(group, seed))
    sizes = Counter(groups)
    strata = row_classes(rows) if stratify or by is not None else [""] * len(rows)
    if by is None:
        # a text with several labels counts for the first of them by name
        stratum = dict(sorted(zip(groups, strata, strict=True), reverse=True))
        held = _draw(order, sizes, stratum, share)
    else:
        held = _draw_people(order, sizes, Counter(zip(groups, strata, strict=True)), share)
    if not held:
        what = f"whole {by}s" if by else "rows"
        raise ValueError(
            f"no {what} can be held out of {len(rows)} rows without emptying a class: "
            "give a split column, or more rows"
        )
    return np.array([group in held for group in groups], dtype=np.bool_)


def fixed_fraction(rows: pd.DataFrame, fraction: float, seed: int = 0) -> pd.DataFrame:
    """Keep a fixed share of the rows of every class, in their order.

    Whether a row is kept depends on its id and the seed, and a smaller fraction is contained in a
    larger one. A class keeps at least one row.

    Raises:
        ValueError: if the fraction is not in (0, 1].

    Example:
        >>> table = pd.DataFrame({"id": list("abcd"), "label": ["x", "x", "y", "y"]})
        >>> fixed_fraction(table, 0.5)["label"].tolist()
        ['x', 'y']
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"expected a fraction in (0, 1], got {fraction}")
    if fraction == 1:
        return rows
    ranks = pd.Series([_rank(str(name), seed) for name in rows["id"]], index=rows.index)
    place = ranks.groupby(row_classes(rows)).rank(method="first")
    size = ranks.groupby(row_classes(rows)).transform("size")
    return rows[place <= np.maximum(1, np.round(fraction * size))]


def reduce_train(manifest: Manifest, fraction: float, seed: int = 0) -> Manifest:
    """Return the manifest with a fixed share of its training rows, and a note that says so."""
    if fraction == 1:
        return manifest
    rows = manifest.rows
    train = rows[rows["split"] == "train"]
    kept = fixed_fraction(train, fraction, seed)
    note = f"Trained on {len(kept):,} of {len(train):,} training rows (a fixed {fraction:.3g})."
    rows = rows[(rows["split"] != "train") | rows.index.isin(kept.index)].reset_index(drop=True)
    return Manifest(rows, replace(manifest.info, notes=[*manifest.info.notes, note]))


def _rank(key: str, seed: int) -> str:
    words = f"{seed}\x1f{key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(words, digest_size=8).hexdigest()


def row_groups(rows: pd.DataFrame, by: str | None) -> list[str]:
    """Return what stays together: rows with one name in a column, or with one normalised text.

    Args:
        rows: with ``id``, and ``text`` or ``path``.
        by: the column; None takes the texts. A row without a name, or text, is by itself.

    Raises:
        ValueError: if there is no such column.

    Example:
        >>> row_groups(pd.DataFrame({"id": ["1", "2"], "author": ["ann", None]}), "author")
        ['=ann', '#2']
    """
    if by is not None and by not in rows:
        raise ValueError(f"cannot hold out by {by}: there is no such column")
    if by is not None:
        names: Sequence[Any] = rows[by].tolist()
    else:
        names = text_keys(rows["text"]) if "text" in rows else [""] * len(rows)
    return [
        f"={name}" if isinstance(name, str) and name else f"#{row}"
        for name, row in zip(names, rows["id"], strict=True)
    ]


def row_classes(rows: pd.DataFrame) -> list[str]:
    """Return a class per row, empty without labels; of several the one rarest over all rows."""
    if "label" in rows:
        return [str(label) for label in rows["label"]]
    if "labels" not in rows:
        return [""] * len(rows)
    counts = Counter(label for labels in rows["labels"] for label in labels)
    return [
        min(map(str, labels), key=lambda label: (counts[label], label), default="")
        for labels in rows["labels"]
    ]


def _draw(order: list[str], sizes: Counter[str], stratum: dict[str, str], share: float) -> set[str]:
    total: Counter[str] = Counter()
    for group, size in sizes.items():
        total[stratum[group]] += size
    room = {
        name: min(max(1, round(share * count)), count - 1) if count > 1 else 0
        for name, count in total.items()
    }
    held = set()
    for group in order:
        if sizes[group] <= room[stratum[group]]:
            room[stratum[group]] -= sizes[group]
            held.add(group)
    return held


def _draw_people(
    order: list[str],
    sizes: Counter[str],
    cells: Counter[tuple[str, str]],
    share: float,
) -> set[str]:
    classes: dict[str, Counter[Hashable]] = {group: Counter() for group in order}
    left: Counter[Hashable] = Counter()
    for (group, label), count in cells.items():
        classes[group][label] = count
        left[label] += count
    room = max(1, round(share * sum(sizes.values())))
    held: set[str] = set()
    for group in order:
        spared = all(left[label] > count for label, count in classes[group].items())
        if spared and abs(room - sizes[group]) < room:
            left -= classes[group]
            room -= sizes[group]
            held.add(group)
        if room <= 0:
            break
    return held
