"""Wasserstein critic of two domains: the distance its scores estimate, and its gradient penalty."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["WassersteinCritic", "wasserstein_critic_loss", "wasserstein_distance"]


def wasserstein_distance(source_scores: Tensor, target_scores: Tensor) -> Tensor:
    """Mean score of the source minus that of the target, in the units of the score.

    The encoder minimises it with the critic frozen. With a 1-Lipschitz critic at its best it is
    the Earth Mover's distance; zero with a live graph if one side has no row.

    Args:
        source_scores: ``(rows,)`` or ``(rows, 1)``, taken in float32 at least.
        target_scores: the same, for other rows; their number may differ.

    Raises:
        ValueError: if a shape does not fit.

    Source: Shen et al. 2018, Wasserstein Distance Guided Representation Learning, Eq. 2.

    Example:
        >>> wasserstein_distance(torch.tensor([1.0, 3.0]), torch.tensor([0.5])).item()
        1.5
    """
    for name, scores in (("source", source_scores), ("target", target_scores)):
        if scores.ndim not in (1, 2) or scores.shape[1:] not in ((), (1,)):
            raise ValueError(f"expected {name} scores (rows,) or (rows, 1), got {(*scores.shape,)}")
    source, target = _at_least_float32(source_scores), _at_least_float32(target_scores)
    if not (source.numel() and target.numel()):
        return source[:0].sum() + target[:0].sum()
    return source.mean() - target.mean()


def wasserstein_critic_loss(
    critic: Callable[[Tensor], Tensor],
    source: Tensor,
    target: Tensor,
    *,
    penalty: float = 10.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """What the critic minimises: minus the distance, plus ``penalty (|grad| - 1)^2`` on average.

    The penalty is taken at source rows, target rows and a random point between each two of them;
    the shorter side is used again from its start. Zero with a live graph if one side is empty.

    Args:
        critic: ``(rows, dim)`` to ``(rows,)`` or ``(rows, 1)``.
        source: ``(rows, dim)``; no gradient reaches it.
        target: ``(rows, dim)``, their number may differ; no gradient reaches it.
        penalty: factor on the gradient penalty, >= 0.
        generator: draws the points between; None is torch's own.

    Raises:
        ValueError: if shapes do not fit, both sides are empty or the penalty is negative.

    Source: Shen et al. 2018, Wasserstein Distance Guided Representation Learning, Eq. 3-4;
    Gulrajani et al. 2017, Improved Training of Wasserstein GANs, Eq. 3.

    Example:
        >>> critic = lambda rows: 2 * rows[:, 0]  # slope 2: the penalty is 10
        >>> wasserstein_critic_loss(critic, torch.ones(4, 2), torch.zeros(3, 2)).item()
        8.0
    """
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(
            f"expected source and target (rows, dim) of one dim, got "
            f"{(*source.shape,)} and {(*target.shape,)}"
        )
    if not (math.isfinite(penalty) and penalty >= 0):
        raise ValueError(f"expected a finite penalty of at least 0, got {penalty}")
    source, target = source.detach(), target.detach()
    if source.shape[0] + target.shape[0] == 0:
        raise ValueError("expected at least one row, got none on either side")
    gap = wasserstein_distance(critic(source), critic(target))
    if not (source.shape[0] and target.shape[0]):
        return -gap
    size = max(source.shape[0], target.shape[0])
    index = torch.arange(size, device=source.device)
    left, right = source[index % source.shape[0]], target[index % target.shape[0]]
    share = torch.rand(size, 1, generator=generator, dtype=torch.float32).to(left.device)
    # not left + share (right - left): in half precision the difference may overflow
    between = _at_least_float32(left) * (1 - share) + _at_least_float32(right) * share
    points = torch.cat([source, target, between.to(source)])
    return penalty * _gradient_penalty(critic, points) - gap


class WassersteinCritic(nn.Module):
    """A critic dim-hidden-1, to be trained some steps for each step of the encoder.

    Use it where a domain classifier saturates: its gradient stays useful when the domains do not
    overlap. It compares two domains; for many speakers use :class:`DomainAdversary`.

    Args:
        dim: dimension of the embeddings.
        hidden: width of the hidden layer.
        penalty: factor on the gradient penalty, >= 0.

    Raises:
        ValueError: if a dimension is below 1.

    Example:
        >>> critic = WassersteinCritic(4, hidden=8)
        >>> source, target = torch.ones(2, 4), torch.zeros(3, 4)
        >>> critic(target).shape, critic.distance(source, target).shape
        (torch.Size([3]), torch.Size([]))
    """

    def __init__(self, dim: int, *, hidden: int = 128, penalty: float = 10.0) -> None:
        super().__init__()
        if dim < 1 or hidden < 1:
            raise ValueError(f"expected dim and hidden of at least 1, got {dim} and {hidden}")
        self.penalty = penalty
        self.layers = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the scores ``(rows,)`` of ``(rows, dim)`` embeddings."""
        scores: Tensor = self.layers(embeddings)
        return scores.squeeze(1)

    def loss(self, source: Tensor, target: Tensor) -> Tensor:
        """Return what the critic minimises; shapes as in :func:`wasserstein_critic_loss`."""
        return wasserstein_critic_loss(self, source, target, penalty=self.penalty)

    def distance(self, source: Tensor, target: Tensor) -> Tensor:
        """Return what the encoder minimises, on ``(rows, dim)`` embeddings of the two domains."""
        return wasserstein_distance(self(source), self(target))


def _gradient_penalty(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    with torch.enable_grad():
        points = points.requires_grad_()
        total = critic(points).sum()
        (slopes,) = torch.autograd.grad(total, points, create_graph=True)
        squares = _at_least_float32(slopes).square().sum(dim=1)
        # the square root has no finite slope at zero, where a dead critic would stand
        return (squares.clamp(min=1e-24).sqrt() - 1).square().mean()


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
