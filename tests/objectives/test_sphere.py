"""SphereGAN's moments against hand-checked values and the arc cosine."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.sphere import (
    SphereLoss,
    north_distances,
    sphere_critic_loss,
    sphere_encoder_loss,
    sphere_points,
)

DOUBLE = torch.float64
DTYPES = pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-9), (torch.float32, 1e-5)])
STRONG = torch.tensor([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0], [1.0, 1.0]], dtype=DOUBLE)
WEAK = torch.tensor([[0.5, 0.0], [0.0, 0.2], [-1.0, 0.0], [0.0, 0.0]], dtype=DOUBLE)
DISTANCES = [1.5707963267948966, 3.141592653589793, 0.9272952180016122, 1.2309594173407747]
MOMENTS = {1: 2.4183719874657257, 2: 6.19625932529868, 3: 16.615851567284}
STRONG_MOMENTS = {1: 1.7176609039317692, 2: 3.678035752457574, 3: 9.386161365963156}


@DTYPES
def test_points_and_distances(dtype, tolerance):
    points = sphere_points(STRONG.to(dtype))
    expected = [[1.0, 0, 0], [0, 0, -1.0], [0.8, 0, 0.6], [2 / 3, 2 / 3, 1 / 3]]
    torch.testing.assert_close(points, torch.tensor(expected, dtype=dtype), atol=tolerance, rtol=0)
    found = north_distances(STRONG.to(dtype))
    assert found.tolist() == pytest.approx(DISTANCES, abs=tolerance)
    many = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    torch.testing.assert_close(north_distances(many), sphere_points(many)[:, -1].acos())


@DTYPES
def test_critic_golden_values(dtype, tolerance):
    strong, weak = STRONG.to(dtype), WEAK.to(dtype)
    loss = SphereLoss(moments=3)(strong, weak)
    assert loss.item() == pytest.approx(10.448624857695908, rel=tolerance)
    loss = sphere_critic_loss(strong, weak, moments=3, base="pi")
    assert loss.item() == pytest.approx(0.7113612607929761, abs=tolerance)
    first = sphere_critic_loss(strong, weak)
    assert first.item() == pytest.approx(MOMENTS[1] - STRONG_MOMENTS[1], abs=tolerance)


@DTYPES
def test_encoder_golden_values(dtype, tolerance):
    for values, moments in ((WEAK, MOMENTS), (STRONG, STRONG_MOMENTS)):
        for most in (1, 2, 3):
            loss = sphere_encoder_loss(values.to(dtype), moments=most)
            expected = -sum(moments[r] for r in range(1, most + 1))
            assert loss.item() == pytest.approx(expected, rel=tolerance)


def test_gradcheck():
    strong, weak = STRONG + 0.1, WEAK - 0.3
    inputs = (strong.requires_grad_(), weak.requires_grad_())
    assert torch.autograd.gradcheck(
        lambda s, w: sphere_critic_loss(s, w, moments=3, base="pi_third"), inputs
    )
    assert torch.autograd.gradcheck(lambda w: sphere_encoder_loss(w, moments=2), inputs[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_finite_for_any_finite_input(dtype):
    huge = torch.finfo(dtype).max
    groups = [(0.0, 0.0, 3, 2), (huge, -huge, 3, 2), (1.0, 1.0, 1, 0), (1.0, 1.0, 0, 1)]
    for first, second, n, m in groups:
        strong = torch.full((n, 5), first, dtype=dtype, requires_grad=True)
        weak = torch.full((m, 5), second, dtype=dtype, requires_grad=True)
        assert bool(sphere_points(strong).isfinite().all())
        loss = sphere_critic_loss(strong, weak, moments=3) + sphere_encoder_loss(weak, moments=3)
        assert bool(loss.isfinite())
        for grad in torch.autograd.grad(loss, (strong, weak)):
            assert bool(grad.isfinite().all())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sphere_critic_loss(torch.zeros(2), torch.zeros(2, 2)), "strong"),
        (lambda: sphere_critic_loss(torch.zeros(0, 2), torch.zeros(0, 2)), "at least one row"),
        (lambda: sphere_encoder_loss(torch.zeros(2)), "weak"),
        (lambda: SphereLoss(moments=0), "moments"),
        (lambda: SphereLoss(base="x"), "base"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
