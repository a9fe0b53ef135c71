"""Fisher integral probability metric: a scalar critic under a constraint on its second moment."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectrep.objectives.groups import bounded, check_groups

__all__ = [
    "FisherIPMLoss",
    "fisher_critic_loss",
    "fisher_encoder_loss",
    "fisher_ipm_linear",
    "fisher_ipm_ratio",
    "fisher_moments",
]


def fisher_moments(strong: Tensor, weak: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``E_P f - E_Q f`` and ``Omega = E_P f^2 / 2 + E_Q f^2 / 2``; empty groups give 0.

    Args:
        strong: ``(strong,)`` or ``(strong, 1)`` critic values, P.
        weak: ``(weak,)`` or ``(weak, 1)``, Q.

    Raises:
        ValueError: if shapes do not fit or there is no row at all.

    Example:
        >>> fisher_moments(torch.tensor([2.0]), torch.tensor([1.0]))
        (tensor(1.), tensor(2.5000))
    """
    strong, weak = _values(strong), _values(weak)
    check_groups(strong[:, None], weak[:, None])
    if len(strong) == 0 or len(weak) == 0:
        nothing = (strong.sum() + weak.sum()) * 0.0
        return nothing, nothing
    omega = 0.5 * strong.square().mean() + 0.5 * weak.square().mean()
    return strong.mean() - weak.mean(), omega


def fisher_critic_loss(
    strong: Tensor, weak: Tensor, *, multiplier: Tensor | float, rho: float = 1e-6
) -> Tensor:
    """Minus the augmented Lagrangian, to minimise in the critic; zero if a group is empty.

    ``-(E_P f - E_Q f + multiplier (1 - Omega) - rho/2 (Omega - 1)^2)``. After each critic step
    the multiplier becomes ``multiplier - rho (1 - Omega)``.

    Args:
        strong: ``(strong,)`` or ``(strong, 1)`` critic values.
        weak: ``(weak,)`` or ``(weak, 1)``.
        multiplier: Lagrange multiplier.
        rho: weight of the quadratic term and step of the multiplier.

    Raises:
        ValueError: if shapes do not fit or there is no row at all.

    Source: Mroueh and Sercu 2017, Fisher GAN, Eq. 9.

    Example:
        >>> fisher_critic_loss(torch.ones(2), -torch.ones(2), multiplier=0.0).item()
        -2.0
    """
    difference, omega = fisher_moments(strong, weak)
    if len(strong) == 0 or len(weak) == 0:
        return difference
    return -(difference + multiplier * (1 - omega) - rho / 2 * (omega - 1).square())


def fisher_encoder_loss(weak: Tensor) -> Tensor:
    """Minus the mean critic value of the weak rows, ``-E_Q f``; zero for no row.

    Example:
        >>> fisher_encoder_loss(torch.tensor([1.0, 3.0])).item()
        -2.0
    """
    weak = _values(weak)
    return -weak.mean() if len(weak) else weak.sum() * 0.0


def fisher_ipm_ratio(strong: Tensor, weak: Tensor) -> Tensor:
    """Return ``(E_P f - E_Q f) / sqrt(Omega)``, the figure to watch; 0 for a critic that is 0.

    Example:
        >>> fisher_ipm_ratio(torch.ones(2), -torch.ones(2)).item()
        2.0
    """
    difference, omega = fisher_moments(strong, weak)
    return difference / torch.where(omega > 0, omega, 1.0).sqrt()


def fisher_ipm_linear(strong: Tensor, weak: Tensor, *, ridge: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return the value and direction of the best linear critic, in closed form.

    ``sqrt(d' S^-1 d)`` with d the difference of means and S half the sum of second moments plus
    ``ridge`` times the identity (least squares where S is singular). Equal means give zeros.

    Args:
        strong: ``(strong, dim)`` features.
        weak: ``(weak, dim)``.
        ridge: at least 0.

    Raises:
        ValueError: if shapes do not fit or a group is empty.

    Source: Mroueh and Sercu 2017, Fisher GAN.

    Example:
        >>> value, _ = fisher_ipm_linear(torch.tensor([[1.0]]), torch.tensor([[-1.0]]))
        >>> value.item()
        2.0
    """
    check_groups(strong, weak)
    if len(strong) == 0 or len(weak) == 0:
        raise ValueError(f"expected rows in both groups, got {len(strong)} and {len(weak)}")
    strong, weak = bounded(strong), bounded(weak)
    second = 0.5 * strong.T @ strong / len(strong) + 0.5 * weak.T @ weak / len(weak)
    second = second + ridge * torch.eye(len(second), dtype=second.dtype, device=second.device)
    difference = strong.mean(dim=0) - weak.mean(dim=0)
    direction = torch.linalg.pinv(second, hermitian=True) @ difference
    value = (difference @ direction).clamp_min(0).sqrt()
    return value, direction / torch.where(value > 0, value, 1.0)


class FisherIPMLoss(nn.Module):
    """Critic's loss that holds its multiplier in ``state_dict``; see :func:`fisher_critic_loss`.

    Use it instead of the contrastive critic where a scalar critic and no margin are wanted; its
    paper takes five critic steps for each of the encoder's.

    Args:
        rho: weight of the quadratic term and step of the multiplier, > 0.
        clamp: keep the multiplier at 0 or above.

    Example:
        >>> loss = FisherIPMLoss(rho=0.5)
        >>> loss.step(torch.tensor([2.0]), torch.tensor([0.0]))
        >>> loss.multiplier.item()
        0.5
    """

    multiplier: Tensor

    def __init__(self, *, rho: float = 1e-6, clamp: bool = False) -> None:
        super().__init__()
        if not rho > 0:
            raise ValueError(f"expected rho above 0, got {rho}")
        self.rho, self.clamp = rho, clamp
        self.register_buffer("multiplier", torch.zeros((), dtype=torch.float64))

    def forward(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return the loss that the critic minimises; call :meth:`step` after the update."""
        return fisher_critic_loss(strong, weak, multiplier=float(self.multiplier), rho=self.rho)

    @torch.no_grad()
    def step(self, strong: Tensor, weak: Tensor) -> None:
        """Move the multiplier against the constraint; nothing happens if a group is empty."""
        _, omega = fisher_moments(strong, weak)
        if len(strong) and len(weak):
            self.multiplier += self.rho * (omega - 1)
        if self.clamp:
            self.multiplier.clamp_(min=0)


def _values(values: Tensor) -> Tensor:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"expected values (rows,) or (rows, 1), got {tuple(values.shape)}")
    return bounded(values, 1e8)  # raised to the fourth power
