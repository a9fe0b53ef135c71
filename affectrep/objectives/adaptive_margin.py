"""The adaptive margin: how much two groups share, plus how sure a neighbourhood is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from affectrep.objectives.groups import bounded, check_groups, squared_distances
from affectrep.objectives.information import (
    bpsk_information,
    gaussian_information,
    kernel_mean_correlation,
    paired_correlation,
)
from affectrep.objectives.plain_values import require_at_least, require_word

__all__ = [
    "AdaptiveMargin",
    "Margin",
    "MarginParts",
    "adaptive_margin",
    "adaptive_margin_parts",
    "confidence_radius",
    "linear_margin",
    "neighbour_counts",
    "permuted_margin_parts",
]


@dataclass(frozen=True)
class Margin:
    """How the adaptive margin is read; the defaults are the sound reading.

    Args:
        information: "kme" cosine of kernel mean embeddings | "paired" the paper's literal
            correlation of row i with row i | "bpsk" the released code | "none".
        delta: radius after k neighbours: "A" ``scale / sqrt(k)`` | "hoeffding"
            ``sqrt(log(rows/risk) / 2k)`` | "paper" ``log(rows/risk) / 2k`` (square root dropped)
            | "none" no radius, the information alone (Figure 2 of the paper).
        scale: A of "A".
        risk: c of the other two, in (0, 1).
        delta_max: cap of the radius that is added, or None.
        neighbours: None finds K by AKNN; a number is every anchor's K, at most batch - 1.
        bias: "majority" share of the larger group less 1/2 | "own" share of the anchor's own
            group less that group's share among all other rows.
        off_by_one: add the radius of K - 1, as the released code does.
        information_max: cap of the information, in nats.
        margin_max: cap of the sum, for a bounded critic (half its largest squared distance).
        margin_grad: let the gradient pass through the information (released code).
    """

    information: Literal["kme", "paired", "bpsk", "none"] = "kme"
    delta: Literal["A", "hoeffding", "paper", "none"] = "A"
    scale: float = 0.7
    risk: float = 0.05
    delta_max: float | None = None
    neighbours: int | None = None
    bias: Literal["majority", "own"] = "majority"
    off_by_one: bool = False
    information_max: float = 2.5
    margin_max: float | None = None
    margin_grad: bool = False

    def __post_init__(self) -> None:
        require_word("information", self.information, ("kme", "paired", "bpsk", "none"))
        require_word("delta", self.delta, ("A", "hoeffding", "paper", "none"))
        require_word("bias", self.bias, ("majority", "own"))
        if not self.scale > 0 or not 0 < self.risk < 1:
            raise ValueError(
                f"expected scale > 0 and risk in (0, 1), got {self.scale} and {self.risk}"
            )
        caps = {"delta_max": self.delta_max, "margin_max": self.margin_max}
        given = {name: cap for name, cap in caps.items() if cap is not None}
        require_at_least(0, information_max=self.information_max, **given)
        if self.neighbours is not None and self.neighbours < 1:
            raise ValueError(f"expected at least 1 neighbour, got {self.neighbours}")


class MarginParts(NamedTuple):
    """The margin of each strong row and what it is made of (``(strong,)`` or scalar)."""

    margin: Tensor
    information: Tensor
    delta: Tensor
    neighbours: Tensor
    admissible: Tensor


def adaptive_margin(strong: Tensor, weak: Tensor, *, margin: Margin | None = None) -> Tensor:
    """Return a margin per strong row on the squared distance: shared information plus radius.

    ``alpha_i = min(-1/2 log(1 - eta^2), 2.5) + .7 / sqrt(K_i)``: groups that overlap ask for more
    distance, and so do anchors whose nearest rows are of one group. Detached unless
    ``margin.margin_grad``.

    Use it where a constant margin would have to be tuned; the radii are a scale, not a statement
    of confidence: with A = .7 and 256 rows 46 % of anchors (78 % at a strong share of .9) reach
    the largest radius under shuffled groups too, so log :func:`permuted_margin_parts` beside it.

    Args:
        strong: ``(strong, dim)`` critic embeddings.
        weak: ``(weak, dim)``; an empty group shares no information.
        margin: how to read the paper.

    Raises:
        ValueError: if shapes do not fit or there is no row at all.

    Source: Kim and Song 2021, Contrastive Adversarial Learning for Person Independent Facial
    Emotion Recognition (AAAI), Eq. 5 and 8; AKNN: Balsubramani et al. 2019.

    Example:
        >>> same = torch.zeros(3, 2)
        >>> adaptive_margin(same, same + 1.0)
        tensor([0.4950, 0.4950, 0.4950])
    """
    return adaptive_margin_parts(strong, weak, margin=margin).margin


def adaptive_margin_parts(
    strong: Tensor, weak: Tensor, *, margin: Margin | None = None
) -> MarginParts:
    """Return :func:`adaptive_margin` with its parts, for logs; same arguments and errors.

    Example:
        >>> parts = adaptive_margin_parts(torch.zeros(3, 2), torch.ones(3, 2))
        >>> parts.neighbours.tolist(), parts.information.item()
        ([2, 2, 2], 0.0)
    """
    margin = margin or Margin()
    check_groups(strong, weak)
    strong, weak = bounded(strong), bounded(weak)
    with torch.set_grad_enabled(margin.margin_grad and torch.is_grad_enabled()):
        information = _information(strong, weak, margin)
    with torch.no_grad():
        rows = torch.cat([strong, weak])
        is_strong = torch.arange(len(rows), device=rows.device) < len(strong)
        counts, admissible = neighbour_counts(rows, is_strong, margin=margin)
        used = (counts - 1).clamp_min(1) if margin.off_by_one else counts
        delta = confidence_radius(used.to(rows.dtype), len(rows), margin=margin)
        delta = delta.clamp_max(math.inf if margin.delta_max is None else margin.delta_max)
    n = len(strong)
    alpha = information + delta[:n]
    alpha = alpha if margin.margin_max is None else alpha.clamp_max(margin.margin_max)
    return MarginParts(alpha, information.detach(), delta[:n], counts[:n], admissible[:n])


def permuted_margin_parts(
    strong: Tensor,
    weak: Tensor,
    *,
    margin: Margin | None = None,
    generator: torch.Generator | None = None,
) -> MarginParts:
    """Return the parts after shuffling who is strong: the baseline to log beside the margin.

    The information of kme is biased upward in small or unbalanced groups (.36 at 4 v 4, 1.85 at
    128 v 128 for identical distributions), so only its fall below this figure says anything.

    Example:
        >>> permuted_margin_parts(torch.zeros(3, 2), torch.zeros(3, 2)).information.item()
        2.5
    """
    check_groups(strong, weak)
    rows = torch.cat([strong, weak]).detach()
    order = torch.randperm(len(rows), generator=generator).to(rows.device)
    return adaptive_margin_parts(
        rows[order[: len(strong)]], rows[order[len(strong) :]], margin=margin
    )


def linear_margin(epochs: float, *, start: float = 0.1, slope: float = 0.005) -> float:
    """Return the baseline kappa' after so many completed epochs; kappa is a constant 0.2.

    Example:
        >>> linear_margin(20)
        0.2
    """
    return start + slope * epochs


def confidence_radius(neighbours: Tensor, rows: int, *, margin: Margin | None = None) -> Tensor:
    """Return the radius after ``neighbours`` of ``rows`` rows; float, shape as ``neighbours``.

    Hoeffding's is the form "A" with ``A = sqrt(log(rows / risk) / 2)`` (2.07 at 256 rows).

    Example:
        >>> confidence_radius(torch.tensor([1.0, 4.0]), 256)
        tensor([0.7000, 0.3500])
    """
    margin = margin or Margin()
    if rows < 1:
        raise ValueError(f"expected at least one row, got {rows}")
    if margin.delta == "none":
        return torch.zeros_like(neighbours)
    if margin.delta == "A":
        return margin.scale / neighbours.sqrt()
    ratio = math.log(rows / margin.risk) / (2 * neighbours)
    return ratio.sqrt() if margin.delta == "hoeffding" else ratio


@torch.no_grad()
def neighbour_counts(
    rows: Tensor, is_strong: Tensor, *, margin: Margin | None = None
) -> tuple[Tensor, Tensor]:
    """Return AKNN's K for each row, and whether any k was admissible; both ``(batch,)``.

    K is the first k for which the bias among the k nearest other rows exceeds the radius of k
    (strictly; ties of distance by index). Without any it is batch - 1, at least 1; the official
    helper then says batch, one past the end.

    Args:
        rows: ``(batch, dim)``.
        is_strong: ``(batch,)`` bool.
        margin: its delta, scale, risk, bias and neighbours are used.

    Raises:
        ValueError: if shapes do not fit or there is no row.

    Source: Balsubramani et al. 2019, An adaptive nearest neighbor rule.

    Example:
        >>> rows = torch.tensor([[0.0], [0.1], [0.2], [5.0]])
        >>> neighbour_counts(rows, torch.tensor([True, True, True, False]))[0].tolist()
        [2, 2, 2, 2]
    """
    margin = margin or Margin()
    if rows.ndim != 2 or len(rows) == 0 or is_strong.shape != rows.shape[:1]:
        raise ValueError(
            f"expected rows (batch, dim) and is_strong (batch,) with at least one row, got "
            f"{tuple(rows.shape)} and {tuple(is_strong.shape)}"
        )
    n = len(rows)
    if margin.neighbours is not None or n == 1:
        constant = torch.full((n,), min(margin.neighbours or 1, max(n - 1, 1)), device=rows.device)
        return constant, torch.ones_like(constant, dtype=torch.bool)
    distances = squared_distances(bounded(rows), bounded(rows)).fill_diagonal_(math.inf)
    nearest = distances.sort(dim=1, stable=True).indices[:, :-1]
    k = torch.arange(1, n, device=rows.device)
    above = _bias(is_strong, nearest, k, margin.bias) > confidence_radius(
        k.double(), n, margin=margin
    )
    admissible = above.any(dim=1)
    first = above.to(torch.uint8).argmax(dim=1) + 1
    return torch.where(admissible, first, n - 1), admissible


class AdaptiveMargin(nn.Module):
    """Adaptive margin that holds its reading; see :func:`adaptive_margin`.

    Example:
        >>> AdaptiveMargin(Margin(information="none"))(torch.zeros(3, 2), torch.ones(1, 2)).shape
        torch.Size([3])
    """

    def __init__(self, margin: Margin | None = None) -> None:
        super().__init__()
        self.margin = margin or Margin()

    def forward(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return a margin per strong row."""
        return adaptive_margin(strong, weak, margin=self.margin)


def _information(strong: Tensor, weak: Tensor, margin: Margin) -> Tensor:
    if margin.information == "none":
        return strong.new_zeros(())
    if margin.information == "bpsk":
        return bpsk_information(strong, weak, largest=margin.information_max)
    correlation = {"kme": kernel_mean_correlation, "paired": paired_correlation}[margin.information]
    return gaussian_information(correlation(strong, weak), largest=margin.information_max)


def _bias(is_strong: Tensor, nearest: Tensor, k: Tensor, kind: str) -> Tensor:
    strong_count = is_strong[nearest].long().cumsum(dim=1)
    if kind == "majority":
        return torch.maximum(strong_count, k - strong_count).double() / k - 0.5
    own = torch.where(is_strong[:, None], strong_count, k - strong_count).double()
    return own / k - own[:, -1:] / k[-1]
