"""The plot of a video's track."""

from __future__ import annotations

import re
from typing import Any

import pytest

from affectrep.inference.track_plot import track_plot


def track(*valences: float | None) -> list[dict[str, Any]]:
    return [
        {
            "time_s": i / 5,
            "valence": value,
            "arousal": None if value is None else -value,
            "faces": int(value is not None),
        }
        for i, value in enumerate(valences)
    ]


def paths(svg: bytes) -> list[str]:
    """The curves of a plot: paths with more than a straight line or a box."""
    found = re.findall(rb'<path d="([^"]*)" clip-path="[^"]*" style="fill: none[^"]*"', svg)
    return [path.decode() for path in found]


def test_a_png_and_an_svg() -> None:
    assert track_plot(track(0.1, 0.5), title="a.mp4").startswith(b"\x89PNG")
    svg = track_plot(track(0.1, 0.5), title="cost $5 and $6", kind="svg")
    assert b"<svg" in svg
    with pytest.raises(ValueError, match="at least one frame"):
        track_plot([], title="")


def test_frames_without_a_face_leave_a_gap_with_a_ground() -> None:
    whole = track_plot(track(0.1, 0.2, 0.3, 0.4, 0.5), title="", kind="svg")
    gap = track_plot(track(0.1, 0.2, None, 0.4, 0.5), title="", kind="svg")
    # valence and arousal, and the line at zero
    assert [path.count("M") for path in paths(whole)] == [1, 1, 1]
    assert [path.count("M") for path in paths(gap)] == [2, 2, 1]
    assert b"opacity: 0.08" not in whole
    assert gap.count(b"opacity: 0.08") == 2  # with its name at the side


def test_values_beyond_one_are_shown() -> None:
    inside, beyond = (
        paths(track_plot(track(0.5, top), title="", kind="svg"))[0] for top in (0.9, 3.0)
    )
    lowest = [float(path.split()[-2 if path.endswith("z") else -1]) for path in (inside, beyond)]
    assert all(value > 0 for value in lowest)  # nothing is above the picture
    assert inside != beyond


def test_classes_over_time() -> None:
    shares = dict(zip("abcdefgh", (0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05), strict=True))
    rows: list[dict[str, Any]] = [
        {"time_s": time_s, "probabilities": shares, "faces": 1} for time_s in (0.0, 1.0)
    ]
    rows.append({"time_s": 2.0, "probabilities": None, "faces": 0})
    assert len(paths(track_plot(rows, title="", kind="svg"))) == 6 + 1  # the six most probable
