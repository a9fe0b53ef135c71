"""Steps of an epoch: any entry point, shares of processes, budgets."""

from __future__ import annotations

import pytest
import torch

from affectrep.batch import Batch
from affectrep.data.loader import InOrder, StepLoader
from affectrep.data.samplers import BatchSampler


def collate(rows: list[int]) -> Batch:
    return Batch({"x": torch.tensor(rows)}, torch.tensor(rows), [str(row) for row in rows])


def loader(size: int = 23, **options) -> StepLoader:
    sampler = BatchSampler(None, size, batch_size=4, seed=0)
    return StepLoader(list(range(size)), sampler, collate, **options)


def ids(steps) -> list[list[list[str]]]:
    return [[batch.ids for batch in micro] for micro in steps]


@pytest.mark.parametrize("start", [0, 1, 5])
def test_an_epoch_can_be_entered_at_any_step(start):
    made = loader()
    assert ids(made.epoch(2, start)) == ids(made.epoch(2))[start:]
    assert len(made) == len(ids(made.epoch(2)))


def test_every_row_comes_once_and_epochs_differ():
    made = loader()
    seen = [row for micro in ids(made.epoch(0)) for part in micro for row in part]
    assert sorted(map(int, seen)) == list(range(23))
    assert ids(made.epoch(0)) != ids(made.epoch(1))


def test_starting_an_epoch_draws_nothing_from_the_global_generator():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    list(loader().epoch(0))
    assert torch.equal(torch.rand(1), expected)


def test_processes_share_every_batch():
    whole = ids(loader().epoch(0))
    shares = [ids(loader(share=(rank, 2)).epoch(0)) for rank in range(2)]
    for step, first, second in zip(whole, *shares, strict=True):
        assert sorted(step[0]) == sorted(first[0] + second[0])


def test_a_last_batch_smaller_than_the_processes_is_left_out_everywhere():
    made = [loader(22, share=(rank, 3)) for rank in range(3)]
    assert [len(part) for part in made] == [5, 5, 5]
    assert all(micro for part in made for micro in ids(part.epoch(0)))


def test_the_budget_cuts_a_step_into_micro_batches():
    lengths = [1 + i % 5 for i in range(23)]
    for micro in loader(budget=(lengths, 10)).epoch(0):
        for batch in micro:
            rows = batch.labels.tolist()
            assert len(rows) * max(lengths[row] for row in rows) <= 10


def test_one_pass_in_order_of_length_holds_every_row():
    lengths = [5, 1, 4, 2, 3]
    batches = list(InOrder(list(range(5)), collate, batch_size=2, lengths=lengths))
    assert [batch.labels.tolist() for batch in batches] == [[1, 3], [4, 2], [0]]


def test_one_pass_keeps_a_budget_of_padded_units():
    rows, lengths = list(range(5)), [5, 1, 4, 2, 3]
    made = InOrder(rows, collate, batch_size=4, lengths=lengths, max_units=6)
    assert [batch.labels.tolist() for batch in made] == [[1, 3], [4], [2], [0]]
    assert len(made) == 4


def test_workers_give_the_same_batches():
    assert ids(loader(workers=1).epoch(1)) == ids(loader().epoch(1))
