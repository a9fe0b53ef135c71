"""A chart of the report as an SVG file that stands by itself, for a README or a web page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from affectrep.reporting.plots import stroke

__all__ = ["standalone"]

_EDGE, _LINE, _LETTER = 14, 20, 6.4  # units of the chart; a letter's mean width at 12 px


def standalone(svg: str, names: Sequence[str] = (), *, heading: str = "") -> str:
    """Return an SVG file of a chart: with its colours, light and dark, and a legend.

    An SVG inside the report takes colours and type from the page. This one brings them along,
    on a card of its own, and follows the reader's choice of light or dark.

    Args:
        svg: what a function of :mod:`affectrep.reporting.plots` returned.
        names: of the curves, in the order of their colours; none for no legend. An empty one leaves
            its colour out.
        heading: stands above the chart.

    Raises:
        ValueError: if ``svg`` is not such a chart.

    Example:
        >>> from affectrep.reporting.plots import line_chart
        >>> chart = line_chart({"a": [(1, 2), (2, 3)]}, alt="A line.", across="step")
        >>> "prefers-color-scheme: dark" in standalone(chart, ["a"])
        True
    """
    found = re.fullmatch(
        r'<svg viewBox="0 0 (\d+) (\d+)" (role="img" aria-label="[^"]*") style="[^"]*">(.*)</svg>',
        svg,
        flags=re.DOTALL,
    )
    if found is None:
        raise ValueError(f"expected a chart of affectrep, got {svg[:60]!r}")
    inner, high = int(found[1]), int(found[2])
    top = 2 * _LINE if heading else _EDGE
    lines = _legend_lines(names, inner)
    width, height = inner + 2 * _EDGE, top + high + _EDGE + len(lines) * _LINE
    head = f'<text class="head" x="{_EDGE}" y="26">{escape(heading)}</text>' if heading else ""
    legend = "".join(
        _swatch(number, names[number], _EDGE + x, top + high + 16 + place * _LINE)
        for place, line in enumerate(lines)
        for number, x in line
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{1.5 * width:.0f}" height="{1.5 * height:.0f}" {found[3]}>'
        f"<style>{_style()}</style>"
        f'<rect class="card" width="{width}" height="{height}" rx="8"/>{head}'
        f'<g transform="translate({_EDGE} {top})">{found[4]}</g>{legend}</svg>\n'
    )


def _legend_lines(names: Sequence[str], width: float) -> list[list[tuple[int, float]]]:
    """Return per line of the legend the numbers of its names and where each begins."""
    lines: list[list[tuple[int, float]]] = []
    end = width + 1.0
    for number, name in enumerate(names):
        if not name:
            continue
        wide = 68 + _LETTER * len(name)
        if end + wide - 16 > width:
            lines.append([])
            end = 0.0
        lines[-1].append((number, end))
        end += wide
    return lines


def _swatch(number: int, name: str, x: float, y: float) -> str:
    return (
        f'<line class="curve" {stroke(number)} x1="{x:.1f}" x2="{x + 44:.1f}" '
        f'y1="{y}" y2="{y}"/><text x="{x + 51:.1f}" y="{y + 4}">{escape(name)}</text>'
    )


def _style() -> str:
    """Return the report's colours and its rules for what is inside a chart."""
    css = files("affectrep.reporting").joinpath("report.css").read_text(encoding="utf-8")
    flags = re.DOTALL | re.MULTILINE
    light = re.search(r"^:root \{.*?^\}", css, flags)
    dark = re.search(r"^@media screen and \(prefers-color-scheme: dark\) \{.*?^\}", css, flags)
    if light is None or dark is None:
        raise AssertionError("report.css has lost its colours")
    rules = re.findall(r"^svg (?:text|\.).*$", css, flags=re.MULTILINE)
    own = [
        ".card { fill: var(--card); stroke: var(--line); }",
        "svg .head { font-weight: 600; font-size: 13px; fill: var(--ink); }",
    ]
    return escape("\n".join([light[0], dark[0], *rules, *own]), quote=False)
