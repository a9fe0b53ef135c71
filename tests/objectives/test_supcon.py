"""SupCon against a naive loop, hand-checked values and an independent implementation."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives import SupConLoss, supcon_loss

POINTS = torch.tensor(
    [
        [1.0, 0.2, -0.3],
        [0.8, 0.5, 0.1],
        [-0.4, 1.0, 0.3],
        [-0.2, 0.9, -0.6],
        [0.1, -0.7, 1.0],
        [0.6, -0.1, 0.9],
    ],
    dtype=torch.float64,
)
LABELS = torch.tensor([0, 0, 1, 1, 0, 1])
GOLDEN = {0.07: 9.89672818822575, 0.1: 6.9466397537482685, 0.5: 2.0167792252012413}
GOLDEN_GRADIENT = [  # central differences with respect to unnormalised points, temperature 0.5
    [-0.09246224430548011, 0.25157218108695645, -0.14049269392302222],
    [-0.14122561942109257, 0.2567089318894489, -0.15373970629894984],
    [0.0010988063792183311, 0.05154030047194169, -0.17033592580872892],
    [0.06038937283570078, -0.0680953005094409, -0.12227274148735034],
    [-0.2768696392152492, 0.03408299509288781, 0.05154506044213747],
    [0.07691105463614178, -0.5014815678272555, -0.10699421060245129],
]


def naive(points: torch.Tensor, labels: torch.Tensor, temperature: float) -> float:
    unit = functional.normalize(points, dim=1)
    losses = []
    for i in range(len(unit)):
        others = [a for a in range(len(unit)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        if not positives:
            continue
        bottom = math.log(sum(math.exp(float(unit[i] @ unit[a]) / temperature) for a in others))
        losses.append(
            -sum(float(unit[i] @ unit[p]) / temperature - bottom for p in positives)
            / len(positives)
        )
    return sum(losses) / len(losses) if losses else 0.0


@pytest.mark.parametrize(("temperature", "expected"), GOLDEN.items())
def test_golden_values(temperature, expected):
    found = supcon_loss(POINTS, LABELS, temperature=temperature)
    assert found.item() == pytest.approx(expected, abs=1e-9)
    single = supcon_loss(POINTS.float(), LABELS, temperature=temperature)
    assert single.item() == pytest.approx(expected, rel=1e-5)


def test_golden_gradient():
    points = POINTS.clone().requires_grad_()
    supcon_loss(points, LABELS, temperature=0.5).backward()
    torch.testing.assert_close(
        points.grad, torch.tensor(GOLDEN_GRADIENT, dtype=torch.float64), atol=1e-6, rtol=0
    )


def test_hand_value():
    points = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    found = supcon_loss(points, torch.tensor([0, 0, 1, 1]), temperature=1.0)
    assert found.item() == pytest.approx(math.log(math.e + 2) - 1, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_naive_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(17, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 6, (17,), generator=generator)
    found = supcon_loss(points, labels, temperature=0.2)
    assert found.item() == pytest.approx(naive(points, labels, 0.2), abs=1e-12)


def test_an_anchor_without_positive_is_left_out_of_the_mean():
    labels = torch.tensor([0, 0, 1, 1, 2, 1])
    found = supcon_loss(POINTS, labels, temperature=0.5)
    assert found.item() == pytest.approx(1.5308859951057705, abs=1e-9)
    assert SupConLoss().count(labels) == 5


def test_no_positive_at_all_is_zero_with_a_graph():
    points = POINTS[:3].clone().requires_grad_()
    loss = supcon_loss(points, torch.tensor([0, 1, 2]), temperature=0.5)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(points.grad, torch.zeros_like(points))


def test_equals_pytorch_metric_learning_and_differs_where_stated():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    other = losses.SupConLoss(temperature=0.1)
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(24, 8, generator=generator, dtype=torch.float64)
    labels = torch.arange(24) % 6
    assert supcon_loss(points, labels).item() == pytest.approx(other(points, labels).item())
    one_class = torch.zeros(24, dtype=torch.long)
    assert other(points, one_class).item() == 0
    assert supcon_loss(points, one_class).item() == pytest.approx(naive(points, one_class, 0.1))


def test_gradcheck():
    points = POINTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: supcon_loss(z, LABELS, temperature=0.3), points)


@pytest.mark.parametrize(
    ("points", "labels", "temperature", "message"),
    [
        (torch.zeros(2, 3, 4), torch.zeros(2), 0.1, "embeddings"),
        (torch.zeros(2, 3), torch.zeros(3), 0.1, "labels"),
        (torch.zeros(0, 3), torch.zeros(0), 0.1, "at least one row"),
        (torch.zeros(2, 3), torch.zeros(2), 0.0, "temperature"),
    ],
)
def test_mistakes_are_named(points, labels, temperature, message):
    with pytest.raises(ValueError, match=message):
        supcon_loss(points, labels, temperature=temperature)
