"""The section about persons: how far the figures differ from one person to the next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from affectrep.evaluation.metrics import AXES
from affectrep.reporting.figures import number
from affectrep.reporting.page import figure, notice, section, table
from affectrep.reporting.plane import lettering, signed
from affectrep.reporting.subject import Subject

__all__ = ["Strip", "person_banners", "persons", "strip_chart"]

Person = Mapping[str, Any]
Strip = Sequence[tuple[str, float]]  # name and value of each person
_LISTED = 10
_DOTS = 800  # of a strip in a report with one configuration or two: half of it
_STEPS = (0.05, 0.1, 0.2, 0.25, 0.5)
_WIDTH, _LEFT, _HIGH, _DOT = 390, 66, 84, 3.0
_WORDS = (
    "Each dot is a person. A model that is independent of the person has them close together; "
    "rest the pointer on a dot to read who it is. The CCC of a person whose faces hardly differ "
    "is low even where the errors are small."
)


def persons(subject: Subject, *, subjects: int = 1) -> str:
    """Return the persons' own figures and their share of the errors; empty where none is known.

    Args:
        subject: whose scorecards.
        subjects: how many the report shows; they share the number of dots.
    """
    card = next((one["persons"] for one in subject.cards if one.get("persons")), None)
    if card is None or not card.get("table"):
        return ""
    told = card["sentence"]
    first = f'<p class="verdict">{escape(told)}</p>' if card["independent"] else notice(told)
    said = "".join(
        f"<p>{escape(words)}</p>" for words in (*_shares(subject, card), *card["warnings"])
    )
    dots = _DOTS // max(2, subjects)
    charts = "".join(_chart(card["table"], name, dots) for name in ("ccc", "rmse"))
    several = (
        " Persons are those of the first seed, shares are means." if len(subject.cards) > 1 else ""
    )
    words = f"{card['persons']:,} people of the {subject.split} split.{several} "
    heading = subject.heading("Persons")
    parts = (first, said, f'<div class="pair">{charts}</div>', _worst(card["table"]))
    return section(subject.anchor("persons"), heading, words + _WORDS, *parts)


def person_banners(subjects: Sequence[Subject]) -> list[str]:
    """Return what must be seen first: why figures are not independent of the person.

    Args:
        subjects: of the report; the same sentence is said once.
    """
    cards = [card["persons"] for one in subjects for card in one.cards if card.get("persons")]
    return list(dict.fromkeys(card["sentence"] for card in cards if not card["independent"]))


def strip_chart(strips: Mapping[str, Strip], *, alt: str, reach: Sequence[float] = ()) -> str:
    """Return a dot for each person along one axis, a strip for each figure.

    Dots that would hide one another are stacked; a line marks the mean.

    Args:
        strips: name of the figure -> name and value of each person.
        alt: what the plot shows.
        reach: values that the axis holds whatever the persons have.

    Raises:
        ValueError: if a strip has no value, or one is not finite.

    Example:
        >>> strip_chart({"valence": [("p1", 0.5), ("p2", 0.5)]}, alt="Two.").count("<circle")
        2
    """
    values = [value for strip in strips.values() for _, value in strip]
    if not all(strips.values()) or not values or not all(map(math.isfinite, values)):
        raise ValueError("a strip chart needs finite values, at least one")
    ticks = _ticks(min([*values, *reach]), max([*values, *reach]))
    height = _HIGH * len(strips)

    def place(value: float) -> float:
        return _LEFT + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (_WIDTH - _LEFT - 12)

    parts = []
    for tick in ticks:
        x = place(tick)
        parts.append(f'<path class="grid" d="M{x:.1f} 0V{height}"/>')
        parts.append(lettering(f"{tick:g}", (x, height + 18), anchor="middle"))
    for line, (name, strip) in enumerate(strips.items()):
        middle = (line + 0.5) * _HIGH
        parts.append(lettering(name, (_LEFT - 14, middle + 4), anchor="end", kind="name"))
        parts.append(_strip(strip, [place(value) for _, value in strip], line))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height + 24}" role="img" '
        f'aria-label="{escape(alt, quote=True)}" style="max-width:{1.25 * _WIDTH:.0f}px">'
        f"{''.join(parts)}</svg>"
    )


def _strip(strip: Strip, places: Sequence[float], line: int) -> str:
    """Return the dots of a strip and a line at their mean."""
    middle, mean = (line + 0.5) * _HIGH, sum(places) / len(places)
    return (
        f'<g fill="var(--s{line})" fill-opacity=".6" stroke="var(--card)" stroke-width=".6">'
        f'{_stacked(strip, places, middle)}</g><path stroke="var(--ink)" stroke-width="2" '
        f'd="M{mean:.1f} {middle - 0.42 * _HIGH:.1f}V{middle + 0.42 * _HIGH:.1f}"/>'
    )


def _stacked(strip: Strip, places: Sequence[float], middle: float) -> str:
    """Return dots, those at about one place above and below the middle in turn."""
    columns: dict[int, list[int]] = {}
    for row in sorted(range(len(strip)), key=lambda row: (places[row], strip[row][0])):
        columns.setdefault(int(places[row] // (2 * _DOT)), []).append(row)
    most = max(map(len, columns.values()))
    step = min(2.1 * _DOT, 0.84 * _HIGH / most)
    dots = []
    for rows in columns.values():
        for turn, row in enumerate(rows):
            shift = step * ((turn + 1) // 2) * (-1 if turn % 2 else 1)
            name, value = strip[row]
            dots.append(
                f'<circle cx="{places[row]:.1f}" cy="{middle + shift:.1f}" r="{_DOT}">'
                f"<title>{escape(name)}: {value:.3f}</title></circle>"
            )
    return "".join(dots)


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers that enclose both ends, at most seven of a short range."""
    step = next((one for one in _STEPS if (high - low) / one <= 5), math.ceil(high - low))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return [round(place * step, 10) for place in range(first, last + 1)]


def _chart(people: Sequence[Person], metric: str, dots: int) -> str:
    strips: dict[str, Strip] = {
        axis: [
            (f"{_short(one)}, {one['n']:,} rows", float(one[f"{metric}_{axis}"]))
            for one in people
            if one.get(f"{metric}_{axis}") is not None
        ]
        for axis in AXES
    }
    strips = {axis: _thinned(strip, dots) for axis, strip in strips.items() if strip}
    if not strips:
        return ""
    told = "; ".join(
        f"{axis} from {min(v for _, v in strip):.2f} to {max(v for _, v in strip):.2f}"
        for axis, strip in strips.items()
    )
    name = metric.upper()
    alt = f"{name} of each person: {told}."
    many = "of each person" if max(map(len, strips.values())) < dots else f"of {dots} persons"
    caption = f"{name} {many}; the line is their mean"
    return figure(caption, strip_chart(strips, alt=alt, reach=[0] if metric == "rmse" else [1]))


def _thinned(strip: Strip, most: int) -> Strip:
    """Return at most so many persons, evenly from the lowest to the highest."""
    if len(strip) < most:
        return strip
    order = sorted(strip, key=lambda one: one[1])
    return [order[round(place * (len(order) - 1) / (most - 1))] for place in range(most)]


def _shares(subject: Subject, card: Mapping[str, Any]) -> list[str]:
    """Say how much of the errors belongs to the person, mean over seeds."""
    found = []
    for axis in AXES:
        name = f"person_share_{axis}"
        if any(name not in one["persons"]["metrics"] for one in subject.cards if "persons" in one):
            continue
        one = subject.figure(name, part="persons")
        if not math.isfinite(one["value"] if one["value"] is not None else math.nan):
            continue
        span = ""
        if one["low"] is not None:
            whose = "intervals of the seeds" if subject.spans else "interval"
            span = f" (95 % {whose} {100 * one['low']:.0f} to {100 * one['high']:.0f})"
        cards = [each["persons"] for each in subject.cards if each.get("persons")]
        spreads = [each["axes"][axis]["between_sd"] for each in cards]
        own = ""
        if None not in spreads:
            mean = sum(spreads) / len(spreads)
            own = f"; mean errors of persons differ by a sd of {mean:.3f}"
        found.append(
            f"{axis.capitalize()}: {100 * one['value']:.0f} % of the variance of the errors lies "
            f"between persons{span}{own}. {_ends(card['axes'][axis])}".strip()
        )
    return found


def _ends(axis: Mapping[str, Any]) -> str:
    best, worst = axis.get("best"), axis.get("worst")
    if not best or not worst:
        return ""
    told = (
        f"{_short(one)} with a CCC of {number('ccc', one['ccc'])} ({one['n']:,} rows)"
        for one in (best, worst)
    )
    return "Best is {}, worst {}.".format(*told)


def _worst(people: Sequence[Person]) -> str:
    """Return a table of the persons with the largest errors."""
    order = sorted(people, key=lambda one: -sum(one[f"rmse_{axis}"] ** 2 for axis in AXES))
    header = ["Person", "Rows"]
    header += [f"{name} {axis}" for axis in AXES for name in ("RMSE", "Bias", "CCC")]
    rows = []
    for one in order[:_LISTED]:
        cells = [_short(one), f"{one['n']:,}"]
        for axis in AXES:
            cells.append(number("rmse", one[f"rmse_{axis}"]))
            cells.append(signed(one[f"bias_{axis}"], 3))
            cells.append(number("ccc", one[f"ccc_{axis}"]))
        rows.append(cells)
    heading = "Largest errors" if len(order) > _LISTED else "By person, largest errors first"
    return f"<h3>{heading}</h3>" + table(header, rows)


def _short(one: Person) -> str:
    return str(one["subject"]).rpartition("/")[2]
