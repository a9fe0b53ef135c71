"""GramNet's ratio and kernel distance against hand-checked values and a naive solve."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from affectrep.objectives.gram import (
    GramLoss,
    gram_critic_loss,
    gram_ratio,
    kernel_variances,
    mmd_loss,
)

DOUBLE = torch.float64
DTYPES = pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-9), (torch.float32, 1e-5)])
STRONG = torch.tensor([[0.0], [2.0]], dtype=DOUBLE)
WEAK = torch.tensor([[0.0], [1.0]], dtype=DOUBLE)
STRONG_2D = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=DOUBLE)
WEAK_2D = torch.tensor([[1.0, 1.0], [2.0, 1.0]], dtype=DOUBLE)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


@DTYPES
@pytest.mark.parametrize(
    ("ridge", "ratio", "divergence", "mean_square"),
    [
        (0.0, [0.6321205588285578, 0.8296608198610632], 0.08217535976350888, 0.5439567384531299),
        (0.001, [0.6319162794547125, 0.8289557657986487], 0.082370877691994, 0.5432429229453553),
        (0.1, [0.6093069737320715, 0.7668163260727684], 0.10350783328029685, 0.4796311330851368),
    ],
)
def test_golden_values(ridge, ratio, divergence, mean_square, dtype, tolerance):
    strong, weak = STRONG.to(dtype), WEAK.to(dtype)
    found = gram_ratio(strong, weak, variance=1.0, ridge=ridge)
    assert found.tolist() == pytest.approx(ratio, abs=tolerance)
    assert found.square().mean().item() == pytest.approx(mean_square, abs=tolerance)
    one = torch.ones(1, dtype=dtype)
    loss = gram_critic_loss(strong, weak, variances=one, ridge=ridge)
    assert loss.item() == pytest.approx(-divergence, abs=tolerance)


@DTYPES
def test_golden_values_in_two_dimensions(dtype, tolerance):
    strong, weak, one = STRONG_2D.to(dtype), WEAK_2D.to(dtype), torch.ones(1, dtype=dtype)
    found = gram_ratio(strong, weak, variance=1.0)
    assert found.tolist() == pytest.approx(
        [1.2905196247490964, -0.39214775626027354], abs=tolerance
    )
    loss = gram_critic_loss(strong, weak, variances=one)
    assert loss.item() == pytest.approx(-1.011238513812435, abs=tolerance)
    distance = mmd_loss(strong, weak, variances=one)
    assert distance.item() ** 2 == pytest.approx(0.7658386710015866 + 1e-12, abs=tolerance)


@DTYPES
def test_mmd(dtype, tolerance):
    one = torch.ones(1, dtype=dtype)
    found = mmd_loss(STRONG.to(dtype), WEAK.to(dtype), variances=one)
    assert found.item() == pytest.approx(0.443547821709997, abs=max(tolerance, 2e-12))
    assert found.item() ** 2 == pytest.approx(0.1967346701436833, abs=tolerance)
    assert mmd_loss(STRONG, STRONG).item() == pytest.approx(1e-6)


def test_ratio_of_a_set_to_itself_is_one():
    found = gram_ratio(WEAK, WEAK, variance=1.0, ridge=0.0)
    assert found.tolist() == pytest.approx([1.0, 1.0], abs=1e-9)


def test_bandwidths_are_averaged():
    strong, weak = draw(6, 3), draw(5, 3, seed=1) + 0.5
    variances = kernel_variances(strong, weak)
    both = torch.cat([strong, weak])
    pairs = [float((both[i] - both[j]).square().sum()) for i in range(11) for j in range(i)]
    expected = [float(np.median(pairs)) * m**2 for m in (1 / 5, 1 / 3, 1, 3, 5)]
    assert variances.tolist() == pytest.approx(expected)
    ratios = []
    for variance in expected:
        gram = np.exp(-((both[:, None] - both[None]) ** 2).sum(-1).numpy() / (2 * variance))
        inverse = np.linalg.inv(gram[6:, 6:] + 1e-3 * np.eye(5))
        ratios.append(5 / 6 * inverse @ gram[6:, :6].sum(1))
    ratio = np.mean(ratios, axis=0)
    reward = ((ratio - 1) ** 2).mean()
    assert GramLoss()(strong, weak).item() == pytest.approx(-reward, abs=1e-9)
    summed = gram_critic_loss(strong, weak, positivity="sum")
    assert summed.item() == pytest.approx(-reward - ratio.sum(), abs=1e-9)
    clipped = gram_critic_loss(strong, weak, positivity="relu")
    assert clipped.item() == pytest.approx(-((ratio.clip(0) - 1) ** 2).mean(), abs=1e-9)


def test_gradcheck():
    inputs = (draw(4, 2).requires_grad_(), draw(3, 2, seed=1).requires_grad_())
    variances = torch.tensor([0.5, 2.0], dtype=DOUBLE)
    assert torch.autograd.gradcheck(
        lambda s, w: gram_critic_loss(s, w, variances=variances, positivity="sum"), inputs
    )
    assert torch.autograd.gradcheck(lambda s, w: mmd_loss(s, w, variances=variances), inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_finite_for_any_finite_input(dtype):
    huge = torch.finfo(dtype).max
    groups = [(0.0, 0.0, 3, 2), (huge, -huge, 3, 2), (1.0, 1.0, 1, 0), (1.0, 1.0, 0, 1)]
    for first, second, n, m in groups:
        strong = torch.full((n, 5), first, dtype=dtype, requires_grad=True)
        weak = torch.full((m, 5), second, dtype=dtype, requires_grad=True)
        for loss in (gram_critic_loss(strong, weak), mmd_loss(strong, weak)):
            assert loss.dtype == torch.float32
            assert bool(loss.isfinite())
            for grad in torch.autograd.grad(loss, (strong, weak)):
                assert bool(grad.isfinite().all())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gram_ratio(torch.zeros(2), torch.zeros(2, 2), variance=1.0), "strong"),
        (lambda: gram_ratio(torch.zeros(2, 2), torch.zeros(0, 2), variance=1.0), "both groups"),
        (lambda: gram_critic_loss(torch.zeros(0, 2), torch.zeros(0, 2)), "at least one row"),
        (lambda: gram_critic_loss(STRONG, WEAK, positivity="x"), "positivity"),
        (lambda: mmd_loss(torch.zeros(2, 2), torch.zeros(2, 3)), "weak"),
        (lambda: GramLoss(ridge=-1.0), "ridge"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
