"""The history of mined pairs against counting by hand."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.hard_pairs import HardPairMiner, HardPairs, Mining
from affectrep.objectives.pair_history import PairHistory, row_numbers

CLASSES = 4


def mined(seed: int) -> tuple[HardPairs, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(20, 6, generator=generator)
    labels = torch.randint(0, CLASSES, (20,), generator=generator)
    matrix = torch.randn(6, 6, generator=generator)

    def score(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return ((left @ (matrix + matrix.T)) * right).sum(dim=1)

    pairs = HardPairMiner(Mining(), generator=generator).mine(points, labels, score=score)
    return pairs, labels, torch.arange(20) + 100


def test_counts_equal_a_loop():
    history = PairHistory(CLASSES)
    cosine: dict[tuple[int, int], int] = {}
    learned: dict[tuple[int, int], int] = {}
    times: dict[int, int] = {}
    for seed in range(3):
        pairs, labels, numbers = mined(seed)
        history.update(pairs, labels, numbers)
        for (i, j), by in zip(pairs.negative.tolist(), pairs.negative_found.tolist(), strict=True):
            key = (min(int(labels[i]), int(labels[j])), max(int(labels[i]), int(labels[j])))
            cosine[key] = cosine.get(key, 0) + (by in (1, 3))
            learned[key] = learned.get(key, 0) + (by in (2, 3))
        for pair, anchor in zip(
            pairs.positive.tolist(), pairs.positive_anchor.tolist(), strict=True
        ):
            for bit, chosen in ((1, pair[1]), (2, pair[0])):
                if anchor & bit:
                    times[int(numbers[chosen])] = times.get(int(numbers[chosen]), 0) + 1
    table = {name: column.tolist() for name, column in history.mined_pairs().items()}
    for a, b, c, d in zip(
        table["class_a"], table["class_b"], table["cosine"], table["learned"], strict=True
    ):
        assert (c, d) == (cosine.get((a, b), 0), learned.get((a, b), 0))
    assert len(table["class_a"]) == CLASSES * (CLASSES - 1) // 2
    assert sum(table["cosine"]) != sum(table["both"])  # the two metrics do not agree on all
    rows = history.recurring_positives()
    assert dict(zip(rows["row"].tolist(), rows["times"].tolist(), strict=True)) == times
    assert rows["times"].tolist() == sorted(rows["times"].tolist(), reverse=True)
    assert len(history.recurring_positives(2)["row"]) == 2


def test_a_wrong_label_recurs():
    """A row that lies with the other class is its class's hard positive in every batch."""
    history, miner = PairHistory(2), HardPairMiner(Mining(positives=1, negatives=1))
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.arange(12) % 2
        points = torch.eye(2)[labels] + 0.1 * torch.randn(12, 2, generator=generator)
        points[10] = torch.eye(2)[1]  # labelled 0
        history.update(miner.mine(points, labels), labels, torch.arange(12))
    assert history.recurring_positives(1)["row"].tolist() == [10]


@pytest.mark.parametrize("place", [0, 5])
def test_the_chosen_row_counts_wherever_it_stands_in_the_batch(place):
    """Five rows alike and one apart: each of the five chooses it, and it chooses one of them."""
    history, miner = PairHistory(2), HardPairMiner(Mining(positives=1, negatives=1))
    points = torch.eye(2)[[1, 1, 1, 1, 1, 1]] + 0.01 * torch.arange(6.0)[:, None]
    points[place] = torch.tensor([1.0, 0.0])
    labels = torch.zeros(6, dtype=torch.int64)
    history.update(miner.mine(points, labels), labels, torch.arange(6))
    found = history.recurring_positives()
    assert found["row"][0] == place
    assert found["times"].tolist() == [5, 1]


def test_the_state_goes_on():
    history = PairHistory(CLASSES)
    history.update(*mined(0))
    other = PairHistory(CLASSES)
    other.load_state_dict(history.state_dict())
    for one in (history, other):
        one.update(*mined(1))
    assert torch.equal(history.found, other.found)
    assert history.recurring == other.recurring


def test_unknown_rows_and_no_pairs():
    history = PairHistory(CLASSES)
    pairs, labels, _ = mined(0)
    history.update(pairs, labels, torch.full((20,), -1))
    assert len(history.recurring_positives()["row"]) == 0
    before = history.found.clone()
    none = torch.zeros(0, 2, dtype=torch.int64)
    history.update(HardPairs(none, none, none, none, *[none[:, 0]] * 3), labels, labels)
    assert torch.equal(history.found, before)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="at least one class"):
        PairHistory(0)
    pairs, labels, _ = mined(0)
    with pytest.raises(ValueError, match="labels and numbers"):
        PairHistory(CLASSES).update(pairs, labels, labels[:-1])


def test_row_numbers_are_those_of_the_id():
    assert row_numbers(["a", "b"]).tolist() == row_numbers(["b", "a"]).flip(0).tolist()
    assert (row_numbers([str(i) for i in range(500)]) >= 0).all()
    assert row_numbers([str(i) for i in range(500)]).unique().numel() == 500
    assert row_numbers([]).shape == (0,)
