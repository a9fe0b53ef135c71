from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import trim_mean

from affectrep.evaluation.interquartile import interquartile_interval, interquartile_mean


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 15, 31])
def test_it_is_the_mean_that_scipy_trims(count):
    values = np.random.default_rng(count).normal(size=count)
    assert interquartile_mean(values) == pytest.approx(trim_mean(values, 0.25), abs=1e-15)
    block = np.random.default_rng(count).normal(size=(count, 3))
    assert interquartile_mean(block) == pytest.approx(trim_mean(block, 0.25, axis=None), abs=1e-15)


def test_one_bad_run_in_four_moves_nothing():
    scores = np.array([0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.62, 0.64])
    spoilt = np.where(scores == 0.5, 0.0, scores)
    assert interquartile_mean(spoilt) == interquartile_mean(scores)


@pytest.mark.parametrize("scores", [[], [0.1, np.nan], [np.inf]])
def test_what_is_no_score_is_refused(scores):
    with pytest.raises(ValueError, match="all of them numbers"):
        interquartile_mean(scores)


@pytest.mark.parametrize("tasks", [[], [[0.1, 0.2], [0.3]]])
def test_an_interval_needs_two_seeds_of_each_task(tasks):
    with pytest.raises(ValueError, match="at least 2 seeds each"):
        interquartile_interval(tasks)


def test_seeds_are_drawn_inside_their_task():
    """Levels of tasks are no spread: with equal seeds in each there is nothing to vary."""
    found = interquartile_interval([[0.2] * 3, [0.5] * 3, [0.9] * 3])
    assert (
        found.low
        == found.value
        == found.high
        == pytest.approx(trim_mean([0.2] * 3 + [0.5] * 3 + [0.9] * 3, 0.25))
    )


def test_the_same_seed_gives_the_same_interval():
    tasks = np.random.default_rng(0).random((3, 5))
    assert interquartile_interval(tasks) == interquartile_interval(tasks)
    assert interquartile_interval(tasks, seed=1).low != interquartile_interval(tasks).low


def test_three_seeds_are_covered_where_plain_percentiles_are_not():
    """Of 400 studies of three tasks whose gains differ: intervals, and plain percentiles."""
    rng = np.random.default_rng(3)
    kinds = [(0.0, 0.01), (0.01, 0.02), (0.03, 0.03)]

    def study(seeds: int) -> list[np.ndarray]:
        return [rng.normal(mean, spread, seeds) for mean, spread in kinds]

    true = np.mean([interquartile_mean(study(3)) for _ in range(4000)])
    held = plain = 0
    for _ in range(400):
        tasks = study(3)
        found = interquartile_interval(tasks, resamples=400)
        held += found.low <= true <= found.high
        draws = [task[rng.integers(0, 3, (400, 3))] for task in tasks]
        drawn = [interquartile_mean(one) for one in np.concatenate(draws, axis=1)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        plain += low <= true <= high
    assert 0.90 <= held / 400 <= 0.98
    assert plain / 400 < 0.88
