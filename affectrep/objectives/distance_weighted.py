"""Distance-weighted sampling: negatives from all distances alike, not only the usual one."""

from __future__ import annotations

import torch
from torch import Tensor

from affectrep.objectives.metric_pairs import pair_distances

__all__ = ["distance_weighted_triplets", "log_distance_density", "negative_probabilities"]


def log_distance_density(distances: Tensor, dim: int) -> Tensor:
    """Return ``(n-2) log d + (n-3)/2 log(1 - d^2/4)``: how common a distance is on the sphere.

    The density of the distance between two uniform points of the unit sphere in ``dim``
    dimensions, up to a constant, in nats; -inf where it vanishes.

    Source: Wu et al. 2017, Sampling Matters in Deep Embedding Learning, Section 4.

    Example:
        >>> round(log_distance_density(torch.tensor(1.0), 128).item(), 4)
        -17.9801
    """
    if dim < 2:
        raise ValueError(f"expected at least 2 dimensions, got {dim}")
    shape = torch.log1p(-(distances / 2).square().clamp_max(1.0))
    # no such factor in three dimensions, where the product would be 0 times infinity
    tail = shape * ((dim - 3) / 2) if dim != 3 else torch.zeros_like(distances)
    near = distances.log() * (dim - 2) if dim != 2 else torch.zeros_like(distances)
    return near + tail


@torch.no_grad()
def negative_probabilities(
    distances: Tensor, labels: Tensor, *, dim: int, cutoff: float = 0.5, largest: float = 1.4
) -> Tensor:
    """Return ``(batch, batch)`` chances of drawing a column as the row's negative; rows sum to 1.

    The weight is 1/q(d), q the density of distances on the sphere, with d at least ``cutoff``;
    beyond ``largest`` nothing is drawn. A row without any candidate is all zero.

    The largest weight is taken a row at a time. pytorch-metric-learning takes it over the whole
    batch, so that a row whose negatives are all far away underflows and is left out.

    Args:
        distances: ``(batch, batch)`` of unit vectors.
        labels: ``(batch,)``; a row's own class is never drawn.
        dim: of the vectors, at least 2.
        cutoff: smaller distances count as this one, so that a few near rows are not all.
        largest: beyond it a negative has no loss anyway.

    Raises:
        ValueError: if shapes do not fit or ``0 < cutoff < largest < 2`` does not hold.

    Example:
        >>> far = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
        >>> negative_probabilities(far, torch.tensor([0, 1, 2]), dim=8)[0]
        tensor([0.0000, 0.5000, 0.5000])
    """
    if distances.shape != (labels.numel(), labels.numel()) or labels.ndim != 1:
        raise ValueError(
            f"expected distances (batch, batch) and labels (batch,), got "
            f"{tuple(distances.shape)} and {tuple(labels.shape)}"
        )
    if not 0 < cutoff < largest < 2:
        raise ValueError(f"expected 0 < cutoff < largest < 2, got {cutoff} and {largest}")
    allowed = (labels[:, None] != labels[None, :]) & (distances < largest)
    log_weights = -log_distance_density(distances.clamp(cutoff, largest), dim)
    log_weights = log_weights.masked_fill(~allowed, -torch.inf)
    some = allowed.any(dim=1, keepdim=True)
    return log_weights.where(some, 0.0).softmax(dim=1) * some


@torch.no_grad()
def distance_weighted_triplets(
    embeddings: Tensor,
    labels: Tensor,
    *,
    cutoff: float = 0.5,
    largest: float = 1.4,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw one negative for each ordered similar pair; ``(triplets, 3)`` int64 rows.

    Columns are anchor, positive, negative. Anchors without a positive, or without a negative
    nearer than ``largest``, are left out, so the result may be empty. Each similar pair occurs
    once; pytorch-metric-learning draws as many positives with replacement as the class has rows.

    Args:
        embeddings: ``(batch, dim)``, normalised here.
        labels: ``(batch,)`` int64.
        cutoff: smaller distances count as this one.
        largest: beyond it nothing is drawn.
        generator: of the draws, on the embeddings' device.

    Raises:
        ValueError: if shapes do not fit, there are no rows, or the limits are not in order.

    Source: Wu et al. 2017, Sampling Matters in Deep Embedding Learning, Section 4.

    Example:
        >>> points = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [0.8, 0.6, 0.0]])
        >>> distance_weighted_triplets(points, torch.tensor([0, 0, 1])).tolist()
        [[0, 1, 2], [1, 0, 2]]
    """
    distances = pair_distances(embeddings, labels)
    chances = negative_probabilities(
        distances, labels, dim=max(embeddings.shape[1], 2), cutoff=cutoff, largest=largest
    )
    same = (labels[:, None] == labels[None, :]).fill_diagonal_(False)
    anchor, positive = (same & (chances.sum(dim=1) > 0)[:, None]).nonzero(as_tuple=True)
    if anchor.numel() == 0:
        return torch.empty(0, 3, dtype=torch.long, device=labels.device)
    negative = torch.multinomial(chances[anchor], 1, generator=generator).squeeze(1)
    return torch.stack([anchor, positive, negative], dim=1)
