"""Triplet loss against fixtures, a naive loop and pytorch-metric-learning."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.class_margins import SQUARED_LIMITS, AdaptiveClassMargin
from affectrep.objectives.triplet import TripletLoss, TripletOptions, triplet_loss
from tests.objectives.test_contrastive import MARGINS, TABLE, chords, margin_at
from tests.objectives.test_supcon import LABELS, POINTS


def naive(points, labels, margin, options):
    unit = functional.normalize(points, dim=1)
    power, n, found = 2 if options.squared else 1, len(points), []
    for a in range(n):
        for p in range(n):
            for q in range(n):
                if a == p or labels[a] != labels[p] or labels[a] == labels[q]:
                    continue
                near, far = (float((unit[a] - unit[i]).norm()) ** power for i in (p, q))
                gap = near - far + margin_at(margin, labels, a, q)
                found.append(math.log1p(math.exp(gap)) if options.soft else max(0.0, gap))
    if options.triplets == "active":
        found = [x for x in found if x > 0]
    return sum(found) / max(len(found), 1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_dml_fixture(dtype, tolerance):
    # from the first point the second is at .6, the third at .9; only that anchor is active
    points, labels = chords(0.6, -0.9).to(dtype), torch.tensor([0, 0, 1])
    found = triplet_loss(points, labels, margin=0.2)
    assert found.item() == pytest.approx(0.0, abs=tolerance)
    found = triplet_loss(points, labels, margin=0.7)
    assert found.item() == pytest.approx(0.2499999999999999, abs=tolerance)


@pytest.mark.parametrize("margin", MARGINS.values(), ids=MARGINS.keys())
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("triplets", ["all", "active"])
def test_equals_the_naive_loop(margin, squared, soft, triplets):
    options = TripletOptions(squared=squared, soft=soft, triplets=triplets)
    found = triplet_loss(POINTS, LABELS, margin=margin, options=options)
    expected = naive(POINTS, LABELS, margin, options)
    assert expected > 0
    assert found.item() == pytest.approx(expected, abs=1e-6 if margin is TABLE else 1e-12)


def test_equals_pytorch_metric_learning_and_differs_where_stated():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(24, 8, generator=generator, dtype=torch.float64)
    labels = torch.arange(24) % 6
    for soft in (False, True):
        plain = TripletOptions(squared=False, soft=soft)
        for margin in (0.05, 0.5):
            other = losses.TripletMarginLoss(margin=margin, smooth_loss=soft)(points, labels)
            found = triplet_loss(points, labels, margin=margin, options=plain)
            assert found.item() == pytest.approx(other.item(), rel=1e-7)
    other = losses.TripletMarginLoss(margin=0.2)(points, labels).item()
    assert triplet_loss(points, labels, margin=0.2).item() > other + 0.1  # squared distances


def test_module_with_an_adaptive_margin():
    margin = AdaptiveClassMargin(limits=SQUARED_LIMITS)
    expected = naive(POINTS, LABELS, margin(POINTS, LABELS), TripletOptions())
    module = TripletLoss(margin=margin)
    assert module(POINTS, LABELS).item() == pytest.approx(expected, rel=1e-9)
    given = naive(POINTS, LABELS, TABLE, TripletOptions())
    assert module(POINTS, LABELS, TABLE).item() == pytest.approx(given, rel=1e-6)


@pytest.mark.parametrize("soft", [True, False])
def test_gradcheck(soft):
    options = TripletOptions(soft=soft)
    points = POINTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: triplet_loss(z, LABELS, margin=TABLE, options=options), points
    )


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 0, 1], [0] * 6, [0, 1, 2, 3, 4, 5]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_any_finite_input_gives_finite_numbers(scale, dtype, labels):
    top = torch.finfo(dtype).max / 8
    points = (POINTS.float() * scale).clamp(-top, top).to(dtype).requires_grad_()
    for squared in (True, False):
        loss = triplet_loss(
            points, torch.tensor(labels), options=TripletOptions(squared=squared), margin=0.5
        )
        loss.backward()
        assert loss.dtype == torch.float32
        assert loss.isfinite()
    if dtype != torch.float16:  # a tiny row's gradient is larger than float16 holds
        assert points.grad.isfinite().all()


@pytest.mark.parametrize("labels", [[3], [1, 1], [0, 1]])
def test_no_triplet_is_zero_with_a_graph(labels):
    points = POINTS[: len(labels)].clone().requires_grad_()
    loss = triplet_loss(points, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(points.grad, torch.zeros_like(points))


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="labels"):
        triplet_loss(POINTS, LABELS[:2])
    with pytest.raises(ValueError, match="at least one row"):
        triplet_loss(POINTS[:0], LABELS[:0])
    with pytest.raises(ValueError, match="margin"):
        triplet_loss(POINTS, LABELS, margin=torch.zeros(6))
    with pytest.raises(ValueError, match="triplets"):
        TripletOptions(triplets="hard")
