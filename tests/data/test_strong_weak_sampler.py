from __future__ import annotations

import numpy as np
import pytest

from affectrep.data.strong_weak_sampler import StrongWeakSampler


def radii(strong: int, weak: int) -> np.ndarray:
    return np.random.default_rng(1).permutation([0.9] * strong + [0.1] * weak)


def groups(sampler: StrongWeakSampler, radius: np.ndarray, epoch: int) -> list[tuple[int, int]]:
    counts = []
    for batch in sampler.epoch(epoch):
        strong = int((radius[batch] >= 0.5).sum())
        counts.append((strong, len(batch) - strong))
    return counts


@pytest.mark.parametrize(
    ("strong", "weak", "size"), [(16, 240, 64), (64, 200, 32), (40, 17, 16), (100, 101, 8)]
)
def test_every_batch_has_both_and_every_row_comes_once(strong, weak, size):
    radius = radii(strong, weak)
    sampler = StrongWeakSampler(radius, 0.5, batch_size=size, seed=3)
    for epoch in range(4):
        batches = sampler.epoch(epoch)
        assert len(batches) == len(sampler)
        assert sorted(row for batch in batches for row in batch) == list(range(strong + weak))
        assert all(len(batch) == size for batch in batches[:-1])
        for batch, counts in zip(batches, groups(sampler, radius, epoch), strict=True):
            assert min(counts) >= min(4, len(batch) // 2)


def test_chance_alone_would_not_do_it():
    radius = radii(16, 240)
    order = np.random.default_rng(0).permutation(256).reshape(4, 64)
    counts = [int((radius[batch] >= 0.5).sum()) for batch in order]
    assert min(counts) < 4
    assert {
        c[0] for c in groups(StrongWeakSampler(radius, 0.5, batch_size=64, seed=0), radius, 0)
    } == {4}


def test_a_rare_group_serves_as_many_batches_as_it_can():
    radius = radii(11, 189)
    sampler = StrongWeakSampler(radius, 0.5, batch_size=20, seed=0)
    served = [sum(c[0] >= 4 for c in groups(sampler, radius, epoch)) for epoch in range(20)]
    assert min(served) >= 2  # 11 rows hold two shares of 4; chance may give a third
    which = {
        next(i for i, c in enumerate(groups(sampler, radius, epoch)) if c[0] >= 4)
        for epoch in range(20)
    }
    assert len(which) > 3


def test_fewer_than_one_share_stay_together():
    radius = radii(3, 97)
    sampler = StrongWeakSampler(radius, 0.5, batch_size=10, seed=0)
    for epoch in range(5):
        assert sorted(c[0] for c in groups(sampler, radius, epoch)) == [0] * 9 + [3]


def test_a_single_row_joins_the_batch_before_it():
    radius = radii(20, 13)
    sampler = StrongWeakSampler(radius, 0.5, batch_size=16, seed=0)
    assert [len(batch) for batch in sampler.epoch(0)] == [16, 17]
    lone = StrongWeakSampler([0.1, 0.9], 0.5, batch_size=16, seed=0)
    assert sorted(lone.epoch(0)[0]) == [0, 1]


def test_rows_that_are_left_fall_as_chance_has_it():
    radius = radii(500, 500)
    sampler = StrongWeakSampler(radius, 0.5, batch_size=50, seed=0)
    strong = [c[0] for epoch in range(30) for c in groups(sampler, radius, epoch)]
    assert abs(np.mean(strong) - 25) < 0.01
    assert 2.5 < np.std(strong) < 4  # 3.2 by the hypergeometric law of what is left


def test_a_row_meets_other_rows_and_every_batch():
    sampler = StrongWeakSampler(radii(20, 80), 0.5, batch_size=20, seed=0)
    places = [
        next(i for i, batch in enumerate(sampler.epoch(epoch)) if 7 in batch) for epoch in range(60)
    ]
    assert set(places) == set(range(5))
    firsts = {sampler.epoch(epoch)[0][0] for epoch in range(40)}
    assert len(firsts) > 15


def test_the_plan_depends_on_seed_and_epoch_only():
    radius = radii(20, 80)
    plans = [StrongWeakSampler(radius, 0.5, batch_size=16, seed=s) for s in (0, 0, 1)]
    later = plans[0].epoch(4), plans[0].epoch(1), plans[0].epoch(4)
    assert later[0] == later[2] == plans[1].epoch(4) != later[1]
    assert plans[2].epoch(4) != later[0]


@pytest.mark.parametrize(
    ("radius", "threshold", "size", "words"),
    [
        ([0.1, 0.2], 0.5, 8, "0 strong and 2 weak at the threshold 0.5: train without"),
        ([0.7, 0.8], 0.5, 8, "2 strong and 0 weak"),
        ([0.1, float("nan")], 0.5, 8, "finite radii"),
        ([0.1, 0.9], float("nan"), 8, "finite threshold"),
        ([0.1, 0.9], 0.5, 7, "batches of at least 8 rows for 4 strong and 4 weak ones, got 7"),
    ],
)
def test_what_cannot_be_grouped_is_refused(radius, threshold, size, words):
    with pytest.raises(ValueError, match=words):
        StrongWeakSampler(radius, threshold, batch_size=size, seed=0)
