"""Tables for the terminal, made with rich from scorecards and comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.table import Table

from affectrep.evaluation.comparison import LEVEL, Difference
from affectrep.evaluation.metric_names import is_natural
from affectrep.evaluation.nested import NestedDifference
from affectrep.reporting.figures import beside, example, number, p_value, title

__all__ = [
    "baseline_figures",
    "class_table",
    "comparison_table",
    "confusion_table",
    "difference_table",
    "family_figures",
    "mean_verdict",
    "metric_table",
    "target_table",
    "verdict",
]


_CEILING = "Bayes ceiling"


def metric_table(card: Mapping[str, Any], heading: str) -> Table:
    """Return metrics with intervals; a column without leaked rows where there are any."""
    leaks = card.get("without_leaks")
    table = _table(heading)
    table.add_column("metric")
    table.add_column("value", justify="right")
    percent = f"{100 * card['resampling']['confidence']:.0f} % interval"
    table.add_column(percent, justify="right")
    if leaks:
        table.add_column(f"without {leaks['leaked']} leaked rows", justify="right")
    for name, figure in card["metrics"].items():
        cells = [title(name), number(name, figure["value"]), _interval(name, figure)]
        if leaks:
            cells.append(number(name, leaks["metrics"][name]["value"]))
        table.add_row(*cells)
    return table


def class_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return precision, recall, F1 and counts per class."""
    table = _table("Classes")
    table.add_column("class")
    for name in ("precision", "recall", "F1", "rows", "predicted"):
        table.add_column(name, justify="right")
    for row in rows:
        shares = [number("f1", row[key]) for key in ("precision", "recall", "f1")]
        table.add_row(row["class"], *shares, str(row["support"]), str(row["predicted"]))
    return table


def confusion_table(pairs: Iterable[Mapping[str, Any]]) -> Table:
    """Return the most confused pairs, each with a row: its text, or its id and whose it is."""
    table = _table("Most confused")
    pairs = list(pairs)
    longest = max((len(f"{pair['true']} → {pair['predicted']}") for pair in pairs), default=0)
    table.add_column("true → predicted", no_wrap=True, min_width=longest)
    table.add_column("rows", justify="right", min_width=4)
    table.add_column("of the class", justify="right", min_width=12)
    table.add_column("for example", overflow="ellipsis", no_wrap=True)
    for pair in pairs:
        said = [example(one).strip("“”") for one in pair.get("examples") or []]
        share = f"{number('share', pair['share'])} %"
        name = f"{pair['true']} → {pair['predicted']}"
        table.add_row(name, str(pair["count"]), share, said[0] if said else "")
    return table


def family_figures(families: Iterable[Mapping[str, Any]]) -> Table:
    """Return F1 and the share of errors inside, per family."""
    table = _table("Families of confusable classes")
    table.add_column("family")
    for name in ("rows", "F1", "errors", "of these inside"):
        table.add_column(name, justify="right")
    for family in families:
        inside = f"{number('share', family['errors_inside'])} %"
        names = ", ".join(family["classes"])
        f1 = number("f1", family["f1"])
        table.add_row(names, str(family["rows"]), f1, str(family["errors"]), inside)
    return table


def difference_table(found: Mapping[str, Difference], heading: str) -> Table:
    """Return effects with intervals, p, and the smallest effect that could have been seen."""
    table = _table(heading)
    table.add_column("metric")
    for name in ("A", "B", "A - B", "95 % interval", "p", "smallest detectable"):
        table.add_column(name, justify="right")
    for name, one in found.items():
        table.add_row(title(name), *_effect(one), p_value(one.p), number(name, one.detectable))
    return table


def target_table(
    targets: Mapping[str, Difference], mean: NestedDifference, heading: str, *, other: str = "B"
) -> Table:
    """Return one metric's difference on each target, then that of the mean with both intervals.

    Args:
        targets: by the name of the target.
        mean: over these targets.
        heading: above the table.
        other: letter of the side that A is compared with.
    """
    table = _table(heading)
    table.padding = (0, 1, 0, 0)  # fits into 80 columns
    table.add_column("target", no_wrap=True)
    for name in ("A", other, f"A - {other}"):
        table.add_column(name, justify="right")
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("p", justify="right", min_width=len("< 0.001"))
    table.add_column("smallest detectable", justify="right", min_width=len("detectable"))
    means = {"mean, these targets (a)": mean.fixed, "mean, targets drawn (b)": mean.drawn}
    for name, one in targets.items():
        table.add_row(name, *_effect(one), p_value(one.p), number(one.metric, one.detectable))
    table.add_section()
    for name, found in means.items():
        if found is not None:
            detectable = number(found.metric, found.detectable)
            table.add_row(name, *_effect(found), p_value(found.p), detectable)
    return table


def comparison_table(found: Mapping[str, Difference], heading: str) -> Table:
    """Return comparisons of side A with several, in one metric, with Holm's p and a verdict.

    Args:
        found: by the letter or short name of the other side, adjusted together.
        heading: above the table.
        other: letter of the side that A is compared with.
    """
    table = _table(heading)
    table.padding = (0, 1, 0, 0)  # fits into 80 columns
    table.add_column("")
    for name in ("A", "other", "effect"):
        table.add_column(name, justify="right")
    table.add_column("95 % interval", justify="right", no_wrap=True)
    for name in ("p", "Holm's p"):
        table.add_column(name, justify="right", min_width=len("< 0.001"))
    table.add_column("smallest detectable", justify="right", min_width=len("detectable"))
    table.add_column("verdict", min_width=len("verdict"))
    for name, one in found.items():
        ps = [p_value(one.p), "" if one.holm is None else p_value(one.holm)]
        detectable = number(one.metric, one.detectable)
        table.add_row(name, *_effect(one), *ps, detectable, _way(one))
    return table


def _effect(one: Difference) -> list[str]:
    name = one.metric
    return [
        number(name, one.a),
        number(name, one.b),
        number(name, one.effect, sign=True),
        f"[{number(name, one.low, sign=True)}, {number(name, one.high, sign=True)}]",
    ]


def _way(one: Difference) -> str:
    if not one.told_apart:
        return "not told apart"
    return "A above" if one.effect > 0 else "A below"


def verdict(one: Difference, name_a: str, name_b: str) -> str:
    """Say in words what a comparison shows; one of several is judged by Holm's p.

    Example:
        >>> same = Difference("accuracy", 0.65, 0.648, 0.002, -0.006, 0.01, 0.6, 0.011, 5, 0.0)
        >>> verdict(same, "supcon", "ce")
        'supcon and ce cannot be told apart in accuracy: an effect below 1.1 points could not
        have been seen.'
    """
    metric = title(one.metric)
    metric = metric if metric.isupper() else metric[0].lower() + metric[1:]
    unit = "" if is_natural(one.metric) else " points"
    if one.effect == one.low == one.high == 0:
        return f"{name_a} and {name_b} are the same in {metric}, row for row."
    if one.holm is not None and one.p < LEVEL <= one.holm:
        return (
            f"{name_a} and {name_b} cannot be told apart in {metric} once Holm's method allows "
            f"for all comparisons (p {p_value(one.p)}, Holm's p {p_value(one.holm)})."
        )
    if not one.told_apart:
        return (
            f"{name_a} and {name_b} cannot be told apart in {metric}: an effect below "
            f"{number(one.metric, one.detectable)}{unit} could not have been seen."
        )
    way = "above" if one.effect > 0 else "below"
    size = number(one.metric, abs(one.effect))
    ends = sorted((abs(one.low), abs(one.high)))
    span = " to ".join(number(one.metric, end) for end in ends)
    return f"{name_a} lies {size}{unit} {way} {name_b} in {metric} (interval {span})."


def mean_verdict(mean: NestedDifference, name_a: str, name_b: str, *, targets: int) -> list[str]:
    """Say in words what a comparison over targets shows: for these, and for others like them.

    For others it never claims more than for these: a few targets that agree can do so by luck.

    Example:
        >>> same = Difference("uar", 0.6, 0.58, 0.02, -0.01, 0.05, 0.1, 0.04, 5, 0.0)
        >>> mean_verdict(NestedDifference(same, same), "supcon", "ce", targets=5)
        ['On these 5 targets: supcon and ce cannot be told apart in UAR: an effect below 4.0 points
        could not have been seen.', 'On other targets like these: supcon and ce cannot be told apart
        in UAR: an effect below 4.0 points could not have been seen.']
    """
    here = verdict(mean.fixed, name_a, name_b)
    if mean.drawn is None:
        return [here]
    there = verdict(mean.drawn, name_a, name_b)
    if 0 < mean.drawn.high - mean.drawn.low < mean.fixed.high - mean.fixed.low:
        there = (
            "the same, as far as so few show. They differ no more than their speakers and seeds "
            "explain."
        )
    return [f"On these {targets} targets: {here}", f"On other targets like these: {there}"]


def _interval(name: str, figure: Mapping[str, Any]) -> str:
    if figure.get("low") is None:
        return "n/a"
    return f"[{number(name, figure['low'])}, {number(name, figure['high'])}]"


def _table(heading: str) -> Table:
    return Table(title=heading, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")


def baseline_figures(card: Mapping[str, Any], name: str) -> Table:
    """Return the model between its baselines and, where it is known, the best possible."""
    table = _table("Beside it")
    table.add_column("system")
    metrics = beside(card["task"])
    for metric in metrics:
        table.add_column(title(metric), justify="right")
    rows = [row for row in card["baselines"] if row["system"] != _CEILING]
    ceilings = [row for row in card["baselines"] if row["system"] == _CEILING]
    own = {metric: card["metrics"][metric]["value"] for metric in metrics}
    for row in [*rows, {"system": name, **own}, *ceilings]:
        table.add_row(row["system"], *(number(metric, row.get(metric)) for metric in metrics))
    return table
