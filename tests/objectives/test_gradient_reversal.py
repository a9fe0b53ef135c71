"""Gradient reversal against golden values, numeric gradients and its own statement."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.gradient_reversal import (
    GradientReversal,
    ReversalSchedule,
    ganin_lambda,
    ganin_learning_rate,
    reverse_gradient,
)

DOUBLE = {"dtype": torch.float64}
FEATURES = torch.tensor([[0.5, -1.0], [1.0, 0.3], [-0.4, 0.8]], **DOUBLE)
WEIGHT = torch.tensor([[0.2, -0.1, 0.4], [0.3, 0.5, -0.6]], **DOUBLE)
BIAS = torch.tensor([0.0, 0.1, -0.1], **DOUBLE)
LABELS = torch.tensor([0, 2, 1])
GOLDEN = {
    "loss": 1.095387674195332,
    "features": [
        [-0.006093812523664437, 0.0485532453910137],
        [0.023393797455301835, -0.06842161026142204],
        [-0.017543060265785924, 0.022560456875800595],
    ],
    "weight": [
        [-0.050955676400647375, 0.20280970589215222, -0.1518540294915048],
        [0.38449895046392824, -0.1599495565347297, -0.22454939392919862],
    ],
    "bias": [-0.01563279905989494, 0.004632617396301164, 0.011000181663593796],
}
GANIN = {
    0.0: (0.0, 1.0),
    0.1: (0.4621171572600098, 0.5946035575013605),
    0.25: (0.8482836399575131, 0.39079497139068015),
    0.5: (0.9866142981514305, 0.26084743001221455),
    0.75: (0.9988944427261528, 0.20087958649107582),
    1.0: (0.9999092042625952, 0.16556002607617018),
}


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_golden_loss_and_gradients(dtype, atol):
    features, weight, bias = (
        part.detach().to(dtype).requires_grad_() for part in (FEATURES, WEIGHT, BIAS)
    )
    loss = functional.cross_entropy(reverse_gradient(features, 0.3) @ weight + bias, LABELS)
    loss.backward()
    assert loss.item() == pytest.approx(GOLDEN["loss"], abs=atol)
    for found, name in ((features, "features"), (weight, "weight"), (bias, "bias")):
        expected = torch.tensor(GOLDEN[name], dtype=dtype)
        torch.testing.assert_close(found.grad, expected, atol=atol, rtol=0)


@pytest.mark.parametrize(("done", "expected"), GANIN.items())
def test_golden_schedules(done, expected):
    assert ganin_lambda(done) == pytest.approx(expected[0], abs=1e-12)
    assert 2 / (1 + math.exp(-10 * done)) - 1 == pytest.approx(expected[0], abs=1e-12)
    assert ganin_learning_rate(done) == pytest.approx(expected[1], abs=1e-12)


def test_tllib_defaults_are_another_curve():
    assert ganin_lambda(1.0, gamma=1.0) == pytest.approx(0.46212, abs=1e-5)


def test_the_gradient_is_minus_the_coefficient_times_the_plain_one():
    points = FEATURES.clone().requires_grad_()
    (plain,) = torch.autograd.grad((points**3).sum(), points)
    (found,) = torch.autograd.grad((reverse_gradient(points, 0.7) ** 3).sum(), points)
    torch.testing.assert_close(found, -0.7 * plain)


def test_zero_stops_the_gradient_and_twice_restores_it():
    points = FEATURES.clone().requires_grad_()
    (found,) = torch.autograd.grad(reverse_gradient(points, 0.0).sum(), points)
    assert torch.equal(found, torch.zeros_like(found))
    twice = reverse_gradient(reverse_gradient(points))
    assert torch.equal(twice, points)
    assert torch.autograd.gradcheck(lambda x: reverse_gradient(reverse_gradient(x)), points)


def test_gradient_of_the_gradient():
    points = FEATURES.clone().requires_grad_()
    value = (reverse_gradient(points, 0.5) ** 3).sum()
    (first,) = torch.autograd.grad(value, points, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), points)
    torch.testing.assert_close(first, -0.5 * 3 * points**2)
    torch.testing.assert_close(second, 0.5 * 0.5 * 6 * points)  # the reversal is passed twice


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    points = FEATURES.clone().to(dtype).requires_grad_()
    reversed_points = reverse_gradient(points, 0.5)
    reversed_points.sum().backward()
    assert reversed_points.dtype == dtype
    assert torch.equal(points.grad, torch.full_like(points, -0.5))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (ReversalSchedule("constant"), [1, 1, 1, 1]),
        (ReversalSchedule("warmup", start=0.2, end=0.6), [0, 0, 0.75, 1]),
        (ReversalSchedule("warmup", start=0.5, end=0.5), [0, 0, 1, 1]),
        (ReversalSchedule(), [0.0, ganin_lambda(0.2), ganin_lambda(0.5), ganin_lambda(1.0)]),
    ],
)
def test_schedules(schedule, expected):
    found = [schedule.at(done) for done in (0.0, 0.2, 0.5, 1.0)]
    assert found == pytest.approx(expected)


def test_progress_survives_save_and_load():
    reversal = GradientReversal(weight=0.3)
    assert reversal.coefficient == 0
    reversal.progress(0.25)
    again = GradientReversal(weight=0.3)
    again.load_state_dict(copy.deepcopy(reversal.state_dict()))
    assert again.coefficient == reversal.coefficient
    assert again.coefficient == pytest.approx(0.3 * GANIN[0.25][0])
    points = FEATURES.clone().requires_grad_()
    again(points).sum().backward()
    torch.testing.assert_close(points.grad, torch.full_like(points, -again.coefficient))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reverse_gradient(FEATURES, -1.0), "coefficient of at least 0, got -1"),
        (lambda: reverse_gradient(FEATURES, math.nan), "finite"),
        (lambda: GradientReversal(weight=-0.1), "weight"),
        (lambda: GradientReversal().progress(1.5), "in \\[0, 1\\], got 1.5"),
        (lambda: ganin_lambda(-0.1), "done"),
        (lambda: ganin_lambda(0.1, gamma=0), "gamma"),
        (lambda: ganin_learning_rate(0.1, alpha=-1), "alpha"),
        (lambda: ReversalSchedule("cosine"), "ganin, constant or warmup"),
        (lambda: ReversalSchedule("warmup", start=0.5, end=0.1), "start <= end"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
