from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from affectrep.reporting.plots import (
    bar_chart,
    grouped_intervals,
    heat_map,
    interval_chart,
    line_chart,
)
from affectrep.reporting.scatter import Points, scatter_chart
from affectrep.reporting.standalone import standalone

SVG = "{http://www.w3.org/2000/svg}"
CHARTS = {
    "line": line_chart({"a": [(1, 2), (2, 3)]}, alt='<a> & "b"', across="step"),
    "heat": heat_map(np.eye(2), ["a", "<b>"], alt="x"),
    "bars": bar_chart([("joy", 0.5, "10 rows")], alt="x"),
    "interval": interval_chart([("a", 0.5, 0.4, 0.6)], alt="x"),
    "grouped": grouped_intervals({"<g>": [("a", 0.5, 0.4, 0.6)]}, alt="x"),
    "scatter": scatter_chart(Points([0, 1], [0, 1], ["a", "b"], "xy", [0, 1]), ["a"], alt="x"),
}


@pytest.mark.parametrize("kind", CHARTS)
def test_every_chart_becomes_a_valid_file(kind: str) -> None:
    file = standalone(CHARTS[kind], ["a", "b < c & d"], heading="Errors & <more>")
    root = ET.fromstring(file)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    width, height = (float(root.get(side, "")) for side in ("width", "height"))
    box = list(map(float, root.get("viewBox", "").split()))
    assert width / height == pytest.approx(box[2] / box[3], rel=0.01)
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words[0] == "Errors & <more>"
    assert words[-2:] == ["a", "b < c & d"]
    assert "http" not in file.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("kind", CHARTS)
def test_every_colour_is_defined_in_light_and_dark(kind: str) -> None:
    file = standalone(CHARTS[kind], [*"abcdefgh"])
    style = ET.fromstring(file).find(f"{SVG}style").text
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    used = set(re.findall(r"var\((--[\w-]+)\)", file))
    assert {"--s5", "--card", "--line", "--soft"} <= used
    for name in used:
        assert f"{name}:" in light
        assert f"{name}:" in dark
    assert ".curve {" in style
    assert ".faint {" in style


def test_a_long_legend_goes_on_in_a_further_line() -> None:
    names = [f"a curve with a long name, number {i}" for i in range(3)]
    root = ET.fromstring(standalone(CHARTS["line"], names))
    texts = root.findall(f"{SVG}text")
    assert [text.text for text in texts] == names
    heights = [float(text.get("y")) for text in texts]
    assert heights == sorted(set(heights))
    assert heights[-1] < float(root.get("viewBox").split()[3])


def test_without_a_legend_it_is_less_high() -> None:
    heights = [
        float(ET.fromstring(standalone(CHARTS["line"], names)).get("height"))
        for names in ((), ["a"])
    ]
    assert heights[0] < heights[1]


def test_something_else_is_refused() -> None:
    for odd in ("<svg/>", CHARTS["line"] + "<p>", "A line."):
        with pytest.raises(ValueError, match="expected a chart"):
            standalone(odd)


def test_an_empty_name_leaves_its_colour_out_of_the_legend() -> None:
    root = ET.fromstring(standalone(CHARTS["line"], ["a", "", "c"]))
    assert [text.text for text in root.findall(f"{SVG}text")] == ["a", "c"]
    assert [line.get("stroke") for line in root.findall(f"{SVG}line")] == ["var(--s0)", "var(--s2)"]
