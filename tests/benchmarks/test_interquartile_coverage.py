"""The simulation of the interquartile mean: its truth is what many seeds give."""

from __future__ import annotations

import numpy as np
import pytest

from affectrep.evaluation.interquartile import interquartile_mean
from tests.benchmarks.interquartile_coverage import coverage, main, percentiles, truth


@pytest.mark.parametrize("means", [(0.0, 0.0, 0.0), (0.0, 0.5, 2.0), (-8.0, 1.0, 4.0)])
def test_the_truth_is_what_very_many_seeds_give(means):
    centres = np.array(means)
    scores = centres[:, None] + np.random.default_rng(0).normal(0, 1, (3, 200_000))
    assert truth(centres) == pytest.approx(interquartile_mean(scores), abs=0.01)


def test_few_seeds_need_the_stretched_interval():
    found = coverage("alike", 3, studies=200, resamples=300, seed=1)
    assert found["percentiles"] < 0.90
    assert 0.90 <= found["interval"] <= 0.99


def test_percentiles_of_equal_seeds_have_no_length():
    assert percentiles(np.full((3, 4), 2.0), resamples=20, seed=0) == (2.0, 2.0)


def test_the_command_prints_a_line_for_each_case(capsys):
    main(["--studies", "3", "--seeds", "2"])
    words = capsys.readouterr().out
    for world in ("alike", "differ", "far apart"):
        assert f"3 tasks {world}, 2 seeds: interval" in words
