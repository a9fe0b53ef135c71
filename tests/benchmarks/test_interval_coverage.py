"""The simulation of intervals and of the paired test: its worlds are what they are said to be."""

from __future__ import annotations

import numpy as np
import pytest

from affectrep.evaluation.comparison import paired_difference
from affectrep.evaluation.metrics import classification_metrics, regression_metrics
from tests.benchmarks.interval_coverage import (
    CLASSES,
    coverage,
    draw_answers,
    draw_pair,
    draw_values,
    gain_of,
    main,
    speed,
    told_apart,
    truth,
)

MARGIN = 2 * (0.06 * 0.94 / 200) ** 0.5  # of a share of 200 studies
QUICK = 20_000  # speakers of a population


@pytest.mark.parametrize("world", ["even", "uneven"])
def test_the_truth_is_that_of_a_large_population(world):
    counts = draw_answers(np.random.default_rng(1), QUICK, world).sum(0)
    true, said = np.divmod(np.repeat(np.arange(CLASSES**2), counts.ravel()), CLASSES)
    found = classification_metrics(true, said, CLASSES)
    assert found == pytest.approx(truth("answers", world), abs=0.006)
    y, predicted, _ = draw_values(np.random.default_rng(1), QUICK, world)
    figures, expected = regression_metrics(y, predicted), truth("values", world)
    assert figures == pytest.approx(expected, abs=0.006)
    assert 0.5 < expected["ccc"] < 0.8


def test_speakers_have_the_rows_of_their_world():
    rng = np.random.default_rng(2)
    assert (draw_answers(rng, 50, "even").sum((1, 2)) == 6 * CLASSES).all()
    uneven = draw_answers(rng, 500, "uneven").sum((1, 2))
    assert (uneven.min(), uneven.max()) == (8, 60)
    sizes = np.bincount(draw_values(rng, 500, "uneven")[2])
    assert (sizes.min(), sizes.max()) == (8, 60)


@pytest.mark.parametrize("kind", ["answers", "values"])
def test_intervals_over_speakers_cover_and_naive_ones_do_not(kind):
    found = coverage(kind, 10, "uneven", studies=200, naive=60, seed=3)
    metrics = ("ccc",) if kind == "values" else ("accuracy", "uar", "weighted_f1")
    for metric in metrics:
        assert 0.90 <= found[metric] <= 0.99
        assert found[f"rows {metric}"] < 0.87


def test_systems_of_the_null_are_equally_good_and_a_gain_is_what_was_asked_for():
    effects = []
    for effect in (0.0, 0.08):
        rng, gaps = np.random.default_rng(4), []
        for _ in range(150):
            a, b, _ = draw_pair(rng, 40, seeds=3, gain=gain_of(effect, 40, 3))
            gaps.append(np.mean([x.values()["accuracy"] - y.values()["accuracy"]
                                 for x, y in zip(a, b, strict=True)]))  # fmt: skip
        effects.append((np.mean(gaps), np.std(gaps) / np.sqrt(150)))
    (null, error), (gained, _) = effects
    assert abs(null) < 4 * error
    assert gained == pytest.approx(0.08, abs=4 * error)


def test_runs_of_a_study_share_rows_and_speakers():
    a, b, who = draw_pair(np.random.default_rng(5), 6, seeds=3)
    assert len(a) == len(b) == 3
    assert who is not None
    assert len(np.unique(who)) == 6
    assert all((one.columns[:, :3] == a[0].columns[:, :3]).all() for one in [*a, *b])
    assert (a[0].columns != b[0].columns).any()
    assert draw_pair(np.random.default_rng(5), None, seeds=1)[2] is None


@pytest.mark.parametrize(("speakers", "seeds"), [(None, 1), (None, 5), (10, 3)])
def test_equal_systems_are_seldom_told_apart_and_detectable_effects_often_are(speakers, seeds):
    null = told_apart(speakers, seeds=seeds, studies=200)
    assert null["accuracy"] <= 0.06 + MARGIN
    power = told_apart(speakers, seeds=seeds, studies=50, effect=null["detectable"])
    assert 0.6 <= power["accuracy"] <= 0.99


@pytest.mark.parametrize("apart", [0.12, 0.4])
def test_two_seeds_do_not_tell_equal_systems_apart(apart):
    assert told_apart(None, seeds=2, studies=200, apart=apart)["accuracy"] <= 0.06 + MARGIN


def test_one_seed_does_not_speak_of_others():
    """Two runs of one configuration: where seeds differ, a single pair is told apart too often."""
    rng, hits = np.random.default_rng(6), 0
    for place in range(100):
        a, b, _ = draw_pair(rng, None, seeds=3)
        one = paired_difference(a[:1], b[:1], resamples=200, seed=place)["accuracy"]
        hits += one.told_apart
    assert hits / 100 > 0.06


def test_speed_has_every_case():
    found = speed(resamples=20, rows=500, repeats=1)
    assert len(found) == 4
    assert all(seconds >= 0 for seconds in found.values())


def test_the_command_prints_every_part(capsys):
    main(["intervals", "paired", "--studies", "4", "--naive", "1", "--speakers", "6"])
    words = capsys.readouterr().out
    assert "values, uneven, 6 speakers: ccc" in words
    assert "percentile weighted_f1" in words
    assert "6 speakers, 10 seeds: false accuracy" in words
