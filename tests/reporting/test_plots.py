from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from affectrep.reporting.page import legend
from affectrep.reporting.plots import (
    DASHES,
    SERIES,
    bar_chart,
    grouped_intervals,
    heat_map,
    interval_chart,
    line_chart,
    stroke,
)


def parsed(svg: str) -> ET.Element:
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert "nan" not in svg
    return root


def test_line_chart() -> None:
    curves = {"a": [(1, 0.5), (2, 0.7), (3, 0.6)], "b": [(1, 0.4)]}
    svg = line_chart(curves, alt="two <curves>", across="epoch", marks=[[(2, 0.7)]], colours=[1, 1])
    root = parsed(svg)
    lines = root.findall("polyline")
    assert [line.get("stroke") for line in lines] == ["var(--s1)", "var(--s1)"]
    assert len(root.findall("circle")) == 1
    assert root.get("aria-label") == "two <curves>"


def test_no_two_curves_differ_by_colour_alone() -> None:
    names = [f"c{i}" for i in range(3 * SERIES)]
    curves = {name: [(1, i), (2, i + 1)] for i, name in enumerate(names)}
    lines = parsed(line_chart(curves, alt="x", across="step")).findall("polyline")
    looks = [(line.get("stroke"), line.get("stroke-dasharray", "")) for line in lines]
    assert len(set(looks)) == len(names)
    for first in range(0, len(names), SERIES):  # the curves of one round
        assert len({dashes for _, dashes in looks[first : first + SERIES]}) == SERIES
    assert looks[0] == ("var(--s0)", "")
    shown = ET.fromstring(legend(names)).findall("li/svg")
    assert [svg.get("aria-label") for svg in shown[:SERIES]] == list(DASHES)
    samples = [svg.find("path") for svg in shown]
    assert [(one.get("stroke"), one.get("stroke-dasharray", "")) for one in samples] == looks
    assert stroke(SERIES) != stroke(0)


def test_faint_curves_are_told_apart() -> None:
    curves = {"one": [(1, 0.5), (2, 0.7)], "mean": [(1, 0.4), (2, 0.5)]}
    root = parsed(line_chart(curves, alt="x", across="step", faint={"one"}))
    assert [line.get("class") for line in root.findall("polyline")] == ["curve faint", "curve"]


def test_points_stay_inside() -> None:
    root = parsed(line_chart({"a": [(0, -1e-9), (1e6, 3.3e4)]}, alt="x", across="step"))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for pair in root.find("polyline").get("points").split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= width
        assert 0 <= y <= height


def test_flat_and_empty_curves() -> None:
    parsed(line_chart({"a": [(1, 2.0)]}, alt="x", across="step"))
    with pytest.raises(ValueError, match="at least one point"):
        line_chart({"a": []}, alt="x", across="step")
    with pytest.raises(ValueError, match="not finite"):
        line_chart({"a": [(0, float("nan"))]}, alt="x", across="step")


def test_heat_map() -> None:
    shares = np.array([[0.7, 0.3, 0.0], [0.2, 0.8, 0.0], [0.0, 0.0, 1.0]])
    root = parsed(heat_map(shares, ["a", "<b>", "c"], alt="x", groups=[[0, 1]]))
    titles = [title.text for title in root.iter("title")]
    assert "a → <b>: 30 %" in titles
    assert len(titles) == 5  # empty cells are not drawn
    frames = [rect for rect in root.findall("rect") if rect.get("stroke") == "var(--warm)"]
    assert len(frames) == 1


def test_bars_and_intervals() -> None:
    root = parsed(bar_chart([("joy", 0.5, "10 rows"), ("grief", 0.0, "1 rows")], alt="x"))
    widths = [float(rect.get("width")) for rect in root.findall("rect")]
    assert widths[1] == pytest.approx(widths[0] / 2, abs=0.1)
    assert widths[3] == 0
    root = parsed(interval_chart([("a", 0.5, 0.4, 0.6), ("b", 0.7, None, None)], alt="x"))
    assert len(root.findall("circle")) == 2
    parsed(interval_chart([("a", 0.5, 0.5, 0.5)], alt="x", scale=1))


def test_an_axis_reaches_as_far_as_is_asked() -> None:
    def ticks(svg: str) -> list[float]:
        anchored = [text for text in parsed(svg).findall("text") if not text.get("class")]
        return [float(text.text) for text in anchored]

    rows = [("a", 0.5, 0.48, 0.53)]
    assert min(ticks(interval_chart(rows, alt="x"))) > 40
    assert min(ticks(interval_chart(rows, alt="x", reach=[0]))) == 0
    assert max(ticks(grouped_intervals({"g": rows}, alt="x", reach=[0, 0.8]))) >= 80


def test_groups_of_intervals_share_axis_and_colours() -> None:
    groups = {
        "first <one>": [("a", 0.2, 0.1, 0.3), ("b", 0.7, None, None)],
        "second": [("a", 0.2, 0.15, 0.25), ("b", 0.9, 0.8, 1.0)],
    }
    root = parsed(grouped_intervals(groups, alt="x"))
    dots = root.findall("circle")
    assert [dot.get("fill") for dot in dots] == ["var(--s0)", "var(--s1)"] * 2
    assert dots[0].get("cx") == dots[2].get("cx")
    assert float(dots[1].get("cx")) < float(dots[3].get("cx"))
    heights = [float(dot.get("cy")) for dot in dots]
    assert heights == sorted(set(heights))
    headings = [text for text in root.findall("text") if text.get("class") == "heading"]
    assert [text.text for text in headings] == ["first <one>", "second"]
    assert heights[1] < float(headings[1].get("y")) < heights[2]
    assert float(root.get("viewBox", "").split()[3]) > heights[-1]


def test_one_colour_for_all_rows() -> None:
    rows = [("a", 0.5, 0.4, 0.6), ("b", 0.7, None, None)]
    dots = parsed(interval_chart(rows, alt="x", colour=2)).findall("circle")
    assert [dot.get("fill") for dot in dots] == ["var(--s2)"] * 2
