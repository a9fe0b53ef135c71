"""Statistics over a clip of contours, their rises and falls, and segments of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["STATISTICS", "contour_statistics", "rise_fall_slopes", "segment_lengths"]

Floats = NDArray[np.float32]
STATISTICS = ("mean", "sd", "p20", "p50", "p80", "range", "slope")


def contour_statistics(values: Floats, frames: NDArray[np.bool_], *, step_s: float) -> Floats:
    """Summarise contours over some frames; no frame gives zeros.

    Args:
        values: ``(frames, contours)``.
        frames: ``(frames,)``, which count.
        step_s: seconds from one frame to the next.

    Returns:
        ``(contours, 7)`` in the order of `STATISTICS`: mean, population standard deviation, 20th,
        50th and 80th percentile, range from the 5th to the 95th percentile (one wrong frame does
        not move it), and slope of a line over time in units per second.

    Example:
        >>> line = np.arange(5, dtype="f")[:, None]
        >>> found = contour_statistics(line, np.ones(5, bool), step_s=0.5)
        >>> dict(zip(STATISTICS, found[0].round(2).tolist(), strict=True))["slope"]
        2.0
    """
    kept = values[frames].astype(np.float64)
    if not len(kept):
        return np.zeros((values.shape[1], len(STATISTICS)), dtype=np.float32)
    mean = kept.mean(axis=0)
    low, p20, p50, p80, high = np.percentile(kept, [5, 20, 50, 80, 95], axis=0)
    seconds = np.flatnonzero(frames) * step_s
    seconds = seconds - seconds.mean()
    slope = seconds @ (kept - mean) / max(float(np.sum(seconds**2)), 1e-12)
    columns = (mean, kept.std(axis=0), p20, p50, p80, high - low, slope)
    return np.stack(columns, axis=1).astype(np.float32)


def rise_fall_slopes(contour: Floats, frames: NDArray[np.bool_], *, step_s: float) -> Floats:
    """Return mean and standard deviation of the slopes of rises, then of falls.

    A rise is a longest run of frames on which the contour, averaged over three frames, goes up;
    it ends where a frame does not count. Its slope is that from its first to its last frame.

    Args:
        contour: ``(frames,)``.
        frames: ``(frames,)``, which count.
        step_s: seconds from one frame to the next.

    Returns:
        ``(4,)`` in units per second, a slope of falls below 0; zeros where there is none.

    Example:
        >>> zigzag = np.array([0, 1, 2, 3, 4, 3, 2, 1, 0], dtype="f")
        >>> rise_fall_slopes(zigzag, np.ones(9, bool), step_s=0.1).astype(int).tolist()
        [7, 0, -7, 0]
    """
    smooth = _smooth(contour, frames)
    steps = np.diff(smooth)
    kind = np.sign(steps) * (frames[1:] & frames[:-1])
    result = np.zeros(4, dtype=np.float32)
    if not len(kind):
        return result
    run = np.concatenate([[0], np.cumsum(kind[1:] != kind[:-1])])
    slope = np.bincount(run, weights=steps) / np.bincount(run) / step_s
    kinds = kind[np.flatnonzero(np.diff(run, prepend=-1))]
    for place, sign in ((0, 1), (2, -1)):
        found = slope[kinds == sign]
        if len(found):
            result[place : place + 2] = found.mean(), found.std()
    return result


def _smooth(contour: Floats, frames: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Average each frame with its neighbours, as far as they count."""
    three = np.ones(3)
    if len(contour) < len(three):  # numpy's "same" is that of the longer argument
        return contour.astype(np.float64)
    total = np.convolve(np.where(frames, contour, 0).astype(np.float64), three, mode="same")
    count = np.convolve(frames.astype(np.float64), three, mode="same")
    return np.where(frames, total / np.maximum(count, 1), 0)


def segment_lengths(frames: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the length in frames of each longest run of True, in order.

    Example:
        >>> segment_lengths(np.array([True, True, False, True])).tolist()
        [2, 1]
    """
    edges = np.diff(np.concatenate([[False], frames, [False]]).astype(np.int8))
    return np.asarray(np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1), dtype=np.int64)
