"""The section with the plane of valence and arousal: where predictions miss, and which way."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.metrics import AXES, regression_metrics
from affectrep.evaluation.predictions import table_targets
from affectrep.evaluation.quadrants import quadrant
from affectrep.reporting.figures import number
from affectrep.reporting.page import figure, section
from affectrep.reporting.plane import Plane, arrow, lettering, signed
from affectrep.reporting.subject import Subject, finite_rows

__all__ = ["arrow_chart", "axis_chart", "field_chart", "place_words", "va_plane"]

Array = NDArray[Any]
_ARROWS, _POINTS = 300, 1000  # of a report with up to two configurations; more share twice as many
_CELLS, _FEWEST = 10, 5  # cells along an axis; rows of a cell whose mean is shown
_BINS = 10  # of an axis
_WORDS = (
    "Right is pleasant, up is aroused. In the field a cell of stronger colour has larger errors, "
    "and its arrow goes from the mean true place to the mean predicted one: arrows that all point "
    "to the middle say that the model plays safe. On each axis the line is the mean prediction for "
    "faces of about one true value, the bars are one standard deviation; a perfect model lies on "
    "the dashes."
)


def va_plane(subject: Subject, *, subjects: int = 1) -> str:
    """Return the errors of one seed in the plane and on each axis; empty for other tasks.

    Args:
        subject: whose predictions.
        subjects: how many the report shows; they share the number of points.
    """
    found = subject.first_table() if subject.task == "regression" else None
    if found is None:
        return ""
    run, table = found[0], finite_rows(found[1])
    if table.empty:
        return ""
    share = min(1.0, 2 / max(1, subjects))
    true, said = table_targets(table)
    arrows = _sample(table, int(_ARROWS * share))
    few = f"{len(arrows)} of {len(table):,} rows" if len(arrows) < len(table) else "All rows"
    names = [str(name) for name in table["id"].iloc[arrows]]
    charts = [
        figure(
            f"{few}: from the true place (dot) to the predicted one",
            arrow_chart(true[arrows], said[arrows], names),
        ),
        figure(f"Mean error by true place, all {len(table):,} rows", field_chart(true, said)),
    ]
    points = _sample(table, int(_POINTS * share))
    for place, axis in enumerate(AXES):
        one = regression_metrics(true[:, place], said[:, place])
        told = ", ".join(f"{key.upper()} {number(key, one[key])}" for key in ("ccc", "pcc", "rmse"))
        chart = axis_chart(true[:, place], said[:, place], axis=axis, drawn=points)
        charts.append(figure(f"{axis.capitalize()}: {told}", chart))
    words = f"Predictions of seed {run.seed} for the {subject.split} split. {_WORDS}"
    if len(table) < len(found[1]):
        words += f" {len(found[1]) - len(table):,} rows without a finite prediction are left out."
    inside = f'<div class="pair">{"".join(charts)}</div>'
    return section(subject.anchor("plane"), subject.heading("Valence and arousal"), words, inside)


def arrow_chart(true: Array, said: Array, names: Sequence[str]) -> str:
    """Return an arrow for each row from the true place to the predicted one.

    Args:
        true: ``(rows, 2)`` valence and arousal in [-1, 1].
        said: ``(rows, 2)`` predicted.
        names: of the rows, shown when the pointer rests on one.

    Raises:
        ValueError: if there is no row, or a value is not finite.

    Example:
        >>> arrow_chart(np.zeros((1, 2)), np.array([[0.5, 0.2]]), ["a"]).count("<title>")
        1
    """
    plane = _plane(true, said)
    lines, dots = [], []
    for name, start, end in zip(names, true.tolist(), said.tolist(), strict=True):
        tail, tip = plane.at(start[0], start[1]), plane.at(end[0], end[1])
        words = f"{name}: true {place_words(*start)}, predicted {place_words(*end)}"
        lines.append(f'<path d="{arrow(tail, tip)}"><title>{escape(words)}</title></path>')
        dots.append(f'<circle cx="{tail[0]:.1f}" cy="{tail[1]:.1f}" r="1.8"/>')
    parts = [
        *plane.grid("valence", "arousal"),
        '<g fill="none" stroke="var(--s0)" stroke-width="1.1" stroke-opacity=".65">',
        *lines,
        '</g><g fill="var(--ink)" fill-opacity=".7">',
        *dots,
        "</g>",
        *_corners(plane),
    ]
    error = float(np.linalg.norm(said - true, axis=1).mean())
    alt = (
        f"Error arrows of {len(true):,} rows in the plane of valence and arousal; their mean "
        f"length is {error:.2f}."
    )
    return plane.svg(parts, alt)


def field_chart(true: Array, said: Array, *, cells: int = _CELLS) -> str:
    """Return the mean error of the rows of each cell of the plane, as a shade and an arrow.

    Cells with fewer than five rows stay empty.

    Args:
        true: ``(rows, 2)`` valence and arousal in [-1, 1].
        said: ``(rows, 2)`` predicted.
        cells: along an axis.

    Raises:
        ValueError: if there is no row, or a value is not finite.

    Example:
        >>> field_chart(np.full((5, 2), 0.5), np.full((5, 2), 0.3)).count("<title>")
        1
    """
    plane = _plane(true, said)
    lengths = np.linalg.norm(said - true, axis=1)
    codes = np.clip(((true + 1) / 2 * cells).astype(int), 0, cells - 1)
    found = []
    for cell in sorted({(int(x), int(y)) for x, y in codes}):
        rows = (codes == cell).all(axis=1)
        if rows.sum() >= _FEWEST:
            found.append((cell, rows, float(lengths[rows].mean())))
    means = [mean for _, _, mean in found] or [0.0]
    least, span = min(means), max(max(means) - min(means), 1e-9)
    shades = []
    for (x, y), rows, mean in found:
        words = f"{int(rows.sum()):,} rows, mean error {mean:.2f}"
        strength = 0.08 + 0.62 * (mean - least) / span
        corner = plane.at(2 * x / cells - 1, 2 * (y + 1) / cells - 1)
        shades.append(_cell(corner, plane.side / plane.limit / cells, strength, words))
    arrows = [_shift(plane, true[rows], said[rows]) for _, rows, _ in found]
    parts = [
        *shades,
        *plane.grid("valence", "arousal"),
        '<g fill="none" stroke="var(--ink)" stroke-width="1.4" pointer-events="none">',
        *arrows,
        "</g>",
        lettering(_scale(means), (plane.size - 16, plane.size - 6), anchor="end"),
    ]
    alt = (
        f"Mean error of {len(true):,} rows by their true place, in {len(found)} cells with at "
        f"least {_FEWEST} rows; the largest is {max(means):.2f}."
    )
    return plane.svg(parts, alt)


def axis_chart(true: Array, said: Array, *, axis: str, drawn: Array | None = None) -> str:
    """Return predictions against true values of one axis, with their mean and spread.

    Args:
        true: ``(rows,)`` in [-1, 1].
        said: ``(rows,)`` predicted.
        axis: its name.
        drawn: rows that get a point; None for all. The line is of all rows.

    Raises:
        ValueError: if there is no row, or a value is not finite.

    Example:
        >>> axis_chart(np.zeros(3), np.ones(3), axis="valence").count("<circle")
        3
    """
    plane = _plane(true, said)
    drawn = np.arange(len(true)) if drawn is None else drawn
    low, high = plane.at(-1, -1), plane.at(1, 1)
    dots = [
        '<circle cx="{:.1f}" cy="{:.1f}" r="2"/>'.format(*plane.at(x, y))
        for x, y in zip(true[drawn].tolist(), said[drawn].tolist(), strict=True)
    ]
    line, bars = _means(plane, true, said)
    parts = [
        *plane.grid(f"true {axis}", f"predicted {axis}"),
        f'<path stroke="var(--soft)" stroke-dasharray="5 4" fill="none" '
        f'd="M{low[0]:.1f} {low[1]:.1f}L{high[0]:.1f} {high[1]:.1f}"/>',
        f'<g fill="var(--s0)" fill-opacity=".35">{"".join(dots)}</g>',
        f'<path stroke="var(--s1)" stroke-width="2" fill="none" d="{bars}"/>',
        f'<polyline class="curve" stroke="var(--s1)" points="{line}"/>',
    ]
    alt = (
        f"Predicted against true {axis} of {len(true):,} rows: true values spread by "
        f"{true.std():.2f}, predicted ones by {said.std():.2f} (standard deviations)."
    )
    return plane.svg(parts, alt)


def _means(plane: Plane, true: Array, said: Array) -> tuple[str, str]:
    """Return the points of the mean prediction by bin of truth, and bars of one sd around it."""
    bins = np.clip(((true + 1) / 2 * _BINS).astype(int), 0, _BINS - 1)
    means, bars = [], []
    for one in range(_BINS):
        rows = bins == one
        if rows.sum() < _FEWEST:
            continue
        x, mean, sd = float(true[rows].mean()), float(said[rows].mean()), float(said[rows].std())
        means.append("{:.1f},{:.1f}".format(*plane.at(x, mean)))
        (across, foot), (_, top) = plane.at(x, mean - sd), plane.at(x, mean + sd)
        bars.append(f"M{across:.1f} {foot:.1f}V{top:.1f}")
    return " ".join(means), "".join(bars)


def _cell(corner: tuple[float, float], side: float, strength: float, words: str) -> str:
    return (
        f'<rect x="{corner[0] + 0.5:.1f}" y="{corner[1] + 0.5:.1f}" width="{side - 1:.1f}" '
        f'height="{side - 1:.1f}" fill="rgba(var(--accent-rgb), {strength:.2f})">'
        f"<title>{words}</title></rect>"
    )


def _scale(means: Sequence[float]) -> str:
    return f"{signed(min(means)).lstrip('+')} (pale) to {signed(max(means)).lstrip('+')}"


def _shift(plane: Plane, true: Array, said: Array) -> str:
    """Return an arrow from the mean true place of rows to their mean predicted one."""
    tail, tip = (plane.at(*rows.mean(axis=0).tolist()) for rows in (true, said))
    return f'<path d="{arrow(tail, tip, head=5)}"/>'


def place_words(valence: float, arousal: float) -> str:
    """Write a place of the plane.

    Example:
        >>> place_words(0.5, -0.25)
        'valence +.50 arousal -.25'
    """
    return f"valence {signed(valence)} arousal {signed(arousal)}"


def _plane(true: Array, said: Array) -> Plane:
    """Return a plane that holds all true places and nearly all predicted ones."""
    if not len(true) or not (np.isfinite(true).all() and np.isfinite(said).all()):
        raise ValueError("a plot of valence and arousal needs finite places, at least one")
    reach = float(np.quantile(np.abs(said), 0.99)) if len(said) else 1.0
    return Plane(limit=max(1.0, min(1.5, float(np.ceil(10 * reach) / 10))))


def _corners(plane: Plane) -> list[str]:
    """Return the words of the quadrants, in their corners."""
    parts = []
    for right, up in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
        x, y = plane.at(right * plane.limit, up * plane.limit)
        at = (x - 7 * right, y + 17 if up > 0 else y - 9)
        words, anchor = quadrant(right, up), "end" if right > 0 else "start"
        parts.append(lettering(words, at, anchor=anchor, kind="name"))
    return parts


def _sample(table: pd.DataFrame, most: int) -> Array:
    """Return places of at most ``most`` rows, the same for the same rows."""
    if len(table) <= most:
        return np.arange(len(table))
    return np.sort(np.random.default_rng(0).choice(len(table), most, replace=False))
