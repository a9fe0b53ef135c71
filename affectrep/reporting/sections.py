"""The sections of the report, each made of the runs of one configuration."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from affectrep.evaluation.families import Families
from affectrep.evaluation.metric_names import is_natural
from affectrep.evaluation.metrics import AXES
from affectrep.reporting.figures import beside, example, headline, number, title, with_interval
from affectrep.reporting.page import facts, figure, section, table
from affectrep.reporting.plots import bar_chart, heat_map, interval_chart
from affectrep.reporting.subject import Subject

__all__ = [
    "classes",
    "confusions",
    "data_card",
    "figures",
    "side_by_side",
]


def figures(subject: Subject) -> str:
    """Return the headline figures, baselines beside them, and the figures without leaks."""
    if not subject.cards:
        return ""
    card = subject.cards[0]
    percent = f"{100 * card['resampling']['confidence']:.0f} %"
    tiles = "".join(_tile(subject, name, percent) for name in headline(card["task"]))
    parts = [f'<div class="tiles">{tiles}</div>', _axes(subject)]
    parts += [_beside(subject), _without_leaks(subject)]
    words = f"{card['split'].capitalize()} split, {card['n']:,} rows. {_intervals(subject)}"
    if subject.setting:
        words = f"Setting: {subject.setting}. {words}"
    if card["threshold"] is not None:
        words += f" Labels are predicted from {card['threshold']:.2f}, chosen on validation."
    return section(subject.anchor("figures"), subject.heading("Figures"), words, *parts)


def _intervals(subject: Subject) -> str:
    """Say what the intervals of the headline figures are."""
    cluster = subject.cards[0]["resampling"]["cluster"]
    unit = f"{cluster or 'row'}s"
    if subject.over_seeds:
        return (
            f"Each interval is of the mean over {len(subject.cards)} seeds: it allows for other "
            f"{unit} and for other seeds."
        )
    way = f"leaves out one {cluster} at a time" if cluster else "draws the rows anew"
    return f"Each interval {way}.{subject.spans}"


def _tile(subject: Subject, metric: str, percent: str) -> str:
    found = subject.figure(metric)
    span = ""
    if found["low"] is not None:
        span = f"{number(metric, found['low'])} to {number(metric, found['high'])}, {percent}"
    if found["sd"] is not None:
        span += f"<br>sd {number(metric, found['sd'])} over {found['seeds']} seeds"
    return (
        f'<div class="tile"><div class="name">{escape(title(metric))}</div>'
        f'<div class="value">{number(metric, found["value"])}</div>'
        f'<div class="span">{span}</div></div>'
    )


def _axes(subject: Subject) -> str:
    """Return the figures of a regression by axis."""
    if subject.task != "regression":
        return ""
    header = ["Figure", "Mean", *(axis.capitalize() for axis in AXES)]
    rows = []
    for name in headline("regression"):
        names = [name, *(f"{name}_{axis}" for axis in AXES)]
        rows.append([title(name), *(with_interval(one, subject.figure(one)) for one in names)])
    return "<h3>By axis</h3>" + table(header, rows) + _strong_weak(subject)


def _strong_weak(subject: Subject) -> str:
    """Return the figures of rows far from neutral and near it, where they were taken apart."""
    parts = [card["strong_weak"] for card in subject.cards if card.get("strong_weak")]
    there = [part for part in ("strong", "weak") if parts and parts[0]["rows"].get(part)]
    if len(parts) < len(subject.cards) or not there:
        return ""
    counts = parts[0]["rows"]
    header = ["Figure", *(f"{part.capitalize()}, {counts[part]:,} rows" for part in there)]
    rows = []
    for name in headline("regression"):
        found = (subject.figure(f"{part}_{name}", part="strong_weak") for part in there)
        rows.append([title(name), *(with_interval(name, one) for one in found)])
    words = (
        f"Strong: the label lies {parts[0]['threshold']:.2f} or farther from neutral. Labels of "
        "a part vary in another way than those of the whole, and so does its CCC: compare systems "
        f"on one part, never the two parts of one system.{subject.spans}"
    )
    return f"<h3>Strong and weak expressions</h3><p>{words}</p>" + table(header, rows)


def _beside(subject: Subject) -> str:
    baselines = subject.cards[0].get("baselines")
    if not baselines:
        return ""
    names = beside(subject.cards[0]["task"])
    own = {name: subject.figure(name)["value"] for name in names}
    rows = [*baselines, {"system": subject.name, **own}]
    rows.sort(key=lambda row: row[names[1 if subject.task != "regression" else 0]])
    place = next(i for i, row in enumerate(rows) if row["system"] == subject.name)
    cells = [[row["system"], *(number(key, row.get(key)) for key in own)] for row in rows]
    heading = "<h3>Beside baselines</h3>"
    return heading + table(["System", *map(title, own)], cells, own=place)


def _without_leaks(subject: Subject) -> str:
    leaks = subject.cards[0].get("without_leaks")
    if not leaks:
        return ""
    with_all = subject.cards[0]["metrics"]
    rows = [
        [title(name), with_interval(name, with_all[name]), with_interval(name, value)]
        for name, value in leaks["metrics"].items()
    ]
    header = ["Metric", "All rows", f"Without {leaks['leaked']} rows that training also has"]
    whose = f", seed {subject.runs[0].seed}" if len(subject.cards) > 1 else ""
    return f"<h3>With and without leaked rows{whose}</h3>" + table(header, rows)


def confusions(subject: Subject) -> str:
    """Return the confusion matrix, the most confused pairs with examples, and the families."""
    counts = subject.confusion
    if counts is None:
        return ""
    families = subject.families
    known = families or Families([], subject.classes)
    order = known.order() if families else _by_similarity(counts)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [subject.classes[i] for i in order]
    numbers = [int(known.of_class()[i]) for i in order]
    groups = [
        [place for place, n in enumerate(numbers) if n == g] for g in range(len(known.groups))
    ]
    pairs = subject.confused()
    worst = ", ".join(f"{p['true']} as {p['predicted']}" for p in pairs[:3]) or "none"
    alt = f"Confusion matrix of {len(names)} classes. Most frequent errors: {worst}."
    plot = heat_map(shares[np.ix_(order, order)], names, alt=alt, groups=groups)
    words = (
        "Rows are the true class, columns the predicted one, numbers per cent of the row. "
        "Classes that are easily confused stand together"
        + (", families in a frame." if families else ".")
    )
    return section(
        subject.anchor("confusions"),
        subject.heading("Confusions"),
        words,
        figure("", plot),
        _pairs(pairs),
        _families(subject),
    )


def _by_similarity(counts: np.ndarray[Any, Any]) -> list[int]:
    """Order classes so that those that are confused stand side by side."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(counts) < 3:
        return list(range(len(counts)))
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    distance = 1 - (share + share.T) / 2
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return [int(i) for i in leaves_list(tree)]


def _pairs(pairs: Sequence[dict[str, Any]]) -> str:
    if not pairs:
        return ""
    items = []
    for pair in pairs:
        said = "".join(
            f"<blockquote>{escape(example(one))}</blockquote>" for one in pair["examples"]
        )
        items.append(
            f'<li><div class="what">{escape(pair["true"])} → {escape(pair["predicted"])}'
            f"<span>{pair['count']} rows, {100 * pair['share']:.0f} % of the class</span></div>"
            f"{said}</li>"
        )
    return (
        "<h3>Most confused pairs, true → predicted</h3>"
        f'<div class="panel"><ul class="confused">{"".join(items)}</ul></div>'
    )


def _families(subject: Subject) -> str:
    rows = subject.cards[0].get("family_table")
    if not rows:
        return ""
    cells = [
        [
            ", ".join(row["classes"]),
            str(row["rows"]),
            number("f1", row["f1"]),
            f"{number('share', row['errors_inside'])} %",
        ]
        for row in rows
    ]
    header = ["Family", "Rows", "Mean F1", "Errors that stay inside"]
    return "<h3>Families of confusable classes</h3>" + table(header, cells)


def classes(subject: Subject) -> str:
    """Return a bar per class: F1, best first."""
    rows = subject.per_class() if subject.cards and "per_class" in subject.cards[0] else []
    if not rows:
        return ""
    bars = [(row["class"], row["f1"], f"{row['support']:,} rows") for row in rows]
    alt = (
        f"F1 per class, from {bars[0][0]} ({bars[0][1]:.2f}) to {bars[-1][0]} ({bars[-1][1]:.2f})."
    )
    words = "F1 in per cent, and how many rows of the split have the class."
    return section(
        subject.anchor("classes"),
        subject.heading("Classes"),
        words,
        figure("", bar_chart(bars, alt=alt)),
    )


def side_by_side(subjects: Sequence[Subject]) -> str:
    """Return the configurations' headline figures on one axis."""
    shown = [subject for subject in subjects if subject.cards]
    if len(shown) < 2:
        return ""
    parts = []
    for metric in _two(shown[0]):
        found = [(subject.name, subject.figure(metric)) for subject in shown]
        rows = [(name, one["value"], one["low"], one["high"]) for name, one in found]
        told = "; ".join(f"{name} {number(metric, one['value'])}" for name, one in found)
        scale = 1.0 if is_natural(metric) else 100.0
        chart = interval_chart(rows, alt=f"{title(metric)}: {told}.", scale=scale)
        parts.append(figure(title(metric), chart))
    return "".join(parts)


def _two(subject: Subject) -> Sequence[str]:
    """Return the figure that stands for all, and another."""
    known = headline(subject.task)
    if subject.task == "regression":
        return subject.metric, "rmse" if subject.metric != "rmse" else "ccc"
    return known[:2] if subject.metric in known[:2] else known[-2:]


def data_card(subject: Subject) -> str:
    """Return what is known about the corpus."""
    info, prints = subject.info, subject.runs[0].fingerprint
    rows = ", ".join(f"{part['rows']:,} {name}" for name, part in prints.items())
    dropped = "; ".join(f"{count:,} {reason}" for reason, count in info.get("dropped", {}).items())
    values = {
        "Corpus": str(info.get("title", "")),
        "Modality and task": f"{info.get('modality', '')}, {info.get('task', '')}".strip(", "),
        "Classes": ", ".join(info.get("classes") or []),
        "Rows": rows,
        "Left out": dropped or "nothing",
        "Licence": str(info.get("licence", "")),
        "Source": str(info.get("source", "")),
        "Leaks between splits": str(info.get("accept_leaks") or ""),
        "Fingerprint of the test rows": str(prints.get("test", {}).get("content", ""))[:16],
        "Readings of the test split": _readings(subject),
    }
    notes = "".join(f"<li>{escape(note)}</li>" for note in info.get("notes", []))
    more = f'<ul class="notes">{notes}</ul>' if notes else ""
    return section("data", "Data", "", facts(values), more)


def _readings(subject: Subject) -> str:
    from affectrep.evaluation.ledger import how_often

    counts = [how_often(run.path) for run in subject.runs]
    if not any(counts):
        return "none"
    return ", ".join(
        f"seed {run.seed}: {count}" for run, count in zip(subject.runs, counts, strict=True)
    )
