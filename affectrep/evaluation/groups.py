"""Figures by group of a split, such as each language or gender, and which group is the worst."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.intervals import bootstrap
from affectrep.evaluation.metrics import AXES, Statistics
from affectrep.evaluation.person_components import FEW_ROWS
from affectrep.evaluation.predictions import table_statistics

__all__ = ["GROUPS", "group_columns", "group_figures"]

Array = NDArray[Any]
GROUPS = ("language", "corpus", "gender", "speaker")
_METRICS = {"classification": "uar", "regression": "ccc"}
_RESAMPLES = 500


def group_figures(
    table: pd.DataFrame, *, clusters: Array | None = None, confidence: float = 0.95
) -> list[dict[str, Any]]:
    """Return the figure of each group of each column that splits the rows, as JSON values.

    It is UAR over the classes that occur in the group, or CCC. A group of a single class, of fewer
    than 10 rows with valence and arousal, or with constant labels on an axis is not ``told``: its
    figure says next to nothing, so it stands last and is never the worst.

    Args:
        table: predictions of a split.
        clusters: ``(rows,)`` names of clusters that the intervals leave out in turn, where a group
            has several; None draws the rows anew.
        confidence: of the intervals.

    Returns:
        Per column ``{"column", "metric", "worst", "groups"}``: the groups worst first, each with
        ``name, rows, told, value, low, high``; ``worst`` is None where fewer than two are told. No
        column for several labels a row.

    Example:
        >>> rows = pd.DataFrame({"id": list("abcd"), "label": ["calm", "glad"] * 2})
        >>> rows["predicted"], rows["language"] = ["calm", "glad", "calm", "calm"], list("eeff")
        >>> rows.attrs = {"task": "classification", "classes": ["calm", "glad"]}
        >>> found = group_figures(rows)[0]
        >>> found["worst"], [(one["name"], one["value"]) for one in found["groups"]]
        ('f', [('f', 0.5), ('e', 1.0)])
    """
    metric = _METRICS.get(table.attrs["task"])
    if metric is None:
        return []
    whole = table_statistics(table)
    found: list[dict[str, Any]] = []
    for column in group_columns(table):
        of = None if clusters is None or _same(table[column], clusters) else clusters
        figures: list[dict[str, Any]] = [
            {"name": name, "rows": int(rows.sum()), "told": _told(table[rows])}
            | _figure(replace(whole, columns=whole.columns[rows]), metric, of, rows, confidence)
            for name, rows in _parts(table[column])
        ]
        figures.sort(key=lambda one: (not one["told"], one["value"], one["name"]))
        told = sum(one["told"] for one in figures)
        worst = figures[0]["name"] if told > 1 else None
        found.append({"column": column, "metric": metric, "worst": worst, "groups": figures})
    return found


def group_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns that split the rows into two or more groups, each in another way.

    Example:
        >>> group_columns(pd.DataFrame({"language": list("ddi"), "corpus": list("xxy")}))
        ['language']
    """
    found: list[str] = []
    for column in GROUPS:
        if column not in table or len(list(_parts(table[column]))) < 2:
            continue
        if not any(_same(table[column], table[other].to_numpy()) for other in found):
            found.append(column)
    return found


def _parts(column: pd.Series) -> Iterator[tuple[str, Array]]:
    """Yield each group's name and its rows; unknown ones are in none."""
    known = column.notna() & (column.astype(str) != "")
    for name in sorted(column[known].unique(), key=str):
        yield str(name), (column == name).to_numpy()


def _same(column: pd.Series, other: Array) -> bool:
    return np.array_equal(pd.factorize(column)[0], pd.factorize(other)[0])


def _told(rows: pd.DataFrame) -> bool:
    if "label" in rows:
        return int(rows["label"].nunique()) > 1
    return len(rows) >= FEW_ROWS and all(rows[axis].nunique() > 1 for axis in AXES)


def _figure(
    part: Statistics, metric: str, clusters: Array | None, rows: Array, confidence: float
) -> dict[str, float | None]:
    """Return value, low and high; both ends are None where there is too little for an interval."""
    mine = None if clusters is None else clusters[rows]
    if len(part.columns) < 2 or (mine is not None and len(set(mine)) < 2):
        return {"value": part.values()[metric], "low": None, "high": None}
    one = bootstrap(part, resamples=_RESAMPLES, confidence=confidence, clusters=mine)[metric]
    return {"value": one.value, "low": one.low, "high": one.high}
