"""Class confusion against a naive running mean, planted confusions, and its state."""

from __future__ import annotations

import math
import os
import socket

import pytest
import torch
from torch import distributed

from affectrep.objectives.class_confusion import ClassConfusion
from tests.processes import together


def naive_matrix(batches, classes: int, decay: float) -> list[list[float]]:
    means = [[None] * classes for _ in range(classes)]
    for probabilities, labels in batches:
        for a in range(classes):
            rows = [i for i in range(len(labels)) if labels[i] == a]
            for c in range(classes):
                if rows and c != a:
                    now = sum(float(probabilities[i, c]) for i in rows) / len(rows)
                    # corrected for its start: weights of the batches add up to 1
                    total, weight = means[a][c] or (0.0, 0.0)
                    means[a][c] = (
                        decay * total + (1 - decay) * now,
                        decay * weight + (1 - decay),
                    )
    rows = []
    for a in range(classes):
        row = [means[a][c][0] / means[a][c][1] if means[a][c] else 0.0 for c in range(classes)]
        if sum(row) == 0:
            row = [float(c != a) for c in range(classes)]
        rows.append([value / sum(row) for value in row])
    return [[(rows[a][c] + rows[c][a]) / 2 for c in range(classes)] for a in range(classes)]


def batches(classes: int, *, number: int = 7, skip: int | None = None):
    g = torch.Generator().manual_seed(classes)
    for _ in range(number):
        labels = torch.randint(-1, classes, (9,), generator=g)
        if skip is not None:
            labels[labels == skip] = -1
        logits = torch.randn(9, classes, generator=g, dtype=torch.float64)
        yield logits.softmax(dim=1), labels


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("skip", [None, 2])
def test_equals_the_naive_running_mean(decay, skip):
    confusion = ClassConfusion(4, decay=decay).double()
    for batch in batches(4, skip=skip):
        confusion.update(*batch)
    expected = torch.tensor(naive_matrix(batches(4, skip=skip), 4, decay), dtype=torch.float64)
    torch.testing.assert_close(confusion.matrix(), expected, atol=1e-6, rtol=0)
    assert torch.equal(confusion.matrix(), confusion.matrix().T)
    assert (confusion.matrix().diagonal() == 0).all()


def test_hand_value():
    confusion = ClassConfusion(3)
    confusion.update(
        torch.tensor([[0.5, 0.4, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]]), torch.tensor([0, 1, 2])
    )
    rows = [[0, 0.8, 0.2], [2 / 3, 0, 1 / 3], [0.25, 0.75, 0]]
    expected = torch.tensor(rows)
    torch.testing.assert_close(confusion.matrix(), (expected + expected.T) / 2)
    assert confusion.partners(2).tolist() == [[1, 2], [0, 2], [1, 0]]
    assert confusion.confusable_pairs(2).tolist() == [[0, 1], [1, 2]]
    entropy = -sum(p * math.log(p) for row in rows for p in row if p) / 3
    assert confusion.entropy().item() == pytest.approx(entropy, rel=1e-6)


def test_multilabel_leaves_out_what_a_row_really_has():
    confusion = ClassConfusion(3)
    confusion.update(
        torch.tensor([[0.9, 0.9, 0.1], [0.9, 0.2, 0.3]]), torch.tensor([[1.0, 1, 0], [1, 0, 0]])
    )
    # the first row has 0 and 1: its high 1 is no confusion
    row = torch.tensor([0.0, 0.2, (0.1 + 0.3) / 2])
    torch.testing.assert_close((confusion.means / confusion.weights)[0, 1:], row[1:])
    single, sets = ClassConfusion(4), ClassConfusion(4)
    for probabilities, labels in batches(4):
        single.update(probabilities, labels)
        sets.update(probabilities, torch.eye(5)[labels + 1][:, 1:])
    torch.testing.assert_close(single.matrix(), sets.matrix())


def test_planted_confusions_are_found():
    g = torch.Generator().manual_seed(0)
    confusion = ClassConfusion(16)
    partner = torch.arange(16) ^ 1  # 0-1, 2-3, ...
    for _ in range(20):
        labels = torch.randint(0, 16, (64,), generator=g)
        logits = 0.3 * torch.randn(64, 16, generator=g)
        rows = torch.arange(64)
        logits[rows, labels] += 3
        logits[rows, partner[labels]] += 2
        confusion.update(logits.softmax(dim=1), labels)
    assert confusion.partners(1)[:, 0].tolist() == partner.tolist()
    expected = {(a, a + 1) for a in range(0, 16, 2)}
    assert {tuple(pair) for pair in confusion.confusable_pairs(8).tolist()} == expected
    hint = confusion.sampling_hint(3)
    assert hint["confusable_pairs"].shape == (3, 2)
    assert (hint["confusable_weights"].diff() <= 0).all()
    assert confusion.entropy() < math.log(15)


def test_partners_and_mask_agree_where_there_are_no_ties():
    confusion = ClassConfusion(6)
    for batch in batches(6):
        confusion.update(*batch)
    mask = confusion.partner_mask(2)
    for a, row in enumerate(confusion.partners(2).tolist()):
        assert sorted(row) == mask[a].nonzero()[:, 0].tolist()
    assert confusion.partners(50).shape == (6, 5)


def test_before_the_first_update_all_others_are_partners():
    confusion = ClassConfusion(4)
    assert torch.equal(confusion.partner_mask(1), ~torch.eye(4).bool())
    assert confusion.confusable_pairs().shape == (0, 2)
    assert confusion.entropy().item() == pytest.approx(math.log(3))
    confusion.update(torch.zeros(0, 4), torch.zeros(0).long())
    assert torch.equal(confusion.weights, torch.zeros(4, 4))


def test_one_class_has_no_partner():
    confusion = ClassConfusion(1)
    confusion.update(torch.ones(2, 1), torch.zeros(2).long())
    assert confusion.matrix().tolist() == [[0]]
    assert confusion.partners().shape == (1, 0)
    assert not confusion.partner_mask().any()
    assert confusion.entropy() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_certain_predictions_are_finite(dtype):
    confusion = ClassConfusion(3)
    for _ in range(3):
        confusion.update(torch.eye(3, dtype=dtype), torch.arange(3))
    assert confusion.matrix().isfinite().all()
    assert torch.allclose(confusion.matrix().sum(dim=1), torch.ones(3))
    tiny = torch.full((3, 3), 1e-7, dtype=dtype)
    confusion.update(tiny, torch.arange(3))
    assert confusion.matrix().isfinite().all()


def work(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    confusion = ClassConfusion(4, gather=True)
    for probabilities, labels in batches(4):
        share = [slice(0, 7), slice(7, 9)][rank]  # unequal: 7 rows and 2
        confusion.update(probabilities[share], labels[share])
    torch.save(confusion.state_dict(), f"{out}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.processes
def test_two_processes_hold_the_matrix_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    together(work, port, str(tmp_path), world=2)
    alone = ClassConfusion(4)
    for batch in batches(4):
        alone.update(*batch)
    for rank in range(2):
        state = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(state, dict(alone.state_dict()))


def test_row_order_does_not_matter():
    (probabilities, labels), *_ = batches(5)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    first, second = ClassConfusion(5), ClassConfusion(5)
    first.update(probabilities, labels)
    second.update(probabilities[order], labels[order])
    torch.testing.assert_close(first.matrix(), second.matrix())


def test_state_survives_save_and_load(tmp_path):
    first, second = ClassConfusion(4), ClassConfusion(4)
    *early, last = batches(4)
    for batch in early:
        first.update(*batch)
    torch.save(first.state_dict(), tmp_path / "confusion.pt")
    second.load_state_dict(torch.load(tmp_path / "confusion.pt", weights_only=True))
    first.update(*last)
    second.update(*last)
    assert torch.equal(first.matrix(), second.matrix())


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (torch.zeros(2, 4), torch.zeros(2).long(), "probabilities"),
        (torch.zeros(2, 3), torch.zeros(3).long(), "labels"),
        (torch.zeros(2, 3), torch.zeros(2, 4), "labels"),
        (torch.full((2, 3), -0.1), torch.zeros(2).long(), r"in \[0, 1\]"),
        (torch.full((2, 3), 1.5), torch.zeros(2).long(), r"in \[0, 1\]"),
        (torch.full((2, 3), math.nan), torch.zeros(2).long(), r"in \[0, 1\]"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), "3 classes"),
    ],
)
def test_wrong_input_is_refused(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        ClassConfusion(3).update(probabilities, labels)


@pytest.mark.parametrize("options", [{"classes": 0}, {"classes": 2, "decay": 1.0}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match="decay"):
        ClassConfusion(**options)
    with pytest.raises(ValueError, match="partner"):
        ClassConfusion(3).partners(0)
