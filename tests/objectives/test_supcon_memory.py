"""Cross-batch memory: same loss as one large batch, ring order, state."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.supcon import SupConOptions, supcon_loss
from affectrep.objectives.supcon_memory import StoredRows, SupConMemoryLoss, supcon_memory_loss
from tests.objectives.test_supcon import LABELS, POINTS


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("inside", [False, True])
def test_equals_the_anchors_of_one_large_batch(inside, chunk):
    options = SupConOptions(reduction="none", inside=inside, chunk=chunk)
    batch, together = POINTS[:4].clone().requires_grad_(), POINTS.clone().requires_grad_()
    stored = StoredRows(functional.normalize(POINTS[4:], dim=1), LABELS[4:])
    found = supcon_memory_loss(batch, LABELS[:4], stored, temperature=0.5, options=options)
    expected = supcon_loss(together, LABELS, temperature=0.5, options=options)[:4]
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    (gradient,) = torch.autograd.grad(found.sum(), batch)
    (wanted,) = torch.autograd.grad(expected.sum(), together)
    torch.testing.assert_close(gradient, wanted[:4], atol=1e-12, rtol=1e-12)


def test_an_empty_memory_is_plain_supcon():
    loss = SupConMemoryLoss(size=8, dim=3, temperature=0.5).double()
    assert loss(POINTS, LABELS).item() == pytest.approx(2.0167792252012413, abs=1e-9)


def test_the_ring_keeps_the_last_rows():
    loss = SupConMemoryLoss(size=5, dim=3)
    points = POINTS.float()
    for start in range(0, 6, 2):
        loss(points[start : start + 2], torch.arange(start, start + 2))
    assert loss.labels.tolist() == [5, 1, 2, 3, 4]
    assert (int(loss.pointer), int(loss.filled)) == (1, 5)
    unit = functional.normalize(points, dim=1)
    torch.testing.assert_close(loss.stored().embeddings, unit[[5, 1, 2, 3, 4]])
    loss(points.repeat(2, 1), torch.arange(12))  # larger than the ring
    assert sorted(loss.labels.tolist()) == [7, 8, 9, 10, 11]


def test_the_count_is_of_the_last_forward():
    loss = SupConMemoryLoss(size=8, dim=3)
    points = POINTS.float()
    assert loss(points[:2], torch.tensor([0, 1])).item() == 0
    assert loss.count(torch.tensor([0, 1])) == 0
    assert loss(points[2:5], torch.tensor([0, 2, 3])).item() > 0
    assert loss.count(torch.tensor([0, 2, 3])) == 1


def test_two_forwards_before_a_backward_and_no_storing_in_evaluation():
    loss = SupConMemoryLoss(size=3, dim=3)
    points = POINTS.float().requires_grad_()
    (loss(points, LABELS) + loss(points, LABELS)).backward()
    assert points.grad.isfinite().all()
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    loss.eval()(points, LABELS)
    assert all(torch.equal(before[name], value) for name, value in loss.state_dict().items())


def test_state_survives_save_and_load():
    first, second = (SupConMemoryLoss(size=4, dim=3) for _ in range(2))
    points = POINTS.float()
    first(points[:3], LABELS[:3])
    second.load_state_dict(first.state_dict())
    assert set(first.state_dict()) == {"embeddings", "labels", "pointer", "filled"}
    for _ in range(2):
        assert first(points[3:], LABELS[3:]).item() == second(points[3:], LABELS[3:]).item()
    assert int(first.pointer) == int(second.pointer) == (3 + 3 + 3) % 4


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="at least one row"):
        SupConMemoryLoss(size=0, dim=3)
    with pytest.raises(ValueError, match="stored embeddings"):
        StoredRows(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(ValueError, match="stored rows of 3"):
        supcon_memory_loss(POINTS, LABELS, StoredRows(torch.zeros(2, 4), torch.zeros(2)))
