from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t as student_t

from affectrep.evaluation.intervals import (
    Interval,
    bootstrap,
    cluster_sums,
    effective_clusters,
    jackknife,
    resampled_sums,
)
from affectrep.evaluation.metrics import (
    classification_statistics,
    multilabel_statistics,
    regression_statistics,
)
from tests.benchmarks.interval_coverage import GROUPS, coverage


def sample(rng: np.random.Generator, rows: int, skill: float = 0.7, classes: int = 3):
    y = rng.integers(0, classes, rows)
    said = np.where(rng.random(rows) < skill, y, (y + 1) % classes)
    return classification_statistics(y, said, classes)


def test_interval_agrees_with_a_naive_bootstrap() -> None:
    rng = np.random.default_rng(0)
    stats = sample(rng, 150)
    naive = []
    for _ in range(3000):
        rows = rng.integers(0, 150, 150)
        naive.append(float(stats.metrics(stats.columns[rows].sum(0))["macro_f1"]))
    drawn = stats.metrics(np.concatenate(list(resampled_sums(stats.columns, 3000))))["macro_f1"]
    assert drawn.mean() == pytest.approx(np.mean(naive), abs=0.004)
    assert drawn.std() == pytest.approx(np.std(naive), rel=0.06)


@pytest.mark.parametrize("merge", [True, False])
def test_each_resample_has_as_many_rows(merge: bool) -> None:
    columns = np.ones((50, 2))
    if not merge:
        columns[:, 1] = np.arange(50)
    sums = np.concatenate(list(resampled_sums(columns, 40)))
    assert sums.shape == (40, 2)
    assert np.allclose(sums[:, 0], 50)
    if not merge:
        assert sums[:, 1].std() > 0


def test_the_same_seed_gives_the_same_interval() -> None:
    stats = sample(np.random.default_rng(1), 80)
    assert bootstrap(stats, seed=4) == bootstrap(stats, seed=4)
    assert bootstrap(stats, seed=4) != bootstrap(stats, seed=5)


def test_intervals_cover() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for draw in range(200):
        interval = bootstrap(sample(rng, 200), resamples=300, seed=draw)["accuracy"]
        hits += interval.low <= 0.7 <= interval.high
    assert 0.90 <= hits / 200 <= 0.99


def test_six_speakers_get_wide_enough_intervals() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for draw in range(200):
        speakers = np.repeat(np.arange(6), 30)
        skill = np.repeat(np.clip(rng.normal(0.7, 0.1, 6), 0, 1), 30)
        y = rng.integers(0, 3, 180)
        said = np.where(rng.random(180) < skill, y, (y + 1) % 3)
        stats = classification_statistics(y, said, 3)
        found = bootstrap(stats, resamples=300, clusters=speakers, seed=draw)["accuracy"]
        hits += found.low <= 0.7 <= found.high
    assert 0.91 <= hits / 200 <= 0.99


def test_clusters_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    speakers = np.repeat(np.arange(40), 10)
    right = np.repeat(rng.random(40) < 0.6, 10)
    y = rng.integers(0, 2, 400)
    stats = classification_statistics(y, np.where(right, y, 1 - y), 2)
    rows, people = bootstrap(stats)["accuracy"], bootstrap(stats, clusters=speakers)["accuracy"]
    assert people.high - people.low > 2 * (rows.high - rows.low)


def test_cluster_sums() -> None:
    columns = np.arange(8.0).reshape(4, 2)
    found = cluster_sums(columns, np.array(["b", "a", "b", "a"]))
    assert found.tolist() == [[8, 10], [4, 6]]


def test_values_stay_where_the_metric_lives() -> None:
    y = np.arange(8) % 2
    perfect = bootstrap(
        classification_statistics(y, np.where(np.arange(8) < 7, y, 1 - y), 2),
        clusters=np.repeat(np.arange(4), 2),
    )["accuracy"]
    assert 0.99 < perfect.high < 1.0
    labels = (np.random.default_rng(0).random((60, 3)) < 0.4).astype(float)
    exact = bootstrap(multilabel_statistics(labels, labels))["micro_f1"]
    assert (exact.value, exact.low, exact.high) == (1.0, 1.0, 1.0)


def test_the_jackknife_agrees_with_a_loop_over_speakers() -> None:
    rng = np.random.default_rng(7)
    speakers = np.repeat(np.arange(7), rng.integers(5, 30, 7))
    stats = sample(rng, len(speakers))
    value = stats.values()["uar"]
    others = [stats.columns[speakers != one].sum(0) for one in range(7)]
    pulls = [float(stats.metrics(one)["uar"]) - value for one in others]
    error = np.sqrt(6 / 7 * np.sum(np.square(pulls)))
    sizes = np.bincount(speakers)
    edge = student_t.ppf(0.95, sizes.sum() ** 2 / (sizes**2).sum() - 1)
    half = edge * error / (value * (1 - value))  # on the logits
    found = jackknife(stats, speakers, confidence=0.9)["uar"]
    ends = expit(logit(value) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(ends), abs=1e-12)
    assert bootstrap(stats, clusters=speakers, confidence=0.9)["uar"] == found


def test_equal_speakers_give_students_t_on_their_means() -> None:
    rng = np.random.default_rng(8)
    y = rng.integers(0, 2, 400)
    right = rng.random(400) < np.repeat(rng.uniform(0.5, 0.9, 8), 50)
    stats = classification_statistics(y, np.where(right, y, 1 - y), 2)
    found = jackknife(stats, np.repeat(np.arange(8), 50))["accuracy"]
    means = right.reshape(8, 50).mean(1)
    error = means.std(ddof=1) / np.sqrt(8) / (found.value * (1 - found.value))  # of the logit
    half = student_t.ppf(0.975, 7) * error
    assert logit(found.high) - logit(found.value) == pytest.approx(half, abs=1e-12)
    assert logit(found.value) - logit(found.low) == pytest.approx(half, abs=1e-12)


def test_uneven_speakers_count_for_fewer() -> None:
    assert effective_clusters(np.arange(5).repeat(3)) == pytest.approx(5)
    uneven = np.repeat(np.arange(5), [40, 1, 1, 1, 1])
    assert effective_clusters(uneven) == pytest.approx(44**2 / 1604)


def test_a_metric_at_its_end_has_a_plain_interval() -> None:
    y, speakers = np.arange(12) % 2, np.repeat(np.arange(3), 4)
    all_right = jackknife(classification_statistics(y, y, 2), speakers)["accuracy"]
    assert (all_right.low, all_right.high) == (1.0, 1.0)
    alone = np.where(speakers == 0, y, 0.0)  # two speakers of whom nothing is known
    found = jackknife(regression_statistics(alone, alone), speakers)
    assert found["ccc"].high == 1.0
    assert found["rmse"] == Interval(0.0, 0.0, 0.0)


def test_regression_intervals() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(0, 0.4, (500, 2))
    found = bootstrap(regression_statistics(y, y + rng.normal(0, 0.2, (500, 2))))
    assert found["ccc"].low < found["ccc"].value < found["ccc"].high < 1
    assert found["rmse"].low < 0.2 < found["rmse"].high


def test_one_row_has_no_interval() -> None:
    stats = classification_statistics(np.array([0]), np.array([0]), 2)
    with pytest.raises(ValueError, match="at least 2 rows"):
        bootstrap(stats)
    with pytest.raises(ValueError, match="at least 2 clusters"):
        bootstrap(sample(np.random.default_rng(0), 9), clusters=np.zeros(9))


@pytest.mark.slow
def test_ten_thousand_resamples_of_ten_thousand_rows_take_seconds() -> None:
    stats = sample(np.random.default_rng(6), 10_000, classes=27)
    started = time.process_time()
    bootstrap(stats, resamples=10_000)
    assert time.process_time() - started < 5


@pytest.mark.slow
@pytest.mark.parametrize("speakers", GROUPS)
@pytest.mark.parametrize(
    ("kind", "metrics"), [("answers", ("accuracy", "uar", "weighted_f1")), ("values", ("ccc",))]
)
def test_intervals_over_speakers_cover_in_many_studies(
    kind: str, metrics: tuple[str, ...], speakers: int
) -> None:
    """Uneven speakers, 2,000 studies (margin 1 point); rows are drawn anew in 40 of them."""
    found = coverage(kind, speakers, "uneven", studies=2000, naive=40, seed=11)
    for metric in metrics:
        assert 0.93 <= found[metric] <= 0.97, found
        assert found[f"rows {metric}"] < 0.90, found
