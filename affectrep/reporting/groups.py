"""The section about groups of a split: language, corpus, gender and speaker, the worst named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.groups import group_columns
from affectrep.evaluation.intervals import bootstrap
from affectrep.evaluation.metrics import Statistics, confusion_matrix
from affectrep.evaluation.predictions import table_statistics, table_targets
from affectrep.reporting.figures import number
from affectrep.reporting.page import figure, section, table
from affectrep.reporting.plots import heat_map, interval_chart
from affectrep.reporting.subject import Subject

__all__ = ["Group", "group_figures", "groups"]

Array = NDArray[Any]
_CHARTED, _LISTED = 12, 25  # of many groups the worst are shown
_RESAMPLES = 500
_Ends = tuple[float, float] | None


@dataclass(frozen=True)
class Group:
    """The figures of one group, means over seeds.

    Args:
        name: of the group.
        rows: of the split.
        classes: how many occur among them.
        uar: mean recall over these classes, in [0, 1].
        macro_f1: in [0, 1]; None where a class does not occur, since its F1 would count as 0.
        ends: of the interval of ``uar``; None where there is none.
    """

    name: str
    rows: int
    classes: int
    uar: float
    macro_f1: float | None
    ends: _Ends


def groups(subject: Subject) -> str:
    """Return figures by language, corpus, gender and speaker, and confusions per language."""
    tables = _tables(subject)
    if not tables:
        return ""
    cluster = (subject.runs[0].config.get("evaluation") or {}).get("cluster")
    parts, worst = [], []
    domains = group_columns(tables[0])
    for domain in domains:
        found = group_figures(tables, domain, cluster=cluster if domain != cluster else None)
        parts.append(_chart(found, domain))
        worst.append(_worst(found, domain))
    words = (
        "UAR is the mean recall over the classes that occur in the group; macro F1 stands only "
        f"where all of them do. {' '.join(filter(None, worst))}"
    )
    if cluster in tables[0] and any(domain != cluster for domain in domains):
        words += (
            f" Intervals of a group leave out one {cluster} at a time; few of them make it wide."
        )
    parts.append(_confusions(tables, subject.classes))
    return section(subject.anchor("groups"), subject.heading("Groups"), words, *parts)


def group_figures(
    tables: Sequence[pd.DataFrame], domain: str, *, cluster: str | None = None
) -> list[Group]:
    """Return the figures of each group of a split, worst UAR first; groups of one class last.

    Args:
        tables: predictions of the same rows, one table per seed.
        domain: column that names the groups; unknown rows are left out.
        cluster: column that the intervals resample, where a group has several; None for rows.

    Raises:
        ValueError: if the tables have different rows.

    Example:
        >>> rows = pd.DataFrame({"id": list("abcd"), "label": ["calm", "glad"] * 2})
        >>> rows["predicted"], rows["language"] = ["calm", "glad", "calm", "calm"], list("eeff")
        >>> rows.attrs = {"task": "classification", "classes": ["calm", "glad"]}
        >>> [(one.name, one.uar) for one in group_figures([rows], "language")]
        [('f', 0.5), ('e', 1.0)]
    """
    if any(list(one["id"]) != list(tables[0]["id"]) for one in tables):
        raise ValueError("expected predictions of the same rows in one order for every seed")
    column = tables[0][domain]
    names = sorted({str(name) for name in column[column.notna()] if str(name)})
    sets = [table_statistics(one) for one in tables]
    known = [cluster in one for one in tables]
    clusters = tables[0][cluster].astype(str).to_numpy() if cluster and all(known) else None
    present = tables[0]["label"].groupby(column).nunique()
    found = []
    for name in names:
        rows = (column == name).to_numpy()
        parts = [replace(one, columns=one.columns[rows]) for one in sets]
        whole = int(present[name]) == len(tables[0].attrs["classes"])
        ends = _ends(parts, None if clusters is None else clusters[rows])
        values = [one.values() for one in parts]
        macro = float(np.mean([one["macro_f1"] for one in values])) if whole else None
        uar = float(np.mean([one["uar"] for one in values]))
        found.append(Group(name, int(rows.sum()), int(present[name]), uar, macro, ends))
    return sorted(found, key=lambda one: (one.classes < 2, one.uar, one.name))


def _ends(parts: Sequence[Statistics], clusters: Array | None) -> _Ends:
    """Return the mean ends of the UAR's intervals; None where nothing can be drawn anew."""
    if len(parts[0].columns) < 2 or (clusters is not None and len(set(clusters)) < 2):
        return None
    found = [bootstrap(one, resamples=_RESAMPLES, clusters=clusters)["uar"] for one in parts]
    return float(np.mean([one.low for one in found])), float(np.mean([one.high for one in found]))


def _tables(subject: Subject) -> list[pd.DataFrame]:
    """Return the predictions of the shown split per seed, rows in one order."""
    if subject.split is None or subject.task != "classification":
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


def _chart(found: Sequence[Group], domain: str) -> str:
    """Return intervals of UAR and a table, both of the worst where there are many."""
    shown = [(_short(one, domain), one.uar, *(one.ends or (None, None))) for one in found]
    shown = shown[:_CHARTED]
    of = f", the worst {_CHARTED} of {len(found)}" if len(found) > _CHARTED else ""
    told = "; ".join(f"{row[0]} {number('uar', row[1])}" for row in shown)
    alt = f"UAR by {domain}: {told}."
    chart = figure(f"UAR by {domain}{of}", interval_chart(shown, alt=alt, colour=0))
    rows = [
        [
            _short(one, domain),
            f"{one.rows:,}",
            str(one.classes),
            number("uar", one.uar),
            f"{number('uar', one.ends[0])} to {number('uar', one.ends[1])}" if one.ends else "n/a",
            number("macro_f1", one.macro_f1),
        ]
        for one in found[:_LISTED]
    ]
    header = [domain.capitalize(), "Rows", "Classes", "UAR", "95 % interval", "Macro F1"]
    more = len(found) - _LISTED
    rest = f"<p>{more} more have a higher UAR, or rows of one class only.</p>" if more > 0 else ""
    return chart + table(header, rows) + rest


def _worst(found: Sequence[Group], domain: str) -> str:
    first = found[0]
    if first.classes < 2:
        return ""
    return (
        f"The worst {domain} is {_short(first, domain)} with a UAR of {number('uar', first.uar)} "
        f"({first.rows:,} rows)."
    )


def _short(one: Group, domain: str) -> str:
    return one.name.rpartition("/")[2] if domain == "speaker" else one.name


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
