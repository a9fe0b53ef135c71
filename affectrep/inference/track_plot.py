"""The track of a video's predictions over time, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

__all__ = ["track_plot"]

# Okabe and Ito's palette, which colour-blind readers can tell apart
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def track_plot(rows: Sequence[dict[str, Any]], *, title: str, kind: str = "png") -> bytes:
    """Draw valence and arousal over time, or the most probable classes.

    Frames without a face leave a gap, with a grey ground.

    Args:
        rows: of one video in the order of time, as `Predictor.predict_video` gives them.
        title: above the plot.
        kind: png or svg.

    Returns:
        The content of the file.

    Raises:
        ValueError: if there are no rows.
    """
    from matplotlib.figure import Figure  # takes a second to load

    if not rows:
        raise ValueError("a track needs at least one frame")
    times = [row["time_s"] for row in rows]
    curves, low, unit = _curves(rows)
    seen = [value for curve in curves.values() for value in curve if value == value]
    limits = (min([low, *seen]), max([1.0, *seen]))  # a regression may leave [-1, 1]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.add_subplot()
    marker = "o" if len(rows) < 40 else ""  # a lone frame between gaps would not show
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        axes.plot(times, values, label=name, color=colour, marker=marker, markersize=3)
    for number, (start, end) in enumerate(_gaps(rows)):
        name = "_" if number else "no face"  # named once
        axes.axvspan(start, end, label=name, color="#000000", alpha=0.08, linewidth=0)
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.set(ylim=limits, xlabel="time (s)", ylabel=unit)
    axes.set_title(title.replace("$", r"\$"))  # no formula
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=150)
    return stream.getvalue()


def _curves(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, list[float]], float, str]:
    """Return name -> values (NaN without a face), the lower end of the axis, and its name."""
    nan = float("nan")
    if "probabilities" not in rows[0]:
        names = ("valence", "arousal")
        values = {name: [nan if row[name] is None else row[name] for row in rows] for name in names}
        return values, -1.0, "valence, arousal"
    named = [row["probabilities"] or {} for row in rows]
    classes = dict.fromkeys(name for row in named for name in row)
    curves = {name: [row.get(name, nan) for row in named] for name in classes}
    ranked = sorted(curves, key=lambda name: -sum(v for v in curves[name] if v == v))
    return {name: curves[name] for name in ranked[: len(COLOURS)]}, 0.0, "probability"


def _gaps(rows: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """Return start and end, s, of the stretches without a face."""
    times = [row["time_s"] for row in rows]
    ends = [*times[1:], times[-1]]
    gaps: list[tuple[float, float]] = []
    for row, start, end in zip(rows, times, ends, strict=True):
        if row["faces"]:
            continue
        if gaps and gaps[-1][1] == start:
            gaps[-1] = (gaps[-1][0], end)
        else:
            gaps.append((start, end))
    return gaps
