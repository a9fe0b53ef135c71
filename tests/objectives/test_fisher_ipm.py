"""Fisher IPM against hand-checked values and the closed form of a linear critic."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.fisher_ipm import (
    FisherIPMLoss,
    fisher_critic_loss,
    fisher_encoder_loss,
    fisher_ipm_linear,
    fisher_ipm_ratio,
    fisher_moments,
)

DOUBLE = torch.float64
DTYPES = pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-9), (torch.float32, 1e-5)])
STRONG = torch.tensor([2.0, 0.0, 1.0, 2.0], dtype=DOUBLE)
WEAK = torch.tensor([-1.0, 0.0, -1.0, 0.0], dtype=DOUBLE)


@DTYPES
def test_golden_values(dtype, tolerance):
    strong, weak = STRONG.to(dtype), WEAK.to(dtype)
    difference, omega = fisher_moments(strong, weak)
    assert difference.item() == pytest.approx(1.75, abs=tolerance)
    assert omega.item() == pytest.approx(1.375, abs=tolerance)
    ratio = fisher_ipm_ratio(strong, weak)
    assert ratio.item() == pytest.approx(1.4924050144892729, abs=tolerance)
    loss = fisher_critic_loss(strong, weak[:, None], multiplier=0.1, rho=0.01)
    assert loss.item() == pytest.approx(-1.7117968749999999, abs=tolerance)
    assert fisher_encoder_loss(weak).item() == pytest.approx(0.5, abs=tolerance)


def test_golden_gradient_of_the_reward():
    strong, weak = STRONG.clone().requires_grad_(), WEAK.clone().requires_grad_()
    (-fisher_critic_loss(strong, weak, multiplier=0.1, rho=0.01)).backward()
    assert strong.grad.tolist() == pytest.approx([0.198125, 0.25, 0.2240625, 0.198125], abs=1e-9)
    assert weak.grad.tolist() == pytest.approx([-0.2240625, -0.25, -0.2240625, -0.25], abs=1e-9)


def test_the_multiplier_moves_and_survives():
    loss = FisherIPMLoss(rho=0.01)
    loss.multiplier.fill_(0.1)
    assert loss(STRONG, WEAK).item() == pytest.approx(-1.7117968749999999, abs=1e-9)
    loss.step(STRONG, WEAK)
    assert loss.multiplier.item() == pytest.approx(0.10375000000000001, abs=1e-9)
    other = FisherIPMLoss(rho=0.01)
    other.load_state_dict(loss.state_dict())
    assert other.multiplier.item() == loss.multiplier.item()
    loss.step(STRONG, WEAK[:0])
    assert other.multiplier.item() == loss.multiplier.item()
    clamped = FisherIPMLoss(rho=0.01, clamp=True)
    clamped.step(STRONG * 0, WEAK * 0)
    assert clamped.multiplier.item() == 0


@DTYPES
def test_linear_closed_form(dtype, tolerance):
    strong = torch.tensor([[1.0, 0.0], [2.0, 1.0], [1.0, 1.0]], dtype=dtype)
    weak = torch.tensor([[0.0, 0.0], [0.0, 1.0], [-1.0, 1.0]], dtype=dtype)
    value, direction = fisher_ipm_linear(strong, weak)
    assert value.item() == pytest.approx(1.6666666666666665, abs=tolerance)
    assert direction.tolist() == pytest.approx([1.0, -0.5000000000000001], abs=tolerance)
    ratio = fisher_ipm_ratio(strong @ direction, weak @ direction)
    assert ratio.item() == pytest.approx(value.item(), abs=tolerance)  # Omega is 1 at the optimum


def test_gradcheck():
    inputs = (STRONG.clone().requires_grad_(), WEAK.clone().requires_grad_())
    assert torch.autograd.gradcheck(
        lambda s, w: fisher_critic_loss(s, w, multiplier=0.3, rho=0.2), inputs
    )
    assert torch.autograd.gradcheck(fisher_ipm_ratio, inputs)
    assert torch.autograd.gradcheck(fisher_encoder_loss, inputs[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_finite_for_any_finite_input(dtype):
    # the gradient grows with the third power of a value: what float16 can hold is small
    huge = 50.0 if dtype == torch.float16 else torch.finfo(dtype).max
    groups = [(0.0, 0.0, 3, 2), (huge, -huge, 3, 2), (1.0, 1.0, 1, 0), (1.0, 1.0, 0, 1)]
    for first, second, n, m in groups:
        strong = torch.full((n,), first, dtype=dtype, requires_grad=True)
        weak = torch.full((m,), second, dtype=dtype, requires_grad=True)
        for loss in (FisherIPMLoss(rho=0.1)(strong, weak), fisher_ipm_ratio(strong, weak)):
            assert bool(loss.isfinite())
            for grad in torch.autograd.grad(loss, (strong, weak)):
                assert bool(grad.isfinite().all())
        assert bool(fisher_encoder_loss(weak).isfinite())


def test_linear_form_of_equal_or_singular_groups_is_finite():
    value, direction = fisher_ipm_linear(torch.ones(3, 4), torch.ones(2, 4))
    assert value.item() == pytest.approx(0)
    assert bool(direction.isfinite().all())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fisher_moments(torch.zeros(2, 2), torch.zeros(2)), "values"),
        (lambda: fisher_moments(torch.zeros(0), torch.zeros(0)), "at least one row"),
        (lambda: fisher_ipm_linear(torch.zeros(2, 2), torch.zeros(0, 2)), "both groups"),
        (lambda: FisherIPMLoss(rho=0.0), "rho"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
