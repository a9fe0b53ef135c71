"""GramNet's critic: the density ratio of two groups by kernels, and their kernel distance."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from affectrep.objectives.groups import bounded, check_groups, squared_distances

__all__ = [
    "GramLoss",
    "gram_critic_loss",
    "gram_ratio",
    "kernel_variances",
    "mmd_loss",
]

MULTIPLES = (1 / 5, 1 / 3, 1.0, 3.0, 5.0)


def gram_ratio(
    strong: Tensor, weak: Tensor, *, variance: Tensor | float, ridge: float = 1e-3
) -> Tensor:
    """Return the estimated density ratio strong to weak at the weak points, ``(weak,)``.

    ``(n_weak / n_strong) (K_ww + ridge I)^-1 K_ws 1`` with a Gaussian kernel; may be negative.

    Args:
        strong: ``(strong, dim)`` projections, the numerator; must not be empty.
        weak: ``(weak, dim)``, the denominator; must not be empty.
        variance: of the kernel, > 0.
        ridge: added to the diagonal; 0 fails where weak points coincide.

    Raises:
        ValueError: if shapes do not fit or a group is empty.

    Source: Srivastava et al. 2020, Generative Ratio Matching Networks.

    Example:
        >>> points = torch.tensor([[0.0], [1.0]])
        >>> gram_ratio(points, points, variance=1.0, ridge=0.0)
        tensor([1., 1.])
    """
    check_groups(strong, weak)
    if len(strong) == 0 or len(weak) == 0:
        raise ValueError(f"expected rows in both groups, got {len(strong)} and {len(weak)}")
    strong, weak = bounded(strong), bounded(weak)
    within = _kernel(weak, weak, variance)
    within = within + ridge * torch.eye(len(weak), dtype=weak.dtype, device=weak.device)
    across = _kernel(weak, strong, variance).sum(dim=1)
    ratio: Tensor = torch.linalg.solve(within, across)
    return ratio * (len(weak) / len(strong))


def gram_critic_loss(
    strong: Tensor,
    weak: Tensor,
    *,
    variances: Tensor | None = None,
    ridge: float = 1e-3,
    positivity: Literal["none", "sum", "relu"] = "none",
) -> Tensor:
    """Minus the Pearson divergence ``mean (ratio - 1)^2``; zero if a group is empty.

    Averaged over bandwidths (the PyTorch reference sums the ratios).

    Args:
        strong: ``(strong, dim)`` projections.
        weak: ``(weak, dim)``.
        variances: ``(bandwidths,)`` of the kernels; None takes :func:`kernel_variances`.
        ridge: as in :func:`gram_ratio`.
        positivity: of the ratio: "none" | "sum" adds its sum to the reward | "relu" clips it.

    Raises:
        ValueError: if shapes do not fit, there is no row at all, or an option is unknown.

    Source: Srivastava et al. 2020, Generative Ratio Matching Networks.

    Example:
        >>> strong, weak = torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [1.0]])
        >>> round(gram_critic_loss(strong, weak, variances=torch.ones(1), ridge=0.0).item(), 5)
        -0.08218
    """
    if positivity not in ("none", "sum", "relu"):
        raise ValueError(f"expected positivity none, sum or relu, got {positivity!r}")
    check_groups(strong, weak)
    if len(strong) == 0 or len(weak) == 0:
        return bounded(torch.cat([strong, weak])).sum() * 0.0
    variances = kernel_variances(strong, weak) if variances is None else variances
    ratio = torch.stack([gram_ratio(strong, weak, variance=v, ridge=ridge) for v in variances])
    ratio = ratio.mean(dim=0)
    reward = ((ratio.clamp_min(0) if positivity == "relu" else ratio) - 1).square().mean()
    return -(reward + ratio.sum()) if positivity == "sum" else -reward


def mmd_loss(strong: Tensor, weak: Tensor, *, variances: Tensor | None = None) -> Tensor:
    """Kernel distance of the groups, to minimise in the encoder; zero if a group is empty.

    ``sqrt(relu(mean K_ww - 2 mean K_ws + mean K_ss) + 1e-12)``, kernels averaged over bandwidths.

    Args:
        strong: ``(strong, dim)``.
        weak: ``(weak, dim)``.
        variances: ``(bandwidths,)``; None takes :func:`kernel_variances`.

    Raises:
        ValueError: if shapes do not fit or there is no row at all.

    Source: Gretton et al. 2012, A Kernel Two-Sample Test (biased estimate).

    Example:
        >>> strong, weak = torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [1.0]])
        >>> round(mmd_loss(strong, weak, variances=torch.ones(1)).item(), 5)
        0.44355
    """
    check_groups(strong, weak)
    if len(strong) == 0 or len(weak) == 0:
        return bounded(torch.cat([strong, weak])).sum() * 0.0
    variances = kernel_variances(strong, weak) if variances is None else variances
    strong, weak = bounded(strong), bounded(weak)
    parts = [
        torch.stack([_kernel(a, b, v).mean() for v in variances]).mean()
        for a, b in ((weak, weak), (weak, strong), (strong, strong))
    ]
    return ((parts[0] - 2 * parts[1] + parts[2]).clamp_min(0) + 1e-12).sqrt()


@torch.no_grad()
def kernel_variances(
    strong: Tensor, weak: Tensor, *, multiples: tuple[float, ...] = MULTIPLES
) -> Tensor:
    """Return ``(multiples,)`` variances: sigma is each multiple times the median distance.

    The median is over pairs of different rows of both groups, detached, its square at least 1e-8.

    Example:
        >>> kernel_variances(torch.tensor([[0.0]]), torch.tensor([[2.0]]), multiples=(0.5, 1.0))
        tensor([1., 4.])
    """
    check_groups(strong, weak)
    rows = bounded(torch.cat([strong, weak]))
    i, j = torch.triu_indices(len(rows), len(rows), 1, device=rows.device)
    pairs = squared_distances(rows, rows)[i, j]
    median = pairs.median() if len(pairs) else rows.new_zeros(())
    return rows.new_tensor(multiples).square() * median.clamp_min(1e-8)


class GramLoss(nn.Module):
    """Critic's loss that holds its options; see :func:`gram_critic_loss`.

    Use it instead of the contrastive critic where the encoder should match whole distributions:
    its encoder loss is :func:`mmd_loss`.

    Example:
        >>> loss = GramLoss()(torch.zeros(3, 2), torch.ones(2, 2))
        >>> loss.ndim
        0
    """

    def __init__(
        self, *, ridge: float = 1e-3, positivity: Literal["none", "sum", "relu"] = "none"
    ) -> None:
        super().__init__()
        if positivity not in ("none", "sum", "relu") or ridge < 0:
            raise ValueError(
                f"expected positivity none, sum or relu and ridge >= 0, got {positivity!r} and "
                f"{ridge}"
            )
        self.ridge, self.positivity = ridge, positivity

    def forward(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return the loss that the critic minimises."""
        return gram_critic_loss(strong, weak, ridge=self.ridge, positivity=self.positivity)


def _kernel(first: Tensor, second: Tensor, variance: Tensor | float) -> Tensor:
    return torch.exp(-squared_distances(first, second) / variance / 2)
