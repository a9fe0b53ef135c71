from __future__ import annotations

import numpy as np
import pytest

from affectrep.data.samplers import BatchSampler, micro_batches, rank_share


def lengths_of(size: int) -> list[int]:
    return np.random.default_rng(1).integers(3, 40, size).tolist()


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 16, 17, 600, 2050])
@pytest.mark.parametrize("bucket", [True, False])
def test_every_row_occurs_once_and_no_batch_of_one(size, bucket):
    sampler = BatchSampler(lengths_of(size), size, batch_size=8, seed=3, bucket_by_length=bucket)
    for epoch in range(3):
        batches = sampler.epoch(epoch)
        assert sorted(row for batch in batches for row in batch) == list(range(size))
        assert len(batches) == len(sampler)
        assert size == 1 or min(map(len, batches)) > 1
        assert all(len(batch) == 8 for batch in batches[:-1])


def test_the_plan_depends_on_seed_and_epoch_only():
    def plan(seed: int, epoch: int) -> list[list[int]]:
        return BatchSampler(lengths_of(100), 100, batch_size=8, seed=seed).epoch(epoch)

    sampler = BatchSampler(lengths_of(100), 100, batch_size=8, seed=0)
    later = [sampler.epoch(epoch) for epoch in (4, 1, 4)]
    assert later[0] == later[2] == plan(0, 4)
    assert later[1] == plan(0, 1) != later[0] != plan(1, 4)


def test_the_plan_stays_as_it_is_over_versions():
    sampler = BatchSampler([5, 1, 4, 2, 3, 9, 7], 7, batch_size=2, seed=0)
    assert sampler.epoch(0) == [[2, 0], [6, 5], [3, 4, 1]]


def test_bucketing_saves_padding_and_shuffles_batches():
    lengths = lengths_of(4096)

    def padded(batches: list[list[int]]) -> int:
        return sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)

    bucketed = BatchSampler(lengths, 4096, batch_size=16, seed=0).epoch(0)
    mixed = BatchSampler(lengths, 4096, batch_size=16, seed=0, bucket_by_length=False).epoch(0)
    assert padded(bucketed) < 1.05 * sum(lengths) < 1.5 * sum(lengths) < padded(mixed)
    longest = [max(lengths[row] for row in batch) for batch in bucketed]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.2


def test_the_rest_is_drawn_at_random_and_comes_last():
    lengths = list(range(101))
    rests = [BatchSampler(lengths, 101, batch_size=10, seed=s).epoch(0)[-1] for s in range(40)]
    assert {len(rest) for rest in rests} == {11}
    rests = [BatchSampler(lengths[:99], 99, batch_size=10, seed=s).epoch(0)[-1] for s in range(40)]
    assert {len(rest) for rest in rests} == {9}
    assert 40 < np.mean(rests) < 60


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="expected 3 lengths, one per row, got 2"):
        BatchSampler([1, 2], 3, batch_size=2, seed=0)
    with pytest.raises(ValueError, match="0 rows"):
        BatchSampler(None, 0, batch_size=2, seed=0)
    with pytest.raises(ValueError, match="batches of 0"):
        BatchSampler(None, 2, batch_size=0, seed=0)


def test_micro_batches_keep_the_budget_where_they_can():
    lengths = lengths_of(64)
    parts = micro_batches(list(range(64)), lengths, 100)
    assert sorted(row for part in parts for row in part) == list(range(64))
    assert all(len(part) * max(lengths[row] for row in part) <= 100 for part in parts)
    assert micro_batches([0, 1], [500, 3], 100) == [[1], [0]]
    assert micro_batches([2, 0], [1, 1, 1], None) == [[2, 0]]
    assert micro_batches([2, 0], None, 5) == [[2, 0]]
    assert micro_batches([], [1], 5) == []


def test_shares_of_processes_cover_the_batch():
    batch = list(range(13))
    shares = [rank_share(batch, rank, 4) for rank in range(4)]
    assert sorted(row for share in shares for row in share) == batch
    assert {len(share) for share in shares} == {3, 4}
    assert rank_share([5], 1, 2) == []
    with pytest.raises(ValueError, match="rank below 2"):
        rank_share(batch, 2, 2)
