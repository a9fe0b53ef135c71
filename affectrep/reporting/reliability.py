"""The section about calibration: what the model says against what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from affectrep.evaluation.metrics import AXES
from affectrep.reporting.figures import number, title, with_interval
from affectrep.reporting.page import figure, notice, section, table
from affectrep.reporting.plane import lettering
from affectrep.reporting.subject import Subject

__all__ = ["reliability", "reliability_chart"]

Bin = Mapping[str, float]
_WIDTH, _SIDE, _LEFT, _BARS, _GAP = 390, 318, 56, 54, 12
_NOT = "Not calibrated: a ranking. The scores of this classifier put classes in order, and no more."
_TOLD = {
    "classification": (
        "How often the model was right, by how sure it was of its answer. On the diagonal a "
        "probability means what it says; below it the model is too sure, above it not sure enough."
    ),
    "multilabel": (
        "How often a label was true, by the probability that the model gave it: each label of each "
        "row counts. On the diagonal a probability means what it says. Where most labels are "
        "improbable, the calibration error is small whatever is said of the others."
    ),
    "regression": (
        "The mean true value, by what the model predicted, in bins of equally many rows. Slope 1 "
        "and intercept 0 is the diagonal; a slope below 1 says that predictions reach too far out."
    ),
}
_INDEPENDENT = " Upright lines are intervals that take rows for independent."


def reliability(subject: Subject) -> str:
    """Return the diagrams, the figures and the temperature; empty where no card has them."""
    cards = [card["calibration"] for card in subject.cards if card.get("calibration")]
    if not cards:
        return ""
    heading, place = subject.heading("Reliability"), subject.anchor("reliability")
    if any(card.get("ranking") for card in cards) or subject.runs[0].gives_rankings:
        return section(place, heading, "", notice(_NOT))
    if len(cards) < len(subject.cards):
        return ""
    words = _TOLD[subject.task] + _INDEPENDENT
    if len(cards) > 1:
        words += " The diagrams are of the first seed, the figures means over seeds."
        words += subject.spans
    charts = _axis_charts(cards[0]) if subject.task == "regression" else _charts(cards[0], subject)
    said = "".join(f"<p>{escape(one)}</p>" for one in _sentences(subject, cards))
    parts = (
        said,
        f'<div class="pair">{charts}</div>',
        _figures(subject, cards),
        _numbers(cards[0]),
    )
    return section(place, heading, words, *parts)


def reliability_chart(
    bins: Sequence[Bin],
    *,
    alt: str,
    names: tuple[str, str],
    limits: tuple[float, float] = (0.0, 1.0),
    heaps: Sequence[Bin] = (),
) -> str:
    """Return a dot for each bin with its interval, the diagonal, and a histogram below.

    Args:
        bins: said, found, low, high, count, start and end of each.
        alt: what the plot shows.
        names: of the axis below and of the axis at the left.
        limits: of both axes; what lies outside is drawn at the edge.
        heaps: bins whose counts are the histogram; none: no histogram.

    Raises:
        ValueError: if there is no bin.

    Example:
        >>> one = {"said": 0.8, "found": 0.6, "low": 0.4, "high": 0.8, "count": 9}
        >>> reliability_chart([one], alt="One bin.", names=("said", "true")).count("<circle")
        1
    """
    if not bins:
        raise ValueError("a reliability diagram needs at least one bin")

    def along(value: float) -> float:
        share = (value - limits[0]) / (limits[1] - limits[0])
        return _SIDE * float(np.clip(share, 0, 1))

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + along(x), 6 + _SIDE - along(y)

    below = 6 + _SIDE + (_GAP + _BARS if heaps else 0)
    parts = _frame(at, limits, below)
    parts += _heaps(heaps, along, below)
    for one in bins:
        (x, y), low, high = (
            at(one["said"], one["found"]),
            *(at(one["said"], one[end])[1] for end in ("low", "high")),
        )
        words = (
            f"said {one['said']:.2f}, found {one['found']:.2f} "
            f"({one['low']:.2f} to {one['high']:.2f}), {one['count']:,} in the bin"
        )
        parts.append(
            f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="var(--s0)" stroke-width="3" '
            'stroke-linecap="round" opacity=".45"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="var(--s0)" stroke="var(--card)">'
            f"<title>{escape(words)}</title></circle>"
        )
    parts.append(lettering(names[0], (_LEFT + _SIDE / 2, below + 36), anchor="middle"))
    turned = f"translate(12 {6 + _SIDE / 2:.1f}) rotate(-90)"
    parts.append(f'<text text-anchor="middle" transform="{turned}">{escape(names[1])}</text>')
    return (
        f'<svg viewBox="0 0 {_WIDTH} {below + 42}" role="img" '
        f'aria-label="{escape(alt, quote=True)}" style="max-width:{1.25 * _WIDTH:.0f}px">'
        f"{''.join(parts)}</svg>"
    )


def _frame(at: Any, limits: tuple[float, float], below: float) -> list[str]:
    """Return the grid, its numbers and the diagonal."""
    parts = []
    for tick in np.linspace(*limits, 5):
        (x, low), (_, high) = at(tick, limits[0]), at(tick, limits[1])
        (first, y), (last, _) = at(limits[0], tick), at(limits[1], tick)
        parts.append(
            f'<path class="grid" d="M{x:.1f} {low:.1f}V{high:.1f}M{first:.1f} {y:.1f}H{last:.1f}"/>'
        )
        parts.append(lettering(f"{tick:g}", (x, below + 18), anchor="middle"))
        parts.append(lettering(f"{tick:g}", (first - 8, y + 4), anchor="end"))
    start, end = at(limits[0], limits[0]), at(limits[1], limits[1])
    parts.append(
        f'<path d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}" fill="none" '
        'stroke="var(--soft)" stroke-width="1.5" stroke-dasharray="5 4"/>'
    )
    return parts


def _heaps(heaps: Sequence[Bin], along: Any, below: float) -> list[str]:
    """Return the histogram: a bar for each bin, as high as its share of the highest."""
    highest = max((one["count"] for one in heaps), default=1)
    parts = []
    for one in heaps:
        left, right = along(one["start"]), along(one["end"])
        tall = max(0.8, _BARS * one["count"] / highest)
        words = f"{one['start']:.2f} to {one['end']:.2f}: {one['count']:,}"
        parts.append(
            f'<rect x="{_LEFT + left + 0.7:.1f}" y="{below - tall:.1f}" '
            f'width="{max(0.5, right - left - 1.4):.1f}" height="{tall:.1f}" '
            f'fill="var(--s1)" opacity=".8"><title>{escape(words)}</title></rect>'
        )
    return parts


def _charts(card: Mapping[str, Any], subject: Subject) -> str:
    """Return the diagrams with bins of equal width and of equal mass."""
    single = subject.task == "classification"
    names = ("probability of the answer" if single else "probability of the label",)
    found, heaps = [], card["bins"]["width"]
    for key, caption in (("width", "Bins of equal width"), ("mass", "Bins of equal mass")):
        bins = card["bins"][key]
        told = _alt(bins, "of the answers right" if single else "of the labels true")
        chart = reliability_chart(
            bins,
            alt=f"Reliability, {caption.lower()}. {told}",
            names=(*names, "share that was right" if single else "share that was true"),
            heaps=heaps,
        )
        found.append(figure(caption, chart))
    return "".join(found)


def _axis_charts(card: Mapping[str, Any]) -> str:
    found = []
    for axis in AXES:
        bins = card["bins"][axis]
        alt = (
            f"True {axis} by predicted {axis} in {len(bins)} bins, from {bins[0]['found']:.2f} "
            f"where {bins[0]['said']:.2f} was predicted to {bins[-1]['found']:.2f} where "
            f"{bins[-1]['said']:.2f} was."
        )
        names = (f"predicted {axis}", f"mean true {axis}")
        chart = reliability_chart(bins, alt=alt, names=names, limits=(-1.0, 1.0))
        found.append(figure(axis.capitalize(), chart))
    return "".join(found)


def _alt(bins: Sequence[Bin], words: str) -> str:
    worst = max(bins, key=lambda one: one["count"] * abs(one["said"] - one["found"]))
    return (
        f"{len(bins)} bins. The one that counts most against the model: said "
        f"{100 * worst['said']:.0f} %, {100 * worst['found']:.0f} % {words}."
    )


def _sentences(subject: Subject, cards: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how far off the model is, beside a calibrated one, and what a temperature gives."""
    if subject.task == "regression":
        return []
    value = subject.figure("ece", part="calibration")["value"]
    calibrated = [card["expected"]["ece"] for card in cards]
    mean, high = (float(np.mean([one[key] for one in calibrated])) for key in ("mean", "high"))
    said = [
        f"The calibration error is {_percent(value)}. A perfectly calibrated model would have "
        f"{_percent(mean)} on so many rows, and up to {_percent(high)} in 19 of 20 cases"
        f"{'.' if value > high else ': this one cannot be told from such a model.'}"
    ]
    if subject.cards[0]["resampling"]["cluster"]:
        cluster = subject.cards[0]["resampling"]["cluster"]
        said[0] += f" Rows of one {cluster} err together, which this does not count."
    return said + _temperature(value, [card.get("temperature") for card in cards])


def _temperature(value: float, found: Sequence[Mapping[str, Any] | None]) -> list[str]:
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return []
    if any(one["at_end"] for one in known):
        return ["No temperature fits the validation rows: the best one lies outside 0.05 to 20."]
    told = f"{np.mean([one['value'] for one in known]):.2f}"
    start = f"A temperature of {told}, fitted on {known[0]['rows']:,} validation rows, would give "
    if not known[0]["metrics"]:
        return [f"A temperature of {told} fits these very rows best; no prediction was changed."]
    then = float(np.mean([one["metrics"]["ece"] for one in known]))
    ends = f"a calibration error of {_percent(then)} instead of {_percent(value)}"
    return [f"{start}{ends}. No prediction was changed."]


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if share >= 0.01 else 2}f} %"


def _figures(subject: Subject, cards: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures, those of a calibrated model, and those after the temperature."""
    expected = [card["expected"] for card in cards if "expected" in card]
    cooled = [one["metrics"] for card in cards if (one := card.get("temperature"))]
    cooled = cooled if len(cooled) == len(cards) and all(cooled) else []
    header = ["Figure", "Value"]
    header += ["If calibrated"] * bool(expected) + ["With the temperature"] * bool(cooled)
    rows = []
    for name in cards[0]["metrics"]:
        if any(name not in card["metrics"] for card in cards):
            continue
        cells = [title(name), with_interval(name, subject.figure(name, part="calibration"))]
        if expected:
            known = [one[name]["mean"] for one in expected if name in one]
            cells.append(number(name, float(np.mean(known))) if known else "")
        if cooled:
            cells.append(number(name, float(np.mean([one[name] for one in cooled]))))
        rows.append(cells)
    return table(header, rows) if rows else ""


def _numbers(card: Mapping[str, Any]) -> str:
    """Return the bins as tables that open on demand."""
    names = {"width": "bins of equal width", "mass": "bins of equal mass"}
    header = ["Bin", "Count", "Said", "Found", "Interval"]
    parts = []
    for key, bins in card["bins"].items():
        rows = [
            [
                f"{one['start']:.3f} to {one['end']:.3f}",
                f"{one['count']:,}",
                *(f"{one[name]:.3f}" for name in ("said", "found")),
                f"{one['low']:.3f} to {one['high']:.3f}",
            ]
            for one in bins
        ]
        words = f"Numbers of the {names.get(key, key + ' diagram')}"
        parts.append(
            f'<details style="margin-top:1rem"><summary>{words}</summary>{table(header, rows)}'
            "</details>"
        )
    return "".join(parts)
