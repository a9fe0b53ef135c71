"""The colours of report.css, as readers with normal sight and with colour blindness see them."""

from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import pytest

from affectrep.reporting.plots import DASHES, SERIES

LEAST = 18.0  # what affectrep/reporting/plots.py promises: difference of any two colours
# Machado, Oliveira and Fernandes 2009, A Physiologically-based Model for Simulation of Color Vision
# Deficiency, IEEE TVCG 15(6), the matrices of severity 1.0, for linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# IEC 61966-2-1: linear sRGB to XYZ, white D65
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour: str) -> np.ndarray:
    """Linear RGB of ``#rrggbb``."""
    share = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def seen(colour: str, sight: str) -> np.ndarray:
    """CIELAB of a colour after the simulation."""
    share = XYZ @ np.clip(SIGHT[sight] @ linear(colour), 0, 1) / XYZ.sum(1)
    x, y, z = np.where(share > (6 / 29) ** 3, np.cbrt(share), share * 841 / 108 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colours: list[str], sight: str) -> float:
    """Least difference (CIE 1976) of two of the colours."""
    points = [seen(colour, sight) for colour in colours]
    pairs = [(a, b) for i, a in enumerate(points) for b in points[:i]]
    return float(min(np.linalg.norm(a - b) for a, b in pairs))


def contrast(colour: str, ground: str) -> float:
    """Contrast ratio of WCAG 2."""
    bright = sorted(float(XYZ[1] @ linear(one)) for one in (colour, ground))
    return (bright[1] + 0.05) / (bright[0] + 0.05)


def theme(name: str) -> dict[str, str]:
    css = files("affectrep.reporting").joinpath("report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)[:2]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark if name == "dark" else light))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_any_two_colours_are_told_apart(name: str, sight: str) -> None:
    colours = theme(name)
    assert nearest([colours[f"s{i}"] for i in range(SERIES)], sight) >= LEAST


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_colour_stands_out_from_the_page(name: str) -> None:
    colours = theme(name)
    for i in range(SERIES):
        for ground in ("paper", "card"):
            assert contrast(colours[f"s{i}"], colours[ground]) >= 3


def test_the_measure_finds_colours_that_are_too_close() -> None:
    former = ["#0072b2", "#d55e00", "#008f68", "#b4558f", "#a67c00", "#3f8fc4"]
    assert nearest(former, "normal") == pytest.approx(13.6, abs=0.1)
    assert nearest(former, "deuteranopia") == pytest.approx(4.3, abs=0.1)
    assert nearest(["#000000", "#ffffff"], "normal") == pytest.approx(100, abs=0.01)
    for sight in SIGHT:  # a grey stays the same grey
        assert np.allclose(seen("#808080", sight), seen("#808080", "normal"), atol=0.1)
    assert contrast("#000000", "#ffffff") == pytest.approx(21, abs=0.01)


def test_every_colour_has_dashes_of_its_own() -> None:
    assert len(set(DASHES.values())) == len(DASHES) == SERIES
