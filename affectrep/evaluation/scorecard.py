"""Everything that is said about one split of one run, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.axis_warnings import axis_warnings
from affectrep.evaluation.calibration import DRAWS
from affectrep.evaluation.calibration_card import calibration_card
from affectrep.evaluation.families import Families, family_statistics, family_table
from affectrep.evaluation.groups import group_figures
from affectrep.evaluation.intervals import FEW_CLUSTERS, bootstrap, effective_clusters
from affectrep.evaluation.metrics import (
    Statistics,
    confusion_matrix,
    most_confused,
    per_class_table,
)
from affectrep.evaluation.predictions import (
    cluster_names,
    table_probabilities,
    table_statistics,
    table_targets,
)
from affectrep.evaluation.rare_classes import rare_classes, rare_statistics

__all__ = [
    "Figures",
    "Resampling",
    "confusions_with_examples",
    "figures_of",
    "scorecard",
    "warnings_of",
]

Array = NDArray[Any]
Figures = dict[str, dict[str, float | None]]
_TEXT = 280


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Args:
        resamples: number of draws.
        confidence: of the interval.
        cluster: column of the predictions table whose values are left out one at a time; None
            draws the rows anew.
    """

    resamples: int = 2000
    confidence: float = 0.95
    cluster: str | None = None


def scorecard(
    table: pd.DataFrame,
    *,
    families: Families | None = None,
    training_counts: Mapping[str, int] | None = None,
    resampling: Resampling | None = None,
    texts: Mapping[str, str] | None = None,
    leaked: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the figures of a predictions table.

    Args:
        table: as :func:`~affectrep.evaluation.predictions.predictions_table` makes it.
        families: adds the figures about confusable families (classification only).
        training_counts: class -> training rows; adds the F1 of the rare classes (classification).
        resampling: how intervals are made.
        texts: row id -> text, for examples of confusions; rows without are named by their ids.
        leaked: ids of rows that also occur in training; adds the metrics without them.

    Returns:
        Keys: task, classes, threshold, n, resampling, metrics (name -> value, low, high),
        calibration (where the table has probabilities, or valence and arousal), per_class,
        confusion, confused, families, family_table, rare_classes, without_leaks, warnings; groups
        where a column such as language or gender splits the rows
        (:func:`~affectrep.evaluation.groups.group_figures`).

    Raises:
        ValueError: if the column to cluster by is not in the table, or a count is of an unknown
            class.
    """
    resampling = resampling or Resampling()
    single = table.attrs["task"] == "classification"
    rare = (
        rare_classes(training_counts, table.attrs["classes"]) if single and training_counts else []
    )
    sets = _statistics(table, families if single else None, rare)
    card: dict[str, Any] = {
        "task": table.attrs["task"],
        "classes": table.attrs["classes"],
        "threshold": table.attrs["threshold"],
        "n": len(table),
        "resampling": asdict(resampling),
        "metrics": figures_of(sets, table, resampling),
        "warnings": warnings_of(table, resampling),
    }
    card |= _calibration(table, resampling)
    card |= _groups(table, resampling)
    y_true, y_pred = table_targets(table)
    if card["task"] != "regression":
        card["per_class"] = per_class_table(y_true, y_pred, card["classes"])
    if single:
        confusion = confusion_matrix(y_true, y_pred, len(card["classes"]))
        card["confusion"] = confusion.tolist()
        card["confused"] = confusions_with_examples(table, texts or {})
        if families is not None:
            card["families"] = asdict(families)
            card["family_table"] = family_table(confusion, families)
        if rare:
            card["rare_classes"] = rare
    clean = ~table["id"].isin(set(leaked)).to_numpy()
    if 1 < clean.sum() < len(table):
        card["without_leaks"] = {
            "leaked": int((~clean).sum()),
            "n": int(clean.sum()),
            "metrics": figures_of(sets, table, resampling, rows=clean),
        }
    return card


def figures_of(
    sets: Sequence[Statistics],
    table: pd.DataFrame,
    resampling: Resampling,
    *,
    rows: Array | None = None,
) -> Figures:
    """Return each metric of the statistics with its interval: ``{name: {value, low, high}}``.

    Both ends are None where fewer than two rows or clusters are left to resample.

    Args:
        sets: statistics over the rows of the table.
        table: predictions, for the column to cluster by.
        resampling: how intervals are made.
        rows: ``(rows,)`` mask of the rows that count; None counts all.

    Raises:
        ValueError: if the column to cluster by is not in the table.
    """
    clusters = _clusters(table, resampling)
    rows = np.ones(len(table), dtype=bool) if rows is None else rows
    clusters = None if clusters is None else clusters[rows]
    found: Figures = {}
    for whole in sets:
        part = replace(whole, columns=whole.columns[rows])
        if rows.sum() < 2 or (clusters is not None and len(set(clusters)) < 2):
            for name, value in part.values().items():
                found[name] = {"value": value, "low": None, "high": None}
            continue
        intervals = bootstrap(
            part,
            resamples=resampling.resamples,
            confidence=resampling.confidence,
            clusters=clusters,
        )
        found |= {name: asdict(interval) for name, interval in intervals.items()}
    return found


def confusions_with_examples(
    table: pd.DataFrame, texts: Mapping[str, str], *, top: int = 10, examples: int = 2
) -> list[dict[str, Any]]:
    """Return the most confused pairs, each with the rows that the model was surest about.

    Args:
        table: predictions of a classification run.
        texts: row id -> text; a row without one is named by its id, and its speaker or person.
        top: number of pairs.
        examples: rows per pair.
    """
    classes = table.attrs["classes"]
    y_true, y_pred = table_targets(table)
    known = "prob_0" in table  # a record keeps none; its examples come in the order of rows
    sure = table_probabilities(table).max(1) if known else np.zeros(len(table))
    pairs = most_confused(confusion_matrix(y_true, y_pred, len(classes)), classes, top)
    ids = table["id"].to_numpy()
    for pair in pairs:
        mine = (y_true == classes.index(pair["true"])) & (
            y_pred == classes.index(pair["predicted"])
        )
        rows = np.flatnonzero(mine)
        best = rows[np.argsort(-sure[rows], kind="stable")][:examples]
        pair["examples"] = [
            {"id": ids[i], **_shown(table, i, texts)}
            | ({"probability": float(sure[i])} if known else {})
            for i in best
        ]
    return pairs


def _shown(table: pd.DataFrame, row: int, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the text of a row; without one whose it is, where that is known."""
    text = texts.get(table["id"].iloc[row])
    if text:
        return {"text": _shorten(text)}
    people = [str(table[name].iloc[row]) for name in ("speaker", "subject") if name in table]
    known = [name for name in people if name not in ("", "nan", "None")]
    return {"person": known[0]} if known else {}


def warnings_of(table: pd.DataFrame, resampling: Resampling) -> list[str]:
    """Return sentences about what makes the figures hard to read."""
    found = []
    y_true, y_pred = table_targets(table)
    if table.attrs["task"] == "classification":
        classes = table.attrs["classes"]
        said = sorted({classes[i] for i in np.unique(y_pred)})
        if len(said) == 1:
            found.append(f"Every row was predicted as {said[0]}: the model has learnt nothing.")
        absent = [name for i, name in enumerate(classes) if not (y_true == i).any()]
        if absent:
            found.append(
                f"No row of this split has the class {', '.join(absent)}; "
                "its F1 counts as 0 in macro F1."
            )
    if table.attrs["task"] == "regression":
        found += axis_warnings(y_true, y_pred)
    if resampling.cluster:
        clusters = table[resampling.cluster].nunique(dropna=False)
        if clusters < FEW_CLUSTERS:
            found.append(
                f"There are only {clusters} of {resampling.cluster}, so intervals are wide: "
                f"Student's t with {_freedom(table, resampling):.3g} degrees of freedom."
            )
    return found


def _freedom(table: pd.DataFrame, resampling: Resampling) -> float:
    """Return the degrees of freedom of the intervals; fewer where clusters are uneven."""
    clusters = _clusters(table, resampling)
    assert clusters is not None
    return max(1.0, effective_clusters(clusters) - 1)


def _calibration(table: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    found = calibration_card(
        table,
        clusters=_clusters(table, resampling),
        confidence=resampling.confidence,
        draws=min(DRAWS, resampling.resamples),
    )
    return {"calibration": found} if found else {}


def _groups(table: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    clusters = _clusters(table, resampling)
    found = group_figures(table, clusters=clusters, confidence=resampling.confidence)
    return {"groups": found} if found else {}


def _statistics(
    table: pd.DataFrame, families: Families | None, rare: Sequence[str]
) -> list[Statistics]:
    sets = [table_statistics(table)]
    if families is not None:
        sets.append(family_statistics(*table_targets(table), families))
    if rare:
        sets.append(rare_statistics(*table_targets(table), table.attrs["classes"], rare))
    return sets


def _clusters(table: pd.DataFrame, resampling: Resampling) -> Array | None:
    if resampling.cluster and resampling.cluster not in table:
        raise ValueError(
            f"evaluation.cluster is {resampling.cluster}, but the rows have no such column; "
            "set it to null or to a domain column that the corpus has."
        )
    return cluster_names(table, resampling.cluster)


def _shorten(text: str) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= _TEXT else text[: _TEXT - 1].rstrip() + "…"
