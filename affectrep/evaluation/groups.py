"""Figures by group of a split, such as each language or gender, and which group is the worst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.intervals import bootstrap
from affectrep.evaluation.metrics import AXES, Statistics
from affectrep.evaluation.person_components import FEW_ROWS
from affectrep.evaluation.predictions import table_statistics

__all__ = ["GROUPS", "group_columns", "group_figures", "mean_groups"]

Array = NDArray[Any]
GROUPS = ("language", "corpus", "gender", "speaker")
# the figure that groups are ordered by, and the one beside it
_METRICS = {"classification": ("uar", "macro_f1"), "regression": ("ccc", "rmse")}
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
        ``name, rows, classes, told, value, low, high`` and macro F1 or RMSE; ``worst`` is None
        where fewer than two are told. Macro F1 is None where not all classes occur, since an absent
        one would count as 0; ``classes`` is None for valence and arousal. No column for several
        labels a row.

    Example:
        >>> rows = pd.DataFrame({"id": list("abcd"), "label": ["calm", "glad"] * 2})
        >>> rows["predicted"], rows["language"] = ["calm", "glad", "calm", "calm"], list("eeff")
        >>> rows.attrs = {"task": "classification", "classes": ["calm", "glad"]}
        >>> found = group_figures(rows)[0]
        >>> found["worst"], [(one["name"], one["value"]) for one in found["groups"]]
        ('f', [('f', 0.5), ('e', 1.0)])
    """
    if table.attrs["task"] not in _METRICS:
        return []
    metric, _ = _METRICS[table.attrs["task"]]
    whole = table_statistics(table)
    found: list[dict[str, Any]] = []
    for column in group_columns(table):
        of = None if clusters is None or _same(table[column], clusters) else clusters
        figures: list[dict[str, Any]] = [
            _counts(name, table[rows])
            | _figure(replace(whole, columns=whole.columns[rows]), metric, of, rows, confidence)
            | _beside(table, rows, whole)
            for name, rows in _parts(table[column])
        ]
        found.append(_column(column, metric, figures))
    return found


def mean_groups(seeds: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the means over seeds of what `group_figures` gives; the ends of intervals likewise.

    Args:
        seeds: the figures of the same rows, one list per seed.

    Raises:
        ValueError: if the seeds have different columns or groups.

    Example:
        >>> one = {"name": "f", "rows": 40, "classes": 2, "told": True, "low": None, "high": None}
        >>> seeds = [
        ...     [{"column": "gender", "metric": "uar", "groups": [one | {"value": value}]}]
        ...     for value in (0.5, 0.6)
        ... ]
        >>> mean_groups(seeds)[0]["groups"][0]["value"]
        0.55
    """
    found = []
    for columns in zip(*seeds, strict=True):
        by_name = [{one["name"]: one for one in column["groups"]} for column in columns]
        if any(set(by_name[0]) != set(other) for other in by_name):
            raise ValueError("expected the same groups of rows for every seed")
        groups = [_mean([seed[name] for seed in by_name]) for name in by_name[0]]
        found.append(_column(columns[0]["column"], columns[0]["metric"], groups))
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


def _column(column: str, metric: str, figures: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the groups of a column worst first, and which is the worst."""
    figures.sort(key=lambda one: (not one["told"], one["value"], one["name"]))
    told = sum(one["told"] for one in figures)
    worst = figures[0]["name"] if told > 1 else None
    return {"column": column, "metric": metric, "worst": worst, "groups": figures}


def _mean(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one group's means; what is None or no number for a seed stays as the first has it."""
    kept = ("name", "rows", "classes", "told")
    return {
        key: value
        if key in kept or any(one[key] is None for one in seeds)
        else float(np.mean([one[key] for one in seeds]))
        for key, value in seeds[0].items()
    }


def _counts(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    classes = int(rows["label"].nunique()) if "label" in rows else None
    return {"name": name, "rows": len(rows), "classes": classes, "told": _told(rows)}


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


def _beside(table: pd.DataFrame, rows: Array, whole: Statistics) -> dict[str, float | None]:
    """Return the second figure of a group; macro F1 only where every class occurs."""
    _, second = _METRICS[table.attrs["task"]]
    if "label" in table and table["label"][rows].nunique() < len(table.attrs["classes"]):
        return {second: None}
    return {second: replace(whole, columns=whole.columns[rows]).values()[second]}
