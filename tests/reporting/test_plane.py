from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from affectrep.reporting.plane import Plane, arrow, signed


def test_corners_and_middle() -> None:
    plane = Plane(limit=1.0, size=200, edge=20)
    left, bottom = plane.at(-1, -1)
    right, top = plane.at(1, 1)
    assert (left, bottom) == (20, 180)
    assert right - left == pytest.approx(bottom - top) == plane.side
    assert plane.at(0, 0) == ((left + right) / 2, (top + bottom) / 2)
    assert plane.at(5, -5) == (right, bottom)  # outside lies on the edge


def test_a_wider_plane_draws_smaller() -> None:
    narrow, wide = Plane(), Plane(limit=1.5)
    assert wide.at(1, 0)[0] < narrow.at(1, 0)[0]
    assert wide.at(1.5, 0)[0] == narrow.at(1, 0)[0]


def test_the_grid_has_numbers_only_where_there_is_room() -> None:
    plane = Plane()
    words = [one.text for one in ET.fromstring(plane.svg(plane.grid("x", "y"), "a < b")).iter()]
    assert {"-1.0", "+.5", ".0", "x", "y"} <= set(words)
    small = Plane(size=100, edge=0)
    drawn = small.svg(small.grid(), "none")
    assert "<text" not in drawn
    assert 'viewBox="0 0 100 100"' in drawn


def test_an_arrow_ends_where_it_should_and_its_wings_are_even() -> None:
    numbers = list(map(float, re.findall(r"-?[\d.]+", arrow((10, 10), (40, 50), head=5))))
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    assert points[:2] == [(10, 10), (40, 50)]
    first, tip, second = points[2:]
    assert tip == (40, 50)
    assert math.dist(first, tip) == pytest.approx(math.dist(second, tip), abs=0.1)
    assert math.dist(first, (10, 10)) < 50  # wings point back
    assert math.dist(first, second) == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize(
    ("value", "words"), [(-0.004, ".00"), (0.996, "+1.00"), (-1.25, "-1.25"), (0.5, "+.50")]
)
def test_signed(value: float, words: str) -> None:
    assert signed(value) == words
