from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from affectrep.evaluation.comparison import mean_over_seeds, paired_difference
from affectrep.evaluation.metrics import Statistics, classification_statistics


def run(
    rng: np.random.Generator, y: np.ndarray, *, ease: np.ndarray, shift: float = 0.0
) -> Statistics:
    right = ease + rng.normal(0, 1, len(y)) + shift > 0
    return classification_statistics(y, np.where(right, y, (y + 1) % 4), 4)


def sides(seed: int, *, seeds: int, rows: int, spread: float, gain: float = 0.0):
    rng = np.random.default_rng(seed)
    y, ease = rng.integers(0, 4, rows), rng.normal(0.6, 1.2, rows)

    def side(shift: float) -> list[Statistics]:
        shifts = shift + rng.normal(0, spread, seeds)
        return [run(rng, y, ease=ease, shift=float(one)) for one in shifts]

    return side(gain), side(0.0)


def test_effect_is_the_difference_of_the_means() -> None:
    a, b = sides(0, seeds=3, rows=200, spread=0)
    found = paired_difference(a, b, resamples=200)["macro_f1"]
    mean_a = np.mean([one.values()["macro_f1"] for one in a])
    mean_b = np.mean([one.values()["macro_f1"] for one in b])
    assert found.effect == pytest.approx(mean_a - mean_b, abs=1e-12)
    assert (found.a, found.b) == pytest.approx((mean_a, mean_b), abs=1e-12)
    assert found.seeds == 3


def test_sides_swapped_give_the_mirror_image() -> None:
    a, b = sides(1, seeds=2, rows=150, spread=0.1)
    one = paired_difference(a, b, resamples=300)["accuracy"]
    other = paired_difference(b, a, resamples=300)["accuracy"]
    assert other.effect == pytest.approx(-one.effect)
    assert other.low == pytest.approx(-one.high)
    assert other.p == pytest.approx(one.p)


def false_positives(seeds: int, spread: float, studies: int) -> float:
    """Return how often two systems that are equally good are told apart."""
    hits = 0
    for draw in range(studies):
        a, b = sides(draw, seeds=seeds, rows=400, spread=spread)
        hits += paired_difference(a, b, resamples=200, seed=draw)["accuracy"].told_apart
    return hits / studies


@pytest.mark.parametrize(
    ("seeds", "spread"), [(1, 0.0), (2, 0.0), (2, 0.5), (3, 0.0), (3, 0.15), (5, 0.15)]
)
def test_intervals_cover_no_effect(seeds: int, spread: float) -> None:
    margin = 2 * (0.06 * 0.94 / 150) ** 0.5
    assert false_positives(seeds, spread, 150) <= 0.06 + margin


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("spread", [0.15, 0.5])
def test_equal_systems_are_told_apart_in_six_percent_of_many_studies(
    seeds: int, spread: float
) -> None:
    wide = 0.0 if seeds == 1 else spread  # one seed speaks of the two trained models
    margin = 2 * (0.06 * 0.94 / 1000) ** 0.5
    assert false_positives(seeds, wide, 1000) <= 0.06 + margin


def test_pairing_beats_two_separate_intervals() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 1000)
    said = np.where(rng.random(1000) < 0.6, y, (y + 1) % 4)
    better = said.copy()
    better[np.flatnonzero(said != y)[:20]] = y[np.flatnonzero(said != y)[:20]]
    a, b = (classification_statistics(y, one, 4) for one in (better, said))
    found = paired_difference([a], [b], resamples=1000)["accuracy"]
    assert found.effect == pytest.approx(0.02)
    assert found.told_apart
    assert found.p < 0.001
    assert found.high - found.low < 0.02  # unpaired: about 0.086


def test_error_of_one_seed_is_that_of_mcnemar() -> None:
    a, b = sides(5, seeds=1, rows=2000, spread=0)
    found = paired_difference(a, b, resamples=4000)["accuracy"]
    hits = [one.columns[:, 8:].sum(1) for one in (a[0], b[0])]
    error = np.std(hits[0] - hits[1]) / np.sqrt(2000)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.05)
    assert found.detectable == pytest.approx((1.96 + 0.8416) * error, rel=0.05)


def test_detectable_effects_are_detected_four_times_in_five() -> None:
    seen, sizes = 0, []
    for draw in range(150):
        a, b = sides(draw, seeds=1, rows=400, spread=0, gain=0.2)
        found = paired_difference(a, b, resamples=200, seed=draw)["accuracy"]
        seen += found.told_apart
        sizes.append((found.effect, found.detectable))
    effect, detectable = np.mean(sizes, axis=0)
    from scipy.stats import norm

    power = norm.cdf(effect / (detectable / 2.8016) - 1.96)
    assert seen / 150 == pytest.approx(power, abs=0.1)


def test_few_seeds_that_differ_widen_the_interval() -> None:
    calm = paired_difference(*sides(7, seeds=4, rows=2000, spread=0), resamples=300)["accuracy"]
    wild = paired_difference(*sides(7, seeds=4, rows=2000, spread=0.5), resamples=300)["accuracy"]
    assert wild.high - wild.low > 3 * (calm.high - calm.low)
    assert wild.seed_sd > 0.02


def test_seeds_that_differ_most_give_students_t_over_seeds() -> None:
    a, b = sides(9, seeds=3, rows=20_000, spread=1.0)
    found = paired_difference(a, b, resamples=300)["accuracy"]
    pairs = zip(a, b, strict=True)
    effects = [one.values()["accuracy"] - other.values()["accuracy"] for one, other in pairs]
    half = t.ppf(0.975, 2) * np.std(effects, ddof=1) / np.sqrt(3)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.02)


def test_two_seeds_get_one_degree_of_freedom_for_how_far_they_differ() -> None:
    a, b = sides(9, seeds=2, rows=20_000, spread=1.0)
    found = paired_difference(a, b, resamples=300)["accuracy"]
    pairs = zip(a, b, strict=True)
    effects = [one.values()["accuracy"] - other.values()["accuracy"] for one, other in pairs]
    half = t.ppf(0.975, 1) * np.std(effects, ddof=1) / np.sqrt(2)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.02)
    assert found.p == pytest.approx(
        2 * t.sf(abs(found.effect) * np.sqrt(2) / np.std(effects, ddof=1), 1), rel=0.02
    )


def test_two_seeds_that_agree_are_no_better_than_one() -> None:
    a, b = sides(1, seeds=1, rows=300, spread=0)
    one = paired_difference(a, b, resamples=400)["accuracy"]
    both = paired_difference(a * 2, b * 2, resamples=400)["accuracy"]
    assert both.high - both.low >= one.high - one.low - 1e-9
    assert both.p >= one.p - 1e-9


def test_a_large_cluster_among_small_ones_widens_the_interval() -> None:
    a, b = sides(10, seeds=1, rows=300, spread=0)
    uneven = np.repeat(np.arange(10), [210, *[10] * 9])
    found = paired_difference(a, b, clusters=uneven, resamples=2000)["accuracy"]
    error = (found.high - found.low) / 2 / t.ppf(0.975, 300**2 / (210**2 + 900) - 1)
    assert found.p == pytest.approx(2 * t.sf(abs(found.effect) / error, 1))


def test_equal_runs() -> None:
    a, _ = sides(2, seeds=2, rows=50, spread=0)
    found = paired_difference(a, a, resamples=100)["weighted_f1"]
    assert (found.effect, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert not found.told_apart


def test_of_several_comparisons_holm_decides() -> None:
    a, b = sides(8, seeds=1, rows=2000, spread=0, gain=0.5)
    one = paired_difference(a, b, resamples=200)["accuracy"]
    assert one.holm is None
    assert one.told_apart
    assert not replace(one, holm=0.05).told_apart
    assert replace(one, holm=0.049).told_apart


def test_clusters() -> None:
    a, b = sides(3, seeds=1, rows=300, spread=0)
    people = np.repeat(np.arange(5), 60)
    few = paired_difference(a, b, clusters=people, resamples=300)["accuracy"]
    assert few.low < few.effect < few.high


def test_mistakes_are_said_in_words() -> None:
    a, b = sides(4, seeds=2, rows=50, spread=0)
    with pytest.raises(ValueError, match="2 and 1"):
        paired_difference(a, b[:1])
    short = Statistics(b[1].columns[:-1], b[1].metrics)
    with pytest.raises(ValueError, match="different rows"):
        paired_difference(a, [b[0], short])
    with pytest.raises(ValueError, match="0 and 0"):
        paired_difference([], [])


@pytest.mark.slow
def test_ten_thousand_resamples_of_ten_thousand_rows_take_seconds() -> None:
    a, b = sides(6, seeds=5, rows=10_000, spread=0)
    started = time.process_time()
    paired_difference(a, b)
    assert time.process_time() - started < 5


def test_the_mean_over_seeds_with_one_seed_has_the_spread_of_the_rows() -> None:
    (run,), _ = sides(3, seeds=1, rows=400, spread=0)
    found = mean_over_seeds([run], resamples=4000)["accuracy"]
    share = run.values()["accuracy"]
    assert found.value == pytest.approx(share)
    length = 2 * 1.96 * np.sqrt(share * (1 - share) / 400)  # binomial
    assert found.high - found.low == pytest.approx(length, rel=0.05)


def test_seeds_that_err_alike_are_as_one_and_seeds_that_differ_are_less_sure() -> None:
    runs, _ = sides(4, seeds=5, rows=400, spread=0)
    alone = mean_over_seeds(runs[:1])["accuracy"]
    alike = mean_over_seeds([runs[0]] * 5)["accuracy"]
    assert (alike.low, alike.high) == pytest.approx((alone.low, alone.high), abs=0.003)
    unlike, _ = sides(4, seeds=5, rows=400, spread=0.5)
    several = mean_over_seeds(unlike)["accuracy"]
    assert several.high - several.low > 1.3 * (alone.high - alone.low)


def test_the_mean_over_seeds_covers_the_truth() -> None:
    """Three seeds of unlike skill on rows of unlike difficulty."""
    rng, rows, labels = np.random.default_rng(0), 150, np.zeros(150, dtype=int)
    covered = 0
    for study in range(200):
        ease = rng.normal(0, 0.15, rows)
        runs = [
            classification_statistics(
                labels, (rng.random(rows) > 0.7 + ease + rng.normal(0, 0.06)).astype(int), 2
            )
            for _ in range(3)
        ]
        found = mean_over_seeds(runs, resamples=200, seed=study)["accuracy"]
        covered += found.low <= 0.698 <= found.high  # 0.7, less what is cut at 1
    assert covered / 200 >= 0.91


def test_the_mean_over_seeds_resamples_clusters() -> None:
    runs, _ = sides(5, seeds=2, rows=120, spread=0.02)
    speakers = np.arange(120) // 20
    found = mean_over_seeds(runs, clusters=speakers)["accuracy"]
    assert 0 <= found.low < found.value < found.high <= 1
    with pytest.raises(ValueError, match="at least 2 rows"):
        mean_over_seeds(runs, clusters=np.zeros(120))
    with pytest.raises(ValueError, match="as many runs"):
        mean_over_seeds([])
