"""The Wasserstein critic against a loop over rows and closed forms."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.wasserstein_critic import (
    WassersteinCritic,
    wasserstein_critic_loss,
    wasserstein_distance,
)


def rows(count, seed, dtype=torch.float64):
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_equals_a_loop_over_rows():
    torch.manual_seed(0)
    critic, source, target = WassersteinCritic(3, hidden=5).double(), rows(4, 0), rows(6, 1)
    found = wasserstein_critic_loss(
        critic, source, target, generator=torch.Generator().manual_seed(7)
    )
    shares = torch.rand(6, 1, generator=torch.Generator().manual_seed(7)).double()
    points = [*source, *target]
    points += [source[i % 4] + shares[i] * (target[i] - source[i % 4]) for i in range(6)]
    penalties = []
    for point in points:
        leaf = point.clone().requires_grad_()
        (slope,) = torch.autograd.grad(critic(leaf[None]).sum(), leaf)
        penalties.append((slope.norm() - 1) ** 2)
    gap = critic(source).mean() - critic(target).mean()
    torch.testing.assert_close(found, 10 * torch.stack(penalties).mean() - gap)
    torch.testing.assert_close(critic.distance(source, target), gap)


def test_a_linear_critic_of_slope_one_has_no_penalty():
    direction = torch.tensor([0.6, 0.8, 0.0], dtype=torch.float64)
    source, target = rows(5, 0), rows(5, 1)
    found = wasserstein_critic_loss(lambda x: x @ direction, source, target)
    expected = -wasserstein_distance(source @ direction, target @ direction)
    torch.testing.assert_close(found, expected)


def test_gradients_reach_the_critic_alone_and_stay_finite():
    critic = WassersteinCritic(3, hidden=4)
    with torch.no_grad():
        for part in critic.parameters():
            part.zero_()  # a dead critic: slope 0 everywhere
    source = rows(3, 0, torch.float32).requires_grad_()
    critic.loss(source, rows(2, 1, torch.float32)).backward()
    assert source.grad is None
    assert all(part.grad is None or part.grad.isfinite().all() for part in critic.parameters())


def test_gradcheck_of_the_distance():
    a, b = rows(4, 0)[:, 0].requires_grad_(), rows(2, 1)[:, 0].requires_grad_()
    assert torch.autograd.gradcheck(wasserstein_distance, (a, b))


@pytest.mark.parametrize("sizes", [(0, 2), (2, 0), (1, 1)])
def test_one_side_may_be_empty(sizes):
    critic = WassersteinCritic(3, hidden=4)
    loss = critic.loss(rows(sizes[0], 0).float(), rows(sizes[1], 1).float())
    loss.backward()
    assert loss.isfinite()
    assert (loss.item() == 0) == (0 in sizes)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    critic = WassersteinCritic(3, hidden=4).to(dtype)
    loss = critic.loss(rows(3, 0, torch.float32).to(dtype), rows(2, 1, torch.float32).to(dtype))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wasserstein_distance(torch.zeros(2, 2), torch.zeros(2)), "source scores"),
        (lambda: WassersteinCritic(3).loss(torch.zeros(2, 3), torch.zeros(2, 4)), "one dim"),
        (lambda: WassersteinCritic(3).loss(torch.zeros(0, 3), torch.zeros(0, 3)), "at least one"),
        (lambda: WassersteinCritic(3, penalty=-1).loss(*torch.zeros(2, 2, 3)), "penalty"),
        (lambda: WassersteinCritic(0), "dim"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
