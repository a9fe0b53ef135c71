"""Everything that is said about one split of one run, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.families import Families, family_statistics, family_table
from affectrep.evaluation.intervals import FEW_CLUSTERS, bootstrap
from affectrep.evaluation.metrics import (
    Statistics,
    confusion_matrix,
    most_confused,
    per_class_table,
)
from affectrep.evaluation.predictions import (
    table_probabilities,
    table_statistics,
    table_targets,
)

__all__ = ["Resampling", "confusions_with_examples", "scorecard", "warnings_of"]

Array = NDArray[Any]
_TEXT = 280


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Args:
        resamples: number of draws.
        confidence: of the interval.
        cluster: column of the predictions table to resample instead of rows.
    """

    resamples: int = 2000
    confidence: float = 0.95
    cluster: str | None = None


def scorecard(
    table: pd.DataFrame,
    *,
    families: Families | None = None,
    resampling: Resampling | None = None,
    texts: Mapping[str, str] | None = None,
    leaked: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the figures of a predictions table.

    Args:
        table: as :func:`~affectrep.evaluation.predictions.predictions_table` makes it.
        families: adds the figures about confusable families (classification only).
        resampling: how intervals are made.
        texts: row id -> text, for examples of confusions.
        leaked: ids of rows that also occur in training; adds the metrics without them.

    Returns:
        Keys: task, classes, threshold, n, resampling, metrics (name -> value, low, high),
        per_class, confusion, confused, families, family_table, without_leaks, warnings.

    Raises:
        ValueError: if the column to cluster by is not in the table.
    """
    resampling = resampling or Resampling()
    card: dict[str, Any] = {
        "task": table.attrs["task"],
        "classes": table.attrs["classes"],
        "threshold": table.attrs["threshold"],
        "n": len(table),
        "resampling": asdict(resampling),
        "metrics": _metrics(table, resampling, families),
        "warnings": warnings_of(table, resampling),
    }
    y_true, y_pred = table_targets(table)
    if card["task"] != "regression":
        card["per_class"] = per_class_table(y_true, y_pred, card["classes"])
    if card["task"] == "classification":
        confusion = confusion_matrix(y_true, y_pred, len(card["classes"]))
        card["confusion"] = confusion.tolist()
        card["confused"] = confusions_with_examples(table, texts or {})
        if families is not None:
            card["families"] = asdict(families)
            card["family_table"] = family_table(confusion, families)
    clean = table[~table["id"].isin(set(leaked))]
    if 1 < len(clean) < len(table):
        card["without_leaks"] = {
            "leaked": len(table) - len(clean),
            "n": len(clean),
            "metrics": _metrics(clean, resampling, families),
        }
    return card


def confusions_with_examples(
    table: pd.DataFrame, texts: Mapping[str, str], *, top: int = 10, examples: int = 2
) -> list[dict[str, Any]]:
    """Return the most confused pairs, each with the texts that the model was surest about.

    Args:
        table: predictions of a classification run.
        texts: row id -> text; without it the pairs have no examples.
        top: number of pairs.
        examples: texts per pair.
    """
    classes = table.attrs["classes"]
    y_true, y_pred = table_targets(table)
    sure = table_probabilities(table).max(1)
    pairs = most_confused(confusion_matrix(y_true, y_pred, len(classes)), classes, top)
    ids = table["id"].to_numpy()
    for pair in pairs:
        mine = (y_true == classes.index(pair["true"])) & (
            y_pred == classes.index(pair["predicted"])
        )
        rows = np.flatnonzero(mine)
        best = rows[np.argsort(-sure[rows], kind="stable")][:examples]
        pair["examples"] = [
            {"id": ids[i], "text": _shorten(texts[ids[i]]), "probability": float(sure[i])}
            for i in best
            if ids[i] in texts
        ]
    return pairs


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
    if table.attrs["task"] == "regression" and (np.ptp(y_pred, axis=0) == 0).any():
        found.append("A predicted axis is constant, so its PCC and CCC are 0.")
    if resampling.cluster:
        clusters = table[resampling.cluster].nunique(dropna=False)
        if clusters < FEW_CLUSTERS:
            found.append(
                f"There are only {clusters} of {resampling.cluster}; intervals use Student's t "
                f"with {clusters - 1} degrees of freedom."
            )
    return found


def _metrics(
    table: pd.DataFrame, resampling: Resampling, families: Families | None
) -> dict[str, dict[str, float | None]]:
    clusters: Array | None = None
    if resampling.cluster:
        if resampling.cluster not in table:
            raise ValueError(
                f"evaluation.cluster is {resampling.cluster}, but the rows have no such column; "
                "set it to null or to a domain column that the corpus has."
            )
        clusters = table[resampling.cluster].fillna("").astype(str).to_numpy()
    sets: list[Statistics] = [table_statistics(table)]
    if families is not None and table.attrs["task"] == "classification":
        sets.append(family_statistics(*table_targets(table), families))
    found: dict[str, dict[str, float | None]] = {}
    for statistics in sets:
        if len(table) < 2 or (clusters is not None and len(set(clusters)) < 2):
            for name, value in statistics.values().items():
                found[name] = {"value": value, "low": None, "high": None}
            continue
        intervals = bootstrap(
            statistics,
            resamples=resampling.resamples,
            confidence=resampling.confidence,
            clusters=clusters,
        )
        found |= {name: asdict(interval) for name, interval in intervals.items()}
    return found


def _shorten(text: str) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= _TEXT else text[: _TEXT - 1].rstrip() + "…"
