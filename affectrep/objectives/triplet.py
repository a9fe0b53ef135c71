"""Triplet loss: an anchor's own class nearer than another class, by a margin."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectrep.objectives.gather import gather_rows
from affectrep.objectives.metric_pairs import (
    MarginTable,
    Pairing,
    PairMargin,
    mean_of,
    pair_distances,
    pair_margins,
)

__all__ = ["TripletLoss", "TripletOptions", "triplet_loss"]


@dataclass(frozen=True)
class TripletOptions:
    """Readings of the triplet loss.

    Args:
        squared: compare squared distances, as in FaceNet, or plain ones.
        soft: softplus in place of the hinge; then every triplet is active.
        triplets: mean over "all" triplets, or over those with a loss ("active").

    Raises:
        ValueError: if a word is unknown.

    Example:
        >>> TripletOptions().squared
        True
    """

    squared: bool = True
    soft: bool = False
    triplets: Pairing = "active"

    def __post_init__(self) -> None:
        if self.triplets not in ("all", "active"):
            raise ValueError(f"expected triplets all or active, got {self.triplets!r}")


def triplet_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: PairMargin = 0.2,
    options: TripletOptions | None = None,
) -> Tensor:
    """Mean over triplets of ``(D_ap^2 - D_an^2 + a)+`` on unit vectors; zero for no triplet.

    All triplets of the batch are used; memory grows with the similar pairs times the rows.

    pytorch-metric-learning's TripletMarginLoss is ``squared=False`` with margin .05 here.

    Args:
        embeddings: ``(batch, dim)``, normalised here, in float32 at least.
        labels: ``(batch,)`` int64.
        margin: a number, ``(batch, batch)`` read at (anchor, negative), or a table read at their
            classes; of the squared distance in [0, 4], or with ``squared=False`` of the distance.
        options: squared, soft, mean; None for the defaults.

    Raises:
        ValueError: if shapes do not fit or there are no rows.

    Source: Schroff et al. 2015, FaceNet, Section 3.1.

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> round(triplet_loss(points, torch.tensor([0, 0, 1]), margin=0.5).item(), 4)
        0.5
    """
    options = options or TripletOptions()
    distances = pair_distances(embeddings, labels, squared=options.squared)
    margins = pair_margins(margin, labels, distances)
    same = labels[:, None] == labels[None, :]
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    anchor, positive = (same & others).nonzero(as_tuple=True)
    nearer = distances[anchor, positive][:, None] - distances[anchor] + margins[anchor]
    violation = nearer[~same[anchor]]
    loss = functional.softplus(violation) if options.soft else violation.clamp_min(0)
    return mean_of(loss, options.triplets)


class TripletLoss(nn.Module):
    """Triplet loss that holds its margin; see :func:`triplet_loss`.

    Use it where only the order of neighbours matters, as in retrieval. :class:`MarginLoss` needs
    fewer, better chosen pairs; :class:`ContrastiveLoss` fixes absolute distances.

    Args:
        margin: a number, or a module that maps embeddings and labels to a margin table, such as
            :class:`AdaptiveClassMargin`.
        options: squared, soft, mean.
        gather: triplets of the rows of all processes.

    Example:
        >>> TripletLoss()(torch.eye(2), torch.tensor([0, 1])).item()
        0.0
    """

    def __init__(
        self,
        *,
        margin: float | nn.Module = 0.2,
        options: TripletOptions | None = None,
        gather: bool = False,
    ) -> None:
        super().__init__()
        self.margin = margin
        self.options = options or TripletOptions()
        self.gather = gather

    def forward(
        self, embeddings: Tensor, labels: Tensor, margin: Tensor | MarginTable | None = None
    ) -> Tensor:
        """Return the loss; a margin given here takes the place of the held one.

        With ``gather`` a margin is a number or a table, as pairs are of all processes' rows.
        """
        held: PairMargin | nn.Module = self.margin if margin is None else margin
        value = held(embeddings, labels) if isinstance(held, nn.Module) else held
        if self.gather:
            embeddings = torch.cat(gather_rows(embeddings))
            labels = torch.cat(gather_rows(labels))
        return triplet_loss(embeddings, labels, margin=value, options=self.options)

    def count(self, labels: Tensor) -> float:
        """Return this process's rows: each process holds the loss of all, weighed by its share."""
        return float(labels.numel())

    def logs(self) -> dict[str, float]:
        """Return what the margin has to say, where it is a module that says something."""
        say = getattr(self.margin, "logs", None)
        return dict(say()) if say is not None else {}
