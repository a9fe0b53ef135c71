"""Contrastive loss against fixtures, a naive loop and pytorch-metric-learning."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.class_margins import SQUARED_LIMITS, AdaptiveClassMargin
from affectrep.objectives.contrastive import (
    ContrastiveLoss,
    ContrastiveOptions,
    contrastive_loss,
)
from affectrep.objectives.metric_pairs import MarginTable
from tests.objectives.test_supcon import LABELS, POINTS

TABLE = MarginTable(torch.tensor([0, 1]), torch.tensor([[0.0, 1.3], [0.9, 0.0]]))
PER_PAIR = torch.rand(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.7
MARGINS = {"number": 1.1, "scalar": torch.tensor(1.1), "table": TABLE, "pairs": PER_PAIR}


def chords(*distances):
    """Unit points of the plane at these distances from the first."""
    angles = torch.tensor([0.0, *(2 * math.asin(d / 2) for d in distances)], dtype=torch.float64)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def margin_at(margin, labels, i, j):
    if isinstance(margin, MarginTable):
        return float(margin.values[labels[i], labels[j]])
    return float(margin[i, j] if getattr(margin, "ndim", 0) == 2 else margin)


def naive(points, labels, margin, form, pairs):
    unit = functional.normalize(points, dim=1)
    near, far = [], []
    for i in range(len(unit)):
        for j in range(len(unit)):
            d = float((unit[i] - unit[j]).norm())
            a = margin_at(margin, labels, i, j)
            if i != j and labels[i] == labels[j]:
                near.append(d if form == "linear" else d**2)
            elif i != j:
                gap = max(0.0, a - (d**2 if form == "caf" else d))
                far.append(gap**2 if form == "hadsell" else gap)
    if pairs == "active":
        near, far = [x for x in near if x > 0], [x for x in far if x > 0]
    return sum(near) / max(len(near), 1) + sum(far) / max(len(far), 1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_dml_fixture(dtype, tolerance):
    similar, other = chords(0.6).to(dtype), chords(0.9).to(dtype)
    one, two = torch.tensor([0, 0]), torch.tensor([0, 1])
    caf = ContrastiveOptions(form="caf")
    assert contrastive_loss(similar, one).item() == pytest.approx(0.36, abs=tolerance)
    found = contrastive_loss(other, two, margin=1.0)
    assert found.item() == pytest.approx(0.009999999999999995, abs=tolerance)
    found = contrastive_loss(other, two, margin=1.0, options=caf)
    assert found.item() == pytest.approx(0.18999999999999995, abs=tolerance)


@pytest.mark.parametrize("margin", MARGINS.values(), ids=MARGINS.keys())
@pytest.mark.parametrize("form", ["hadsell", "caf", "linear"])
@pytest.mark.parametrize("pairs", ["all", "active"])
def test_equals_the_naive_loop(margin, form, pairs):
    options = ContrastiveOptions(form=form, pairs=pairs)
    found = contrastive_loss(POINTS, LABELS, margin=margin, options=options)
    expected = naive(POINTS, LABELS, margin, form, pairs)
    assert expected > 0
    assert found.item() == pytest.approx(expected, abs=1e-6 if margin is TABLE else 1e-12)


def test_equals_pytorch_metric_learning_and_differs_where_stated():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(24, 8, generator=generator, dtype=torch.float64)
    labels = torch.arange(24) % 6
    linear = ContrastiveOptions(form="linear", pairs="active")
    for margin in (0.7, 1.0, 1.4):
        other = losses.ContrastiveLoss(neg_margin=margin)(points, labels)
        found = contrastive_loss(points, labels, margin=margin, options=linear)
        assert found.item() == pytest.approx(other.item(), rel=1e-7)
    # its distance is not squared and its mean is over active pairs: the default here is neither
    other = losses.ContrastiveLoss(neg_margin=1.0)(points, labels).item()
    active = ContrastiveOptions(form="linear", pairs="all")
    assert contrastive_loss(points, labels, margin=1.0, options=active).item() < other - 0.01
    assert contrastive_loss(points, labels, margin=1.0).item() > other + 0.01


def test_margins_of_classes_act_on_their_pairs_alone():
    wide = MarginTable(torch.tensor([0, 1]), torch.tensor([[9.0, 0.0], [0.0, 9.0]]))
    alone = contrastive_loss(POINTS, torch.zeros(6, dtype=torch.long)).item()
    assert alone > 0
    found = contrastive_loss(POINTS, LABELS, margin=wide)
    assert found.item() == pytest.approx(naive(POINTS, LABELS, 0.0, "hadsell", "all"))


def test_module_with_an_adaptive_margin():
    margin = AdaptiveClassMargin(limits=SQUARED_LIMITS)
    options = ContrastiveOptions(form="caf")
    module = ContrastiveLoss(margin=margin, options=options)
    table = margin(POINTS, LABELS)
    expected = naive(POINTS, LABELS, table, "caf", "all")
    assert module(POINTS, LABELS).item() == pytest.approx(expected, rel=1e-9)
    given = module(POINTS, LABELS, TABLE).item()
    assert given == pytest.approx(naive(POINTS, LABELS, TABLE, "caf", "all"), rel=1e-6)


@pytest.mark.parametrize("form", ["hadsell", "caf", "linear"])
def test_gradcheck(form):
    options = ContrastiveOptions(form=form)
    points = POINTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: contrastive_loss(z, LABELS, margin=TABLE, options=options), points
    )


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 0, 1], [0] * 6, [0, 1, 2, 3, 4, 5]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_any_finite_input_gives_finite_numbers(scale, dtype, labels):
    top = torch.finfo(dtype).max / 8
    points = (POINTS.float() * scale).clamp(-top, top).to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = contrastive_loss(points, torch.tensor(labels), margin=1.2)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    if dtype != torch.float16:  # a tiny row's gradient is larger than float16 holds
        assert points.grad.isfinite().all()


@pytest.mark.parametrize("pairs", ["all", "active"])
def test_a_kind_of_pair_that_lacks_adds_zero_with_a_graph(pairs):
    options = ContrastiveOptions(pairs=pairs)
    points = POINTS[:1].clone().requires_grad_()
    loss = contrastive_loss(points, torch.tensor([3]), options=options)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(points.grad, torch.zeros_like(points))


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="embeddings"):
        contrastive_loss(POINTS[None], LABELS)
    with pytest.raises(ValueError, match="labels"):
        contrastive_loss(POINTS, LABELS[:2])
    with pytest.raises(ValueError, match="at least one row"):
        contrastive_loss(POINTS[:0], LABELS[:0])
    with pytest.raises(ValueError, match="MarginTable"):
        contrastive_loss(POINTS, LABELS, margin=torch.zeros(2, 2))
    with pytest.raises(ValueError, match="class 1"):
        contrastive_loss(
            POINTS, LABELS, margin=MarginTable(torch.tensor([0, 2]), torch.zeros(2, 2))
        )
    with pytest.raises(ValueError, match="values"):
        MarginTable(torch.tensor([0, 2]), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="ascending"):
        MarginTable(torch.tensor([2, 0]), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="form"):
        ContrastiveOptions(form="cosine")
    with pytest.raises(ValueError, match="pairs"):
        ContrastiveOptions(pairs="some")
    with pytest.raises(ValueError, match="weight"):
        ContrastiveOptions(negative_weight=-1.0)
