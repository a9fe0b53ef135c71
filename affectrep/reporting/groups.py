"""The section about groups of a split: language, corpus, gender and speaker, the worst named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.groups import group_figures, mean_groups
from affectrep.evaluation.metrics import confusion_matrix
from affectrep.evaluation.predictions import cluster_names, table_targets
from affectrep.reporting.figures import number, title
from affectrep.reporting.page import figure, section, table
from affectrep.reporting.plots import heat_map, interval_chart
from affectrep.reporting.subject import Subject

__all__ = ["groups"]

Array = NDArray[Any]
_CHARTED, _LISTED = 12, 25  # of many groups the worst are shown
_WORDS = {
    "classification": "UAR is the mean recall over the classes that occur in the group; macro F1 "
    "stands only where all of them do. Groups of one class stand last.",
    "regression": "CCC is that of the group's own rows: where labels vary little it is lower for "
    "the same error, which RMSE shows. Groups of fewer than 10 rows, or with constant labels on an "
    "axis, stand last.",
}


def groups(subject: Subject) -> str:
    """Return figures by language, corpus, gender and speaker, and confusions per language."""
    tables = _tables(subject)
    if not tables:
        return ""
    cluster = (subject.runs[0].config.get("evaluation") or {}).get("cluster")
    column = cluster if cluster in tables[0] else None
    columns = mean_groups(
        [group_figures(one, clusters=cluster_names(one, column)) for one in tables]
    )
    if not columns:
        return ""
    words = f"{_WORDS[subject.task]} {' '.join(filter(None, map(_worst, columns)))}"
    names = [one["column"] for one in columns]
    if column is not None and any(name != column for name in names):
        words += (
            f" Intervals of a group leave out one {column} at a time; few of them make it wide."
        )
    parts = [_chart(one) for one in columns]
    if subject.task == "classification":
        parts.append(_confusions(tables, subject.classes))
    return section(subject.anchor("groups"), subject.heading("Groups"), words, *parts)


def _tables(subject: Subject) -> list[pd.DataFrame]:
    """Return the predictions of the shown split per seed, rows in one order."""
    if subject.split is None or subject.task not in _WORDS:
        return []
    found: list[pd.DataFrame] = []
    for run in subject.runs:
        try:
            one = run.table(subject.split)
        except FileNotFoundError:
            continue
        attrs = one.attrs
        one = one.sort_values("id", kind="stable").reset_index(drop=True)
        one.attrs = attrs
        if not found or list(one["id"]) == list(found[0]["id"]):
            found.append(one)
    return found


def _chart(column: dict[str, Any]) -> str:
    """Return intervals and a table of a column's groups, both of the worst where there are many."""
    name, metric, found = column["column"], column["metric"], column["groups"]
    shown = [(_short(one, name), one["value"], one["low"], one["high"]) for one in found]
    shown = shown[:_CHARTED]
    of = f", the worst {_CHARTED} of {len(found)}" if len(found) > _CHARTED else ""
    told = "; ".join(f"{row[0]} {number(metric, row[1])}" for row in shown)
    alt = f"{title(metric)} by {name}: {told}."
    chart = interval_chart(shown, alt=alt, colour=0)
    second = "macro_f1" if metric == "uar" else "rmse"
    cells: dict[str, Callable[[dict[str, Any]], str]] = {
        name.capitalize(): lambda one: _short(one, name),
        "Rows": lambda one: f"{one['rows']:,}",
        "Classes": lambda one: str(one["classes"]),
        title(metric): lambda one: number(metric, one["value"]),
        "95 % interval": lambda one: _ends(metric, one),
        title(second): lambda one: number(second, one[second]),
    }
    if metric != "uar":
        del cells["Classes"]
    rows = [[cell(one) for cell in cells.values()] for one in found[:_LISTED]]
    more = len(found) - _LISTED
    rest = f"<p>{more} more stand better, or say too little.</p>" if more > 0 else ""
    return figure(f"{title(metric)} by {name}{of}", chart) + table(list(cells), rows) + rest


def _ends(metric: str, one: dict[str, Any]) -> str:
    if one["low"] is None:
        return "n/a"
    return f"{number(metric, one['low'])} to {number(metric, one['high'])}"


def _worst(column: dict[str, Any]) -> str:
    if column["worst"] is None:
        return ""
    name, metric, first = column["column"], column["metric"], column["groups"][0]
    return (
        f"The worst {name} is {_short(first, name)} with a {title(metric)} of "
        f"{number(metric, first['value'])} ({first['rows']:,} rows)."
    )


def _short(one: dict[str, Any], column: str) -> str:
    return str(one["name"]).rpartition("/")[2] if column == "speaker" else str(one["name"])


def _confusions(tables: Sequence[pd.DataFrame], classes: Sequence[str]) -> str:
    """Return a matrix per language, counts added up over seeds, where there are several."""
    column = tables[0].get("language")
    names = sorted({str(name) for name in column.dropna()}) if column is not None else []
    if len(names) < 2:
        return ""
    charts = []
    for name in names:
        rows = (tables[0]["language"] == name).to_numpy()
        pairs = [table_targets(one) for one in tables]
        counts = np.sum(
            [confusion_matrix(t[rows], p[rows], len(classes)) for t, p in pairs], axis=0
        )
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        right = ", ".join(f"{c} {100 * shares[i, i]:.0f} %" for i, c in enumerate(classes))
        alt = f"Confusion matrix for {name}. Found: {right}."
        charts.append(figure(name, heat_map(shares, classes, alt=alt)))
    return f'<h3>Confusions by language</h3><div class="pair">{"".join(charts)}</div>'
