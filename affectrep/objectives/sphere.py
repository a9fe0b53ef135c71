"""SphereGAN's critic: moments of the geodesic distance to the north pole of a sphere."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from affectrep.objectives.groups import bounded, check_groups

__all__ = [
    "SphereLoss",
    "north_distances",
    "sphere_critic_loss",
    "sphere_encoder_loss",
    "sphere_points",
]

BASES = {"one": 1.0, "pi": math.pi, "pi_third": math.pi / 3}


def sphere_points(values: Tensor) -> Tensor:
    """Return the inverse stereographic projection ``(2v, |v|^2 - 1) / (|v|^2 + 1)``.

    Args:
        values: ``(batch, dim)``; the result is ``(batch, dim + 1)``, unit rows, pole last.

    Example:
        >>> sphere_points(torch.tensor([[2.0, 0.0]]))
        tensor([[0.8000, 0.0000, 0.6000]])
    """
    values = bounded(values)
    square = values.square().sum(dim=1, keepdim=True)
    return torch.cat([2 * values, square - 1], dim=1) / (square + 1)


def north_distances(values: Tensor) -> Tensor:
    """Return the geodesic distances to the north pole, ``2 atan2(1, |v|)``, in (0, pi] radians.

    Equal to ``acos`` of the last coordinate of :func:`sphere_points`, but with a finite gradient
    everywhere (zero at v = 0, where there is a kink).

    Args:
        values: ``(batch, dim)`` critic outputs before the projection.

    Example:
        >>> north_distances(torch.zeros(1, 3))
        tensor([3.1416])
    """
    norms = torch.linalg.vector_norm(bounded(values), dim=1)
    return 2 * torch.atan2(torch.ones_like(norms), norms)


def sphere_critic_loss(
    strong: Tensor,
    weak: Tensor,
    *,
    moments: int = 1,
    base: Literal["one", "pi", "pi_third"] = "one",
) -> Tensor:
    """Minus ``sum_r w_r (E_P d^r - E_Q d^r)``, to minimise in the critic; zero if a group is empty.

    Args:
        strong: ``(strong, dim)`` critic outputs, P.
        weak: ``(weak, dim)``, Q.
        moments: r runs from 1 to this number (the official code: 1, "3 suggested").
        base: ``w_r = base^-r``: one | pi | pi_third.

    Raises:
        ValueError: if shapes do not fit, there is no row at all, or an option is unknown.

    Source: Park and Kwon 2019, Sphere Generative Adversarial Network Based on Geometric Moment
    Matching; weights from the official code.

    Example:
        >>> far, near = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
        >>> round(sphere_critic_loss(far, near).item(), 4)
        -1.5708
    """
    check_groups(strong, weak)
    if len(strong) == 0 or len(weak) == 0:
        return bounded(torch.cat([strong, weak])).sum() * 0.0
    return _moments(weak, moments, base) - _moments(strong, moments, base)


def sphere_encoder_loss(
    weak: Tensor, *, moments: int = 1, base: Literal["one", "pi", "pi_third"] = "one"
) -> Tensor:
    """Minus ``sum_r w_r E_Q d^r``, to minimise in the encoder; zero for no row.

    Example:
        >>> round(sphere_encoder_loss(torch.tensor([[1.0, 0.0]])).item(), 4)
        -1.5708
    """
    if weak.ndim != 2:
        raise ValueError(f"expected weak (rows, dim), got {tuple(weak.shape)}")
    if len(weak) == 0:
        return bounded(weak).sum() * 0.0
    return -_moments(weak, moments, base)


class SphereLoss(nn.Module):
    """Critic's loss that holds its moments; see :func:`sphere_critic_loss`.

    Use it instead of the contrastive critic where its objective must be bounded without a hinge.

    Example:
        >>> SphereLoss(moments=3)(torch.ones(2, 2), torch.ones(4, 2)).item()
        0.0
    """

    def __init__(self, *, moments: int = 1, base: Literal["one", "pi", "pi_third"] = "one") -> None:
        super().__init__()
        _check(moments, base)
        self.moments, self.base = moments, base

    def forward(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return the loss that the critic minimises."""
        return sphere_critic_loss(strong, weak, moments=self.moments, base=self.base)


def _moments(values: Tensor, moments: int, base: str) -> Tensor:
    _check(moments, base)
    scaled = north_distances(values) / BASES[base]
    return torch.stack([scaled.pow(r).mean() for r in range(1, moments + 1)]).sum()


def _check(moments: int, base: str) -> None:
    if moments < 1 or base not in BASES:
        raise ValueError(
            f"expected moments of at least 1 and base one of {', '.join(BASES)}, got {moments} "
            f"and {base!r}"
        )
