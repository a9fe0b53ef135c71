from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from affectrep.evaluation.metrics import Statistics, classification_statistics
from affectrep.evaluation.nested import TargetRuns, nested_difference, nested_intervals
from tests.benchmarks.nested_coverage import LAYOUTS, WORLDS, World, coverage, draw_study

METRICS = ("accuracy", "macro_f1", "weighted_f1", "uar")


def answers(rng: np.random.Generator, y: np.ndarray, skill: float) -> Statistics:
    said = np.where(rng.random(len(y)) < skill, y, rng.integers(0, 4, len(y)))
    return classification_statistics(y, said, 4)


def systems(
    seed: int, *, targets: int = 3, seeds: int = 4, gain: float = 0.0
) -> tuple[list[TargetRuns], list[TargetRuns]]:
    rng = np.random.default_rng(seed)
    sides: tuple[list[TargetRuns], list[TargetRuns]] = ([], [])
    for place in range(targets):
        rows = 60 + 20 * place
        y, people = rng.integers(0, 4, rows), np.sort(rng.integers(0, 6 + place, rows))
        for side, skill in zip(sides, (0.5 + gain, 0.5), strict=True):
            runs = [[answers(rng, y, skill + rng.normal(0, 0.05))] for _ in range(seeds)]
            side.append(TargetRuns(f"t{place}", runs, people))
    return sides


def value(run: Statistics, metric: str, left: np.ndarray | None = None) -> float:
    columns = run.columns if left is None else run.columns[left]
    return float(run.metrics(columns.sum(0))[metric])


def naive(side_a: list[TargetRuns], side_b: list[TargetRuns], metric: str) -> dict[str, float]:
    """Standard errors and degrees of freedom by loops over targets, speakers and seeds."""
    seeds, count = len(side_a[0].runs), len(side_a)
    effects, parts, freedoms, joint = np.zeros((count, seeds)), [], [], 0.0
    for t, (a, b) in enumerate(zip(side_a, side_b, strict=True)):
        for k in range(seeds):
            effects[t, k] = value(a.runs[k][0], metric) - value(b.runs[k][0], metric)
        people = sorted(set(a.clusters))
        squares, own = 0.0, 0.0
        for person in people:
            left = a.clusters != person
            moved = [
                value(a.runs[k][0], metric, left) - value(b.runs[k][0], metric, left)
                for k in range(seeds)
            ]
            moved = np.array(moved) - effects[t]
            squares += moved.mean() ** 2
            own += moved.var(ddof=1)
        shrink = (len(people) - 1) / len(people)
        parts.append(squares * shrink / count**2)
        freedoms.append(len(people) - 1)
        joint += own * shrink / count**2
    between = effects.mean(0).var(ddof=1)
    fixed = sum(parts) + max(0.0, between - joint) / seeds
    doubt = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
    doubt += (between / seeds) ** 2 / (seeds - 1)
    targets = effects.mean(1).var(ddof=1) / count
    excess = between - effects.var(axis=1, ddof=1).sum() / count**2
    shared = max(0.0, excess) * count / (count - 1) / seeds
    drawn_doubt = targets**2 / (count - 1) + shared**2 / (seeds - 1)
    drawn = targets + shared
    halves = {
        "fixed": half(fixed, fixed**2 / doubt),
        "drawn": half(drawn, min(drawn**2 / drawn_doubt, count - 1)),
    }
    if seeds < 5:
        people = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
        halves = few_seeds(
            {
                "fixed": (sum(parts), sum(parts) ** 2 / people, joint / seeds, between / seeds),
                "drawn": (targets, count - 1, 0.0, shared),
            },
            seeds,
        )
        if seeds > 2:
            halves["drawn"] = max(halves["drawn"], half(drawn, count - 1))
    return {"effect": float(effects.mean()), **halves}


def half(variance: float, freedom: float) -> float:
    return float(stats.t.ppf(0.975, max(1, freedom)) * np.sqrt(variance))


def few_seeds(found: dict[str, tuple[float, float, float, float]], seeds: int) -> dict[str, float]:
    """Two seeds: each part with its own t; three and four: the weighted harmonic mean."""
    halves = {}
    for kind, (rows, freedom, joint, own) in found.items():
        shared = max(0.0, rows - joint)
        if seeds == 2:
            apart = np.hypot(half(shared, freedom), half(own, 1))
            halves[kind] = max(float(apart), half(rows, freedom))
        else:
            known = (shared + own) / (shared / freedom + own / (seeds - 1))
            halves[kind] = half(rows + max(0.0, own - joint), known)
    return halves


CASES = list(itertools.product((0, 1), METRICS, (5,)))
CASES += [(seed, "uar", seeds) for seed in (0, 1) for seeds in (2, 3, 4)]


@pytest.mark.parametrize(("seed", "metric", "seeds"), CASES)
def test_agrees_with_loops_over_targets_speakers_and_seeds(
    seed: int, metric: str, seeds: int
) -> None:
    a, b = systems(seed, gain=0.1, seeds=seeds)
    found, expected = nested_difference(a, b)[metric], naive(a, b, metric)
    for kind in ("fixed", "drawn"):
        one = getattr(found, kind)
        assert one.effect == pytest.approx(expected["effect"], abs=1e-12)
        assert one.high - one.effect == pytest.approx(expected[kind], rel=1e-9)
        assert one.effect - one.low == pytest.approx(expected[kind], rel=1e-9)


def test_the_mean_is_over_seeds_then_targets() -> None:
    a, b = systems(2)
    found = nested_difference(a, b)["uar"].fixed
    means = [
        np.mean([np.mean([value(seed[0], "uar") for seed in t.runs]) for t in s]) for s in (a, b)
    ]
    assert (found.a, found.b) == pytest.approx(tuple(means), abs=1e-12)
    assert nested_intervals(a)["uar"].fixed.value == pytest.approx(means[0], abs=1e-12)
    assert found.seeds == 4


def test_equal_speakers_of_one_target_give_students_t() -> None:
    rng = np.random.default_rng(3)
    y, people = rng.integers(0, 4, 120), np.repeat(np.arange(6), 20)
    a, b = (TargetRuns("de", [[answers(rng, y, skill)]], people) for skill in (0.8, 0.6))
    found = nested_difference([a], [b])["accuracy"]
    hits = [one.runs[0][0].columns[:, 8:].sum(1).reshape(6, 20).mean(1) for one in (a, b)]
    expected = stats.ttest_rel(*hits)
    assert found.fixed.p == pytest.approx(expected.pvalue, rel=1e-9)
    low, high = expected.confidence_interval(0.95)
    assert (found.fixed.low, found.fixed.high) == pytest.approx((low, high), rel=1e-9)
    assert found.drawn is None


def test_of_one_seed_targets_give_students_t() -> None:
    a, b = systems(4, targets=5, seeds=1)
    found = nested_difference(a, b)["uar"].drawn
    values = [[value(t.runs[0][0], "uar") for t in side] for side in (a, b)]
    expected = stats.ttest_rel(*values)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_several_runs_of_a_seed_are_averaged() -> None:
    a, b = systems(5, targets=2)
    both = [
        replace(one, runs=[[*x, *y] for x, y in zip(one.runs, two.runs, strict=True)])
        for one, two in zip(a, b, strict=True)
    ]
    mean = nested_intervals(both)["macro_f1"].fixed.value
    values = [nested_intervals(side)["macro_f1"].fixed.value for side in (a, b)]
    assert mean == pytest.approx(np.mean(values), abs=1e-12)
    half = nested_difference(both, b)["uar"].fixed
    assert half.effect == pytest.approx(nested_difference(a, b)["uar"].fixed.effect / 2, abs=1e-12)


def test_sides_swapped_give_the_mirror_image() -> None:
    a, b = systems(6)
    for kind in ("fixed", "drawn"):
        one, other = (getattr(nested_difference(*s)["uar"], kind) for s in ((a, b), (b, a)))
        assert other.effect == pytest.approx(-one.effect)
        assert other.low == pytest.approx(-one.high)
        assert other.p == pytest.approx(one.p)


def test_equal_sides() -> None:
    a, _ = systems(7)
    for one in nested_difference(a, a).values():
        for found in (one.fixed, one.drawn):
            assert (found.effect, found.low, found.high, found.p) == (0, 0, 0, 1)
            assert not found.told_apart


def test_order_of_rows_speakers_and_targets_is_no_matter() -> None:
    a, b = systems(8)
    order = np.random.default_rng(0).permutation(len(a[1].clusters))

    def shuffled(one: TargetRuns) -> TargetRuns:
        runs = [[Statistics(run.columns[order], run.metrics) for run in seed] for seed in one.runs]
        return TargetRuns(one.name, runs, one.clusters[order])

    others = [[side[2], shuffled(side[1]), side[0]] for side in (a, b)]
    one, other = nested_difference(a, b)["uar"], nested_difference(*others)["uar"]
    for kind in ("fixed", "drawn"):
        assert getattr(other, kind).low == pytest.approx(getattr(one, kind).low, rel=1e-9)
        assert getattr(other, kind).p == pytest.approx(getattr(one, kind).p, rel=1e-9)


@pytest.mark.parametrize("lone", [True, False])
def test_a_class_of_few_speakers_does_not_break_uar(lone: bool) -> None:
    """Speakers with one class each, as in the Urdu corpus; left out, a lone one takes it along."""
    rng = np.random.default_rng(9)
    y = np.repeat([0, 0, 1, 1, 2, 2, 3, 3], 10)
    people = np.repeat([0, 1, 2, 3, 4, 5, 6, 6 if lone else 7], 10)
    runs = [[answers(rng, y, 0.7)] for _ in range(3)]
    found = nested_intervals([TargetRuns("ur", runs, people)])["uar"].fixed
    assert 0 <= found.low < found.value < found.high <= 1
    assert found.value == pytest.approx(np.mean([value(one[0], "uar") for one in runs]))
    columns = runs[0][0].columns[people != 6]
    assert (columns.sum(0)[3] == 0) == lone  # without speaker 6 there are three classes


def test_rows_stand_for_speakers_where_none_are_given() -> None:
    a, b = ([replace(t, clusters=None) for t in side] for side in systems(10))
    rows = [[replace(t, clusters=np.arange(len(t.runs[0][0].columns))) for t in s] for s in (a, b)]
    assert nested_difference(a, b)["uar"].fixed.p == pytest.approx(
        nested_difference(*rows)["uar"].fixed.p
    )


def test_intervals_stay_where_the_metric_lives() -> None:
    y = np.arange(40) % 4
    near = classification_statistics(y, np.where(np.arange(40) == 3, 0, y), 4)
    target = TargetRuns("de", [[near]], np.repeat(np.arange(5), 8))
    assert nested_intervals([target])["accuracy"].fixed.high == 1.0


def test_mistakes_are_said_in_words() -> None:
    a, b = systems(11)
    with pytest.raises(ValueError, match="at least one target"):
        nested_intervals([])
    with pytest.raises(ValueError, match="same targets on both sides, got t0, t1, t2 and t0, t1"):
        nested_difference(a, b[:2])
    short = [replace(t, runs=t.runs[:2]) for t in b]
    with pytest.raises(ValueError, match="as many seeds on both sides, got 4 and 2"):
        nested_difference(a, short)
    with pytest.raises(ValueError, match="as many seeds on every target"):
        nested_intervals([a[0], short[1]])
    with pytest.raises(ValueError, match="t0 has a seed without runs"):
        nested_intervals([replace(a[0], runs=[[]])])
    with pytest.raises(ValueError, match="t1 were scored on different rows"):
        nested_intervals([a[0], replace(a[1], runs=[*a[1].runs[:3], a[2].runs[0]])])
    with pytest.raises(ValueError, match="other rows or speakers of t0"):
        nested_difference(a[:1], [replace(b[0], clusters=b[0].clusters[::-1] + 1)])
    with pytest.raises(ValueError, match="t0 needs at least 2 speakers"):
        nested_intervals([replace(a[0], clusters=np.zeros(60))])


@pytest.mark.parametrize("world", ["targets differ", "seeds shared"])
def test_intervals_cover(world: str) -> None:
    """Quick ones; larger numbers in tests/benchmarks/nested_coverage.py."""
    found = coverage(LAYOUTS["five corpora"], WORLDS[world], studies=200, seed=1, naive=False)
    assert len(found) == 10
    assert np.mean(list(found.values())) == pytest.approx(0.95, abs=0.02)
    assert all(0.91 <= share <= 0.99 for share in found.values()), found


def test_naive_intervals_do_not_cover() -> None:
    found = coverage(LAYOUTS["five corpora"], WORLDS["seeds differ"], studies=60)
    assert found["a - b naive fixed uar"] < 0.85
    assert found["a - b naive drawn uar"] < 0.85
    assert found["a - b fixed uar"] > 0.9
    assert found["a - b drawn uar"] > 0.9


def test_a_detectable_effect_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(12)
    world = World(own_speaker=0.3, seed=0.1, gain=0.27)
    seen, sizes = 0, []
    for _ in range(150):
        study = draw_study(rng, LAYOUTS["5 x 6 speakers"], world)
        one = nested_difference(study.side_a, study.side_b)["uar"].fixed
        seen += one.told_apart
        sizes.append((study.fixed["uar"][0] - study.fixed["uar"][1]) / one.detectable)
    assert np.mean(sizes) == pytest.approx(1, abs=0.15)
    assert seen / 150 == pytest.approx(0.8, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_intervals_cover_in_many_studies(layout: str) -> None:
    found = coverage(LAYOUTS[layout], WORLDS["targets differ"], studies=1500, naive=False)
    assert all(0.92 <= share <= 0.985 for share in found.values()), found
