"""Signs of life of AML's adversary: a strong loss alone is no evidence."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from affectrep.objectives.learned_similarity import PairSimilarity

__all__ = ["BeyondCosine", "MetricLiveness", "beyond_cosine", "metric_liveness", "overlap_auc"]


class MetricLiveness(NamedTuple):
    """How the discriminator answers hard pairs.

    ``spread`` is the sd of the response over all pairs, ``gap`` its mean on negatives minus that
    on positives, ``saturation`` the share of responses beyond .95, ``moved`` the mean of learned
    similarity minus cosine on negatives minus that on positives (above 0: it attacks; for forms
    without a response too), ``violations`` the share of pairs outside the trust region (0 by
    construction, for the bounded form).
    """

    spread: float
    gap: float
    saturation: float
    moved: float
    violations: float

    @property
    def alive(self) -> bool:
        """Whether responses differ (sd above .1), and against the labels (gap above .2)."""
        return self.spread > 0.1 and self.gap > 0.2

    @property
    def collapsed(self) -> bool:
        """Whether the response is a constant: take more steps, or weigh validity less."""
        return self.spread < 0.02

    @property
    def saturated(self) -> bool:
        """Whether it is the pointwise margin (80 % of responses at the limit): lower epsilon."""
        return self.saturation > 0.8


@torch.no_grad()
def metric_liveness(
    positive: PairSimilarity, negative: PairSimilarity, *, epsilon: float
) -> MetricLiveness:
    """Return the signs of life on hard pairs; zero where a type of pair is missing.

    The bilinear form has no response and always reads as collapsed: look at ``moved`` and at
    :func:`adversary_strength` instead. Thresholds from frozen MiniLM embeddings of GoEmotions,
    where a dead adversary had sd .01 and strength .40, a live one sd .44 and gap .85.

    Args:
        positive: hard positives.
        negative: hard negatives.
        epsilon: size of the trust region.

    Raises:
        ValueError: if an entry is not ``(pairs,)`` like its neighbours.

    Example:
        >>> pairs = PairSimilarity(*torch.full((3, 4), 0.3))  # one answer for all
        >>> found = metric_liveness(pairs, pairs, epsilon=0.3)
        >>> found.alive, found.collapsed, found.moved
        (False, True, 0.0)
    """
    for pairs in (positive, negative):
        if any(part.ndim != 1 or part.shape != pairs.cosine.shape for part in pairs):
            raise ValueError(
                f"expected cosine, response and similarity (pairs,), got "
                f"{[tuple(part.shape) for part in pairs]}"
            )
    cosine, response, similarity = (
        torch.cat([first, second]).double()
        for first, second in zip(positive, negative, strict=True)
    )
    if len(cosine) == 0:
        return MetricLiveness(0.0, 0.0, 0.0, 0.0, 0.0)
    # responses of single precision, so a bound of double precision would be broken by rounding
    limit = epsilon * (1 - cosine.square()) + 16 * torch.finfo(torch.float32).eps
    gap = moved = 0.0
    if len(positive.response) and len(negative.response):
        gap = float(negative.response.double().mean() - positive.response.double().mean())
        shifts = [(part.similarity.double() - part.cosine).mean() for part in (positive, negative)]
        moved = float(shifts[1] - shifts[0])
    return MetricLiveness(
        spread=float(response.std(unbiased=False)),
        gap=gap,
        saturation=float((response.abs() > 0.95).double().mean()),
        moved=moved,
        violations=float(((similarity - cosine).abs() > limit).double().mean()),
    )


class BeyondCosine(NamedTuple):
    """What a learned metric says that the cosine does not.

    ``explained`` is the share of its movement (similarity minus cosine, or the response where
    there is one) that a cubic of the cosine explains: near 1 it is the cosine again, with another
    scale, and ranks pairs alike. ``gap`` is its mean on negatives minus that on positives of equal
    cosine, in units of the movement's standard deviation: above 0 it attacks where the cosine
    cannot tell.
    """

    explained: float
    gap: float


@torch.no_grad()
def beyond_cosine(positive: PairSimilarity, negative: PairSimilarity) -> BeyondCosine:
    """Return how far a learned metric is more than a function of the cosine, on random pairs.

    Movement is regressed on a cubic of the cosine, over positives and negatives together, and once
    more with the kind of pair beside it; the kind's coefficient is the gap. Hard pairs, whose
    cosines hardly overlap, say little here. ``(1, 0)`` without movement, or without either kind.

    Args:
        positive: random pairs of one class.
        negative: random pairs of two classes.

    Example:
        >>> cosine = torch.linspace(-0.9, 0.9, 20)
        >>> scale = PairSimilarity(cosine, cosine**3, cosine + 0.3 * cosine**3)
        >>> round(beyond_cosine(scale, scale).explained, 3)
        1.0
    """
    kinds = [len(positive.cosine), len(negative.cosine)]
    if min(kinds) == 0:
        return BeyondCosine(1.0, 0.0)
    cosine, response, similarity = (
        torch.cat([first, second]).double()
        for first, second in zip(positive, negative, strict=True)
    )
    moved = response if bool(response.any()) else similarity - cosine
    spread = float(moved.std(unbiased=False))
    if not spread > 1e-9:
        return BeyondCosine(1.0, 0.0)
    kind = torch.cat([torch.zeros(kinds[0]), torch.ones(kinds[1])]).to(cosine)
    powers = torch.stack([cosine**power for power in range(4)], dim=1)
    left = moved - powers @ _solved(powers, moved)
    both = torch.cat([powers, kind[:, None]], dim=1)
    explained = 1 - float(left.square().mean()) / spread**2
    return BeyondCosine(max(0.0, explained), float(_solved(both, moved)[-1]) / spread)


def _solved(columns: Tensor, values: Tensor) -> Tensor:
    """Return least-squares coefficients; of columns that repeat one another, the shortest."""
    found: Tensor = torch.linalg.pinv(columns) @ values
    return found


@torch.no_grad()
def overlap_auc(positive: Tensor, negative: Tensor) -> float:
    """Return how often a positive is more similar than a negative, ties half; 1/2 without either.

    Give it random pairs. Of hard pairs it is near 0 by their choice and says nothing. n log n.

    Args:
        positive: similarities ``(pairs,)``.
        negative: similarities ``(pairs,)``.

    Example:
        >>> overlap_auc(torch.tensor([0.9, 0.3]), torch.tensor([0.3]))
        0.75
    """
    if len(positive) == 0 or len(negative) == 0:
        return 0.5
    ordered = negative.sort().values.contiguous()
    below = torch.searchsorted(ordered, positive.contiguous(), right=False)
    upto = torch.searchsorted(ordered, positive.contiguous(), right=True)
    return float((below + upto).double().mean()) / (2 * len(negative))
