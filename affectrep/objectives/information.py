"""How much two groups of embeddings share, in nats: the information in the adaptive margin."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from affectrep.objectives.groups import bounded, check_groups, squared_distances

__all__ = [
    "bpsk_information",
    "gaussian_information",
    "kernel_mean_correlation",
    "paired_correlation",
]


def gaussian_information(correlation: Tensor, *, largest: float = 2.5) -> Tensor:
    """Return ``-1/2 log(1 - eta^2)`` in nats, at most ``largest``, with a finite gradient.

    Example:
        >>> round(gaussian_information(torch.tensor(0.5)).item(), 6)
        0.143841
    """
    squared = correlation.square().clamp_max(-math.expm1(-2 * largest))
    return (-0.5 * torch.log1p(-squared)).clamp_max(largest)


def kernel_mean_correlation(
    strong: Tensor, weak: Tensor, *, variance: float | None = None
) -> Tensor:
    """Return the cosine of the groups' kernel mean embeddings, in [0, 1]; 0 for an empty group.

    ``mean k(s, w) / sqrt(mean k(s, s') mean k(w, w'))``, k Gaussian: 1 when the sets coincide.

    Args:
        strong: ``(strong, dim)``.
        weak: ``(weak, dim)``.
        variance: of the kernel; None takes half the median squared distance within the groups,
            at least 1e-8 (pairs across them would grow as they part and undo it).

    Example:
        >>> points = torch.tensor([[0.0], [1.0]])
        >>> round(kernel_mean_correlation(points, points).item(), 6)
        1.0
    """
    check_groups(strong, weak)
    if len(strong) == 0 or len(weak) == 0:
        return bounded(torch.cat([strong, weak])).sum() * 0.0
    strong, weak = bounded(strong), bounded(weak)
    squares = [squared_distances(a, b) for a, b in ((strong, weak), (strong, strong), (weak, weak))]
    width = _within_variance(squares[1:]) if variance is None else variance
    cross, of_strong, of_weak = (torch.exp(-square / width / 2).mean() for square in squares)
    return cross / (of_strong * of_weak).sqrt()


def paired_correlation(strong: Tensor, weak: Tensor, *, variance: float = 1.0) -> Tensor:
    """Return Pearson's r of ``exp(-z^2 / 2 variance)`` over all values of the first n rows.

    The paper's literal reading: rows are unpaired, so it depends on their order. n is the smaller
    group; 0 when either side is constant.

    Example:
        >>> paired_correlation(torch.zeros(2, 1), torch.tensor([[0.0], [2.0]])).item()
        0.0
    """
    check_groups(strong, weak)
    n = min(len(strong), len(weak))
    first, second = (
        torch.exp(-bounded(part[:n]).square() / (2 * variance)).flatten() for part in (strong, weak)
    )
    if n == 0:
        return first.sum() * 0.0 + second.sum() * 0.0
    first, second = first - first.mean(), second - second.mean()
    powers = first.square().mean(), second.square().mean()
    power = powers[0] * powers[1]
    known = torch.minimum(*powers) > (4 * torch.finfo(power.dtype).eps) ** 2  # more than rounding
    ratio = (first * second).mean() / torch.where(known, power, 1.0).sqrt()
    return torch.where(known, ratio, 0.0).clamp(-1.0, 1.0)


def bpsk_information(
    strong: Tensor, weak: Tensor, *, variance: float = 0.2, largest: float = 2.5
) -> Tensor:
    """Return the released code's information, a value per strong row in [0, ``largest``].

    Mean over dimensions of ``log N(w; s, v) - log(N(w; -1, v)/2 + N(w; 1, v)/2)``, strong row i
    against weak row n-1-i; asymmetric, and largest at ``s = w = 0``. Strong rows beyond the
    smaller group get 0. Written with logaddexp: the code's own form overflows to NaN.

    Example:
        >>> bpsk_information(torch.zeros(1, 2), torch.zeros(1, 2))
        tensor([2.5000])
    """
    check_groups(strong, weak)
    n = min(len(strong), len(weak))
    sent, received = bounded(strong[:n]), bounded(weak[:n]).flip(0)
    channel = -(received - sent).square() / (2 * variance)
    up, down = (-(received + sign).square() / (2 * variance) for sign in (-1.0, 1.0))
    value = (channel - (torch.logaddexp(up, down) - math.log(2))).mean(dim=1)
    return torch.cat([value.clamp(0.0, largest), value.new_zeros(len(strong) - n)])


def _within_variance(squares: list[Tensor]) -> Tensor:
    upper = [torch.triu_indices(len(s), len(s), 1, device=s.device) for s in squares]
    pairs = torch.cat([s.detach()[i[0], i[1]] for s, i in zip(squares, upper, strict=True)])
    if len(pairs) == 0:
        return pairs.new_tensor(1e-8)
    ordered = pairs.sort().values
    return ((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 4).clamp_min(1e-8)
