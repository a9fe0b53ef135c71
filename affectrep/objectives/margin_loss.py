"""Margin loss: a learned boundary between near and far, one for all classes or one each."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from affectrep.objectives.distance_weighted import distance_weighted_triplets
from affectrep.objectives.metric_pairs import (
    MarginTable,
    PairMargin,
    pair_distances,
    pair_margins,
)

__all__ = ["MarginLoss", "margin_loss"]


def margin_loss(
    embeddings: Tensor,
    labels: Tensor,
    beta: Tensor | float,
    *,
    margin: PairMargin = 0.2,
    nu: float = 0.0,
    triplets: Tensor | None = None,
) -> Tensor:
    """``(a + D - beta)+`` of similar pairs and ``(a + beta - D)+`` of others, over active terms.

    Both kinds share one divisor, the number of terms above zero. Similar pairs are pulled within
    ``beta - a``, others pushed beyond ``beta + a``, on unit vectors.

    Without ``triplets`` every ordered pair counts once; pytorch-metric-learning's MarginLoss then
    forms all triplets, which counts a similar pair once for each negative. With triplets both
    agree, but for the regulariser: here ``nu`` times the mean beta of the anchors that are used,
    there the sum over triplets divided by the active terms.

    Args:
        embeddings: ``(batch, dim)``, normalised here, in float32 at least.
        labels: ``(batch,)`` int64; in ``[0, classes)`` where beta has one value a class.
        beta: the boundary, a distance in [0, 2]: one number, or ``(classes,)`` read at the
            anchor's class. Bounds of single images (Wu's beta_img) are left out.
        margin: a number, ``(batch, batch)`` with row the anchor, or a table of class pairs, whose
            diagonal is the margin of similar pairs.
        nu: weight of the anchors' mean beta, against a boundary that only grows.
        triplets: ``(triplets, 3)`` int64 rows (anchor, positive, negative), such as
            :func:`distance_weighted_triplets` draws; None takes all pairs.

    Raises:
        ValueError: if shapes do not fit or there are no rows.

    Source: Wu et al. 2017, Sampling Matters in Deep Embedding Learning, Section 4.

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> round(margin_loss(points, torch.tensor([0, 0, 1]), 1.2).item(), 4)
        0.4142
    """
    distances = pair_distances(embeddings, labels)
    margins = pair_margins(margin, labels, distances)
    beta = torch.as_tensor(beta, dtype=distances.dtype, device=distances.device)
    bounds = _bounds(beta, labels)
    if triplets is None:
        same = labels[:, None] == labels[None, :]
        others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        near = (same & others).nonzero(as_tuple=True)
        far = (~same).nonzero(as_tuple=True)
    else:
        _check_triplets(triplets, len(labels))
        near, far = (triplets[:, 0], triplets[:, 1]), (triplets[:, 0], triplets[:, 2])
    pulled = (margins[near] + distances[near] - bounds[near[0]]).clamp_min(0)
    pushed = (margins[far] + bounds[far[0]] - distances[far]).clamp_min(0)
    active = int((pulled > 0).sum() + (pushed > 0).sum())
    loss = (pulled.sum() + pushed.sum()) / max(active, 1)
    if nu == 0:
        return loss
    anchors = torch.cat([near[0], far[0]]) if triplets is None else near[0]
    return loss + nu * bounds[anchors].sum() / max(anchors.numel(), 1)


class MarginLoss(nn.Module):
    """Margin loss with a learned boundary and distance-weighted negatives; :func:`margin_loss`.

    Use it for retrieval where most negatives are far and say nothing: it draws them evenly from
    all distances, and the boundary finds its own place. Give ``beta`` its own, larger learning
    rate (it is a parameter; classes start alike). :class:`TripletLoss` has no boundary to learn.

    Args:
        margin: a number, or a module that maps embeddings and labels to a margin table, such as
            :class:`AdaptiveClassMargin`.
        beta: where the boundary starts.
        classes: None for one boundary, or one for each of so many classes.
        nu: weight of the mean boundary.
        sampling: "distance" draws triplets by distance with torch's own generator | "all" takes
            all pairs.

    Raises:
        ValueError: if the sampling is unknown.

    Example:
        >>> loss = MarginLoss(classes=3, sampling="all")
        >>> loss.beta.tolist() == [1.2000000476837158] * 3
        True
    """

    def __init__(
        self,
        *,
        margin: float | nn.Module = 0.2,
        beta: float = 1.2,
        classes: int | None = None,
        nu: float = 0.0,
        sampling: Literal["distance", "all"] = "distance",
    ) -> None:
        super().__init__()
        if sampling not in ("distance", "all"):
            raise ValueError(f"expected sampling distance or all, got {sampling!r}")
        self.margin, self.nu, self.sampling = margin, nu, sampling
        self.beta = nn.Parameter(torch.full(() if classes is None else (classes,), beta))

    def forward(
        self, embeddings: Tensor, labels: Tensor, margin: Tensor | MarginTable | None = None
    ) -> Tensor:
        """Return the loss; a margin given here takes the place of the held one."""
        held: PairMargin | nn.Module = self.margin if margin is None else margin
        value = held(embeddings, labels) if isinstance(held, nn.Module) else held
        drawn = None
        if self.sampling == "distance":
            drawn = distance_weighted_triplets(embeddings, labels)
        return margin_loss(embeddings, labels, self.beta, margin=value, nu=self.nu, triplets=drawn)


def _bounds(beta: Tensor, labels: Tensor) -> Tensor:
    if beta.ndim == 0:
        return beta.expand(labels.shape)
    low, high = int(labels.min()), int(labels.max())
    if beta.ndim != 1 or low < 0 or high >= len(beta):
        raise ValueError(
            f"expected beta () or (classes,) with labels in [0, classes), got "
            f"{tuple(beta.shape)} and labels from {low} to {high}"
        )
    return beta[labels]


def _check_triplets(triplets: Tensor, rows: int) -> None:
    if triplets.ndim != 2 or triplets.shape[1] != 3 or triplets.dtype != torch.long:
        raise ValueError(
            f"expected triplets (triplets, 3) int64, got {tuple(triplets.shape)} {triplets.dtype}"
        )
    if triplets.numel() and not 0 <= int(triplets.min()) <= int(triplets.max()) < rows:
        raise ValueError(f"expected triplets of rows in [0, {rows})")
