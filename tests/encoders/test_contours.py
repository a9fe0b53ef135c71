from __future__ import annotations

import numpy as np
import pytest

from affectrep.encoders.contours import (
    STATISTICS,
    contour_statistics,
    rise_fall_slopes,
    segment_lengths,
)

VALUES = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
FRAMES = np.random.default_rng(1).random(50) < 0.6


def test_statistics_are_those_of_numpy() -> None:
    found = contour_statistics(VALUES, FRAMES, step_s=0.01)
    seconds = np.flatnonzero(FRAMES) * 0.01
    for row, contour in zip(found, VALUES.T, strict=True):
        kept = contour[FRAMES]
        p05, p20, p50, p80, p95 = np.percentile(kept, [5, 20, 50, 80, 95])
        slope = np.polyfit(seconds, kept, 1)[0]
        expected = [kept.mean(), kept.std(), p20, p50, p80, p95 - p05, slope]
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)
    assert found.shape == (3, len(STATISTICS))


@pytest.mark.parametrize("count", [0, 1])
def test_few_frames_give_finite_values(count: int) -> None:
    frames = np.arange(50) < count
    found = contour_statistics(VALUES, frames, step_s=0.01)
    assert np.isfinite(found).all()
    assert (found[:, 1] == 0).all()
    assert (found[:, -1] == 0).all()


def test_rises_and_falls_are_those_of_a_loop() -> None:
    contour = np.convolve(VALUES[:, 0], np.ones(4) / 4, mode="same").astype(np.float32)
    everywhere = np.ones(50, dtype=bool)
    smooth = [contour[max(0, i - 1) : i + 2].mean() for i in range(50)]
    slopes: dict[bool, list[float]] = {True: [], False: []}
    start = 0
    for i in range(1, 50):
        turns = i < 49 and (smooth[i + 1] > smooth[i]) != (smooth[i] > smooth[i - 1])
        if turns or i == 49:
            slopes[smooth[i] > smooth[start]].append((smooth[i] - smooth[start]) / (i - start))
            start = i
    expected = [f(slopes[up]) / 0.01 for up in (True, False) for f in (np.mean, np.std)]
    found = rise_fall_slopes(contour, everywhere, step_s=0.01)
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert found[0] > 0 > found[2]


def test_runs_end_where_frames_do_not_count() -> None:
    contour = np.array([0, 1, 2, 3, 99, 0, 2, 4, 6], dtype="f")
    frames = contour < 50
    rises = rise_fall_slopes(contour, frames, step_s=1.0)
    smooth = [(2.5 - 0.5) / 3, (5 - 1) / 3]
    np.testing.assert_allclose(rises, [np.mean(smooth), np.std(smooth), 0, 0], rtol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_slopes_of_short_contours(length: int) -> None:
    contour = np.arange(length, dtype="f")
    assert np.isfinite(rise_fall_slopes(contour, contour >= 0, step_s=1.0)).all()


def test_segments() -> None:
    assert segment_lengths(np.zeros(3, dtype=bool)).tolist() == []
    assert segment_lengths(np.array([1, 0, 1, 1, 1], dtype=bool)).tolist() == [1, 3]
