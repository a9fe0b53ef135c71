"""Tiles of rows contrasted among themselves: half of them are visited, value and gradient stay."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives import supcon_chunks
from affectrep.objectives.supcon import SupConOptions, candidate_rows, supcon_loss
from affectrep.objectives.supcon_chunks import Pairs, plain_losses

CHUNK = 4
AROUND_BORDERS = [3, 4, 5, 7, 8, 9, 12, 13]
# below the limit, bare exponentials could overflow and each row is shifted by its own maximum
LIMITS = {dtype: 2 / math.log(torch.finfo(dtype).max) for dtype in (torch.float32, torch.float64)}


def drawn(rows, dim=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(100 + rows)
    points = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    return points.to(dtype), torch.randint(3, (rows,), generator=generator)


def value_and_gradient(points, labels, temperature, chunk):
    points = points.clone().requires_grad_()
    options = SupConOptions(reduction="none", chunk=chunk)
    losses = supcon_loss(points, labels, temperature=temperature, options=options)
    # another slope for each anchor, one of them 0
    (losses * torch.arange(len(losses))).sum().backward()
    return losses.detach().double(), points.grad.double()


def assert_as_exact(found, expected, tolerance):
    """Within a share of the largest entry: where all entries are tiny, so is what is allowed."""
    for one, other in zip(found, expected, strict=True):
        allowed = tolerance * other.abs().max().item()
        torch.testing.assert_close(one, other, atol=allowed, rtol=0)


@pytest.mark.parametrize("share_of_limit", [0.5, 0.999, 1.001, 35.0, 1e4])
@pytest.mark.parametrize("rows", AROUND_BORDERS)
def test_around_tile_borders_equal_to_dense(rows, share_of_limit):
    points, labels = drawn(rows)
    temperature = LIMITS[torch.float64] * share_of_limit
    expected = value_and_gradient(points, labels, temperature, None)
    for chunk in (CHUNK, 1, rows):
        found = value_and_gradient(points, labels, temperature, chunk)
        assert_as_exact(found, expected, 1e-10)


@pytest.mark.parametrize("temperature", [0.001, 0.0225, 0.0226, 0.07, 0.1, 1.0])
@pytest.mark.parametrize("rows", AROUND_BORDERS)
def test_float32_equals_dense_double(rows, temperature):
    points, labels = drawn(rows, dtype=torch.float32)
    expected = value_and_gradient(points.double(), labels, temperature, None)
    found = value_and_gradient(points, labels, temperature, CHUNK)
    assert_as_exact(found, expected, 1e-5 * max(1.0, 0.1 / temperature))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [511, 512, 513, 1024, 1025, 1537])
def test_default_tiles_equal_dense_double(rows, dtype):
    points, labels = drawn(rows, dim=32, dtype=dtype)
    expected = value_and_gradient(points.double(), labels, 0.1, None)
    found = value_and_gradient(points, labels, 0.1, SupConOptions().chunk)
    assert_as_exact(found, expected, 1e-10 if dtype == torch.float64 else 1e-5)


@pytest.mark.parametrize("share_of_limit", [0.1, 0.999, 1.001])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_largest_and_smallest_cosine_do_not_overflow(dtype, share_of_limit):
    temperature = LIMITS[dtype] * share_of_limit
    alike = torch.ones(9, 3, dtype=dtype)
    opposite = torch.tensor([[1.0, 2.0], [-1.0, -2.0]], dtype=dtype)
    for points in (alike, opposite, torch.cat([opposite] * 3), torch.zeros_like(alike)):
        labels = torch.zeros(len(points), dtype=torch.int64)
        found = value_and_gradient(points, labels, temperature, CHUNK)
        expected = value_and_gradient(points.double(), labels, temperature, None)
        assert all(part.isfinite().all() for part in found)
        if points is alike:
            torch.testing.assert_close(
                found[0], torch.full_like(found[0], math.log(8)), rtol=1e-5, atol=0
            )
        scale = 1 / temperature
        torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-6 * scale)
        # the exact gradient is 0 or nearly so: rounding of a cosine, divided by the temperature
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(found[1], expected[1], rtol=1e-5, atol=400 * eps * scale**2)


def test_rows_alone_and_none():
    for rows in (0, 1):
        unit = torch.eye(2)[:rows].requires_grad_()
        labels = torch.zeros(rows, dtype=torch.int64)
        losses = plain_losses(unit, unit, Pairs(labels, labels), temperature=0.1, chunk=CHUNK)
        losses.sum().backward()
        assert losses.tolist() == [0.0] * rows
        assert torch.equal(unit.grad, torch.zeros_like(unit))


@pytest.mark.parametrize("rows", [2, *AROUND_BORDERS])
def test_equals_the_tiles_of_two_tensors(rows):
    points, labels = drawn(rows)
    gradients, values = [], []
    for copied in (False, True):
        leaf = points.clone().requires_grad_()
        unit = functional.normalize(leaf, dim=1)
        candidates = unit.clone() if copied else unit
        pairs = Pairs(labels, labels)
        losses = plain_losses(unit, candidates, pairs, temperature=0.1, chunk=CHUNK)
        losses.square().sum().backward()
        values.append(losses.detach())
        gradients.append(leaf.grad)
    torch.testing.assert_close(*values, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rows", [CHUNK, CHUNK + 3])
def test_gradcheck(rows):
    points, labels = drawn(rows)
    options = SupConOptions(reduction="none", chunk=CHUNK)

    def loss(z):
        return supcon_loss(z, labels, temperature=0.3, options=options)

    assert torch.autograd.gradcheck(loss, points.requires_grad_())


@pytest.mark.parametrize("rows", [CHUNK, CHUNK + 3])
def test_backward_can_run_twice(rows):
    points, labels = drawn(rows)
    points.requires_grad_()
    loss = supcon_loss(points, labels, options=SupConOptions(chunk=CHUNK))
    first, second = (torch.autograd.grad(loss, points, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("rows", "share_of_limit", "copied", "tiles"),
    [
        (12, 2.0, False, 2 * 6),  # 6 of 9, forward and backward
        (13, 2.0, False, 2 * 10),  # 10 of 16
        (4, 2.0, False, 1),  # what fits in a tile is kept for the backward pass
        (12, 0.9, False, 0),
        (12, 2.0, True, 0),
    ],
)
def test_half_of_the_tiles_are_visited(monkeypatch, rows, share_of_limit, copied, tiles):
    visited = []
    compute = supcon_chunks._exponentials

    def counted(scaled, unit, rows, columns):
        visited.append((rows, columns))
        return compute(scaled, unit, rows, columns)

    monkeypatch.setattr(supcon_chunks, "_exponentials", counted)
    points, labels = drawn(rows)
    unit = functional.normalize(points, dim=1).requires_grad_()
    candidates = unit.clone() if copied else unit
    temperature = LIMITS[torch.float64] * share_of_limit
    pairs = Pairs(labels, labels)
    plain_losses(unit, candidates, pairs, temperature=temperature, chunk=CHUNK).sum().backward()
    assert len(visited) == tiles


def test_rows_of_one_process_are_their_own_candidates():
    unit, labels = torch.eye(3), torch.arange(3)
    assert candidate_rows(unit, labels, gather=False)[0] is unit
    assert candidate_rows(unit, labels, gather=True)[0] is unit  # no process group here
