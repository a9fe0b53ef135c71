"""Plots as inline SVG: sharp at any size, and coloured by the page, so dark mode works too.

Colours are CSS variables of ``report.css``: blue and vermilion of Okabe and Ito's palette (lighter
ones in the dark) and four that were searched for beside them. Any two of the six differ by at least
18 (CIE 1976) for normal sight and for the three kinds of colour blindness as Machado, Oliveira and
Fernandes (2009) simulate them, and each stands out from the page by a contrast of 3 to 1, in light
and dark: ``tests/reporting/test_palette.py``. No two curves differ by colour alone: each colour has
dashes of its own. Each plot has a text that says what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any

from numpy.typing import NDArray

__all__ = [
    "DASHES",
    "SERIES",
    "Curve",
    "bar_chart",
    "grouped_intervals",
    "heat_map",
    "interval_chart",
    "line_chart",
    "line_sample",
    "stroke",
]

SERIES = 6
# lengths of strokes and gaps, in units of the chart; round ends take 2 of each gap
DASHES = {
    "solid": "",
    "dashed": "8 6",
    "dotted": "1 5",
    "dashes and dots": "11 6 1 6",
    "long dashes": "20 6",
    "dashes and two dots": "11 5 1 5 1 5",
}
Curve = Sequence[tuple[float, float]]
Array = NDArray[Any]


def line_chart(
    curves: Mapping[str, Curve],
    *,
    alt: str,
    across: str,
    marks: Sequence[Curve] = (),
    colours: Sequence[int] = (),
    faint: Collection[str] = (),
) -> str:
    """Return curves over a common axis.

    Args:
        curves: name -> points (x, y); the i-th has the colour ``--s<i>`` of the page and its
            dashes.
        alt: what the plot shows, for those who do not see it.
        across: what x counts.
        marks: per curve, points that get a ring.
        colours: per curve, its colour, where it is not its number.
        faint: names of curves that are drawn thin and pale.

    Raises:
        ValueError: if no curve has a point.
    """
    points = [point for curve in curves.values() for point in curve]
    if not points:
        raise ValueError("a line chart needs at least one point")
    width, height, left, bottom = 390, 240, 42, 42
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    ticks = _ticks(min(ys), max(ys))
    low, high, first, last = ticks[0], ticks[-1], min(xs), max(xs)

    def place(x: float, y: float) -> tuple[float, float]:
        share = (x - first) / (last - first) if last > first else 0.5
        rise = (y - low) / (high - low)
        return left + share * (width - left - 12), 8 + (1 - rise) * (height - bottom - 8)

    parts = []
    for tick in ticks:
        y = place(first, tick)[1]
        parts.append(f'<line class="grid" x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(left - 8, y + 4, f"{tick:g}", anchor="end"))
    middle = {(first + last) // 2} if last - first > 3 else set()
    parts += [
        _text(place(tick, low)[0], height - 22, f"{tick:.0f}", anchor="middle")
        for tick in sorted({first, last} | middle)
    ]
    parts.append(_text((left + width) / 2, height - 5, across, anchor="middle"))
    for number, (name, curve) in enumerate(curves.items()):
        shade = colours[number] if number < len(colours) else number
        colour = f"var(--s{shade % SERIES})"
        look = stroke(shade)
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve))
        kind = "curve faint" if name in faint else "curve"
        parts.append(f'<polyline class="{kind}" {look} points="{path}"/>')
        rings = marks[number] if number < len(marks) else []
        parts += [_ring(place(*point), colour) for point in rings]
    return _svg(width, height, parts, alt)


def stroke(number: int) -> str:
    """Return the attributes of the ``number``-th curve: its colour and its dashes.

    A second round of colours takes other dashes.

    Example:
        >>> stroke(0), stroke(1)
        ('stroke="var(--s0)"', 'stroke="var(--s1)" stroke-dasharray="8 6"')
    """
    dashes = DASHES[_dashes(number)]
    kind = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="var(--s{number % SERIES})"{kind}'


def line_sample(number: int) -> str:
    """Return a short piece of the ``number``-th curve, for a legend.

    Example:
        >>> 'aria-label="dotted"' in line_sample(2)
        True
    """
    return (
        f'<svg class="sample" viewBox="0 0 48 6" role="img" aria-label="{_dashes(number)}">'
        f'<path class="curve" {stroke(number)} d="M2 3H46"/></svg>'
    )


def _dashes(number: int) -> str:
    return list(DASHES)[(number + number // SERIES) % len(DASHES)]


def _ring(at: tuple[float, float], colour: str) -> str:
    return (
        f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4.5" fill="var(--card)" '
        f'stroke="{colour}" stroke-width="2"/>'
    )


def heat_map(
    shares: Array, names: Sequence[str], *, alt: str, groups: Sequence[Sequence[int]] = ()
) -> str:
    """Return a confusion matrix; each row adds up to 1, rows are the true class.

    Args:
        shares: ``(classes, classes)`` in [0, 1].
        names: of the classes, in the order of the rows.
        alt: what the plot shows.
        groups: places of classes that stand side by side and get a frame.
    """
    count = len(names)
    cell = max(17.0, min(46.0, 620 / count))
    left, top = 10 + 7.7 * max(map(len, names)), 4.0
    size = cell * count
    parts = [
        f'<rect x="{left:.1f}" y="{top}" width="{size:.1f}" height="{size:.1f}" '
        'fill="none" stroke="var(--line)"/>'
    ]
    for row in range(count):
        y = top + row * cell
        parts.append(_text(left - 8, y + cell / 2 + 4, names[row], anchor="end", kind="name"))
        place = (left, top, cell)
        parts += [_cell(shares, names, (row, column), place) for column in range(count)]
    for column, name in enumerate(names):
        x, y = left + (column + 0.5) * cell + 4, top + size + 10
        parts.append(
            f'<text class="name" text-anchor="end" transform="translate({x:.1f} {y:.1f}) '
            f'rotate(-60)">{escape(name)}</text>'
        )
    for group in groups:
        start, side = min(group) * cell, len(group) * cell
        parts.append(
            f'<rect x="{left + start:.1f}" y="{top + start:.1f}" width="{side:.1f}" '
            f'height="{side:.1f}" fill="none" stroke="var(--warm)" stroke-width="1.6" rx="2"/>'
        )
    return _svg(left + size + 4, top + size + 16 + 6.2 * max(map(len, names)), parts, alt)


def _cell(
    shares: Array, names: Sequence[str], at: tuple[int, int], place: tuple[float, float, float]
) -> str:
    (row, column), (left, top, cell) = at, place
    share = float(shares[row, column])
    if share < 0.005:
        return ""
    x, y = left + column * cell, top + row * cell
    strength = min(1.0, share**0.7)
    words = f"{names[row]} → {names[column]}: {100 * share:.0f} %"
    parts = [
        f'<rect x="{x + 0.5:.1f}" y="{y + 0.5:.1f}" width="{cell - 1:.1f}" '
        f'height="{cell - 1:.1f}" rx="1.5" fill="rgba(var(--accent-rgb), {strength:.2f})">'
        f"<title>{escape(words)}</title></rect>"
    ]
    if cell >= 21 and share >= 0.05:
        ink = "var(--on-accent)" if strength > 0.6 else "var(--ink)"
        size = min(12.0, cell * 0.45)
        parts.append(
            f'<text x="{x + cell / 2:.1f}" y="{y + cell / 2 + size * 0.36:.1f}" '
            f'text-anchor="middle" pointer-events="none" '
            f'style="fill:{ink};font-size:{size:.1f}px">{100 * share:.0f}</text>'
        )
    return "".join(parts)


def bar_chart(rows: Sequence[tuple[str, float, str]], *, alt: str) -> str:
    """Return horizontal bars.

    Args:
        rows: name, share in [0, 1], and a remark that stands at the right.
        alt: what the plot shows.
    """
    step, width = 26, 710
    left = 14 + 7.2 * max(len(name) for name, _, _ in rows)
    right = 46 + 6.4 * max(len(remark) for _, _, remark in rows)
    full = width - left - right
    parts = []
    for number, (name, share, remark) in enumerate(rows):
        y = number * step
        parts.append(_text(left - 10, y + 17, name, anchor="end", kind="name"))
        parts.append(
            f'<rect x="{left:.1f}" y="{y + 5}" width="{full:.1f}" height="15" rx="3" '
            'fill="var(--wash)"/>'
            f'<rect x="{left:.1f}" y="{y + 5}" width="{max(0.0, share) * full:.1f}" height="15" '
            'rx="3" fill="var(--accent)"/>'
        )
        parts.append(
            _text(left + full + 34, y + 17, f"{100 * share:.0f}", anchor="end", kind="name")
        )
        parts.append(_text(width, y + 17, remark, anchor="end"))
    return _svg(width, len(rows) * step + 4, parts, alt)


Row = tuple[str, float, float | None, float | None]


def interval_chart(
    rows: Sequence[Row],
    *,
    alt: str,
    scale: float = 100,
    colour: int | None = None,
    reach: Sequence[float] = (),
) -> str:
    """Return values as dots with their intervals as lines, on one common axis.

    Args:
        rows: name, value, low and high (None where there is no interval).
        alt: what the plot shows.
        scale: what values are multiplied by on the axis.
        colour: of all rows; None gives each its own.
        reach: values that the axis holds whatever the rows are, such as 0.
    """
    shades = None if colour is None else [colour] * len(rows)
    return _intervals({"": rows}, alt=alt, axis=(scale, reach), shades=shades)


def grouped_intervals(
    groups: Mapping[str, Sequence[Row]],
    *,
    alt: str,
    scale: float = 100,
    reach: Sequence[float] = (),
) -> str:
    """Return groups of intervals under headings, on one common axis.

    The i-th row of every group has the same colour and its name beside it.

    Args:
        groups: heading -> rows, as in :func:`interval_chart`.
        alt: what the plot shows.
        scale: what values are multiplied by on the axis.
        reach: values that the axis holds whatever the rows are.
    """
    return _intervals(groups, alt=alt, axis=(scale, reach))


def _intervals(
    groups: Mapping[str, Sequence[Row]],
    *,
    alt: str,
    axis: tuple[float, Sequence[float]],
    shades: Sequence[int] | None = None,
) -> str:
    step, width, scale = 30, 710, axis[0]
    every = [row for rows in groups.values() for row in rows]
    left = 22 + 7.2 * max(len(row[0]) for row in every)
    ends = [scale * end for row in every for end in (*row[1:], *axis[1]) if end is not None]
    ticks = _ticks(min(ends), max(ends))
    height = (len(every) + sum(bool(heading) for heading in groups)) * step

    def place(value: float) -> float:
        return left + (scale * value - ticks[0]) / (ticks[-1] - ticks[0]) * (width - left - 60)

    parts = []
    for tick in ticks:
        x = place(tick / scale)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
        parts.append(_text(x, height + 18, f"{tick:g}", anchor="middle"))
    y = -step / 2
    for heading, rows in groups.items():
        if heading:
            y += step
            parts.append(_text(0, y + 6, heading, kind="heading"))
        for number, (name, value, low, high) in enumerate(rows):
            y += step
            colour = f"var(--s{(shades[number] if shades else number) % SERIES})"
            parts.append(_text(left - 14, y + 4, name, anchor="end", kind="name"))
            if low is not None and high is not None:
                parts.append(
                    f'<line x1="{place(low):.1f}" x2="{place(high):.1f}" y1="{y}" y2="{y}" '
                    f'stroke="{colour}" stroke-width="3" stroke-linecap="round" opacity=".45"/>'
                )
            parts.append(f'<circle cx="{place(value):.1f}" cy="{y}" r="5" fill="{colour}"/>')
            shown = f"{scale * value:.1f}" if scale > 1 else f"{value:.3f}"
            parts.append(_text(width, y + 4, shown, anchor="end", kind="name"))
    return _svg(width, height + 24, parts, alt)


def _ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Return round numbers that enclose ``low`` and ``high``."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("cannot plot values that are not finite")
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(width: float, height: float, parts: Sequence[str], alt: str) -> str:
    words = escape(alt, quote=True)
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{words}" '
        f'style="max-width:{1.25 * width:.0f}px">{"".join(parts)}</svg>'
    )
