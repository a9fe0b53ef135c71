"""Contrastive loss of pairs: rows of a class together, others at least a margin apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from affectrep.objectives.metric_pairs import (
    MarginTable,
    Pairing,
    PairMargin,
    mean_of,
    pair_distances,
    pair_margins,
)

__all__ = ["ContrastiveLoss", "ContrastiveOptions", "contrastive_loss"]

FORMS = ("hadsell", "caf", "linear")


@dataclass(frozen=True)
class ContrastiveOptions:
    """Readings of the contrastive loss.

    Args:
        form: "hadsell" ``D^2`` and ``(a - D)+^2`` | "caf" ``D^2`` and ``(a - D^2)+``, as the
            contrastive-adversarial critic has it | "linear" ``D`` and ``(a - D)+``, as
            pytorch-metric-learning has it.
        pairs: mean over "all" pairs of a kind, or over those with a loss ("active").
        negative_weight: of the pairs of two classes.

    Raises:
        ValueError: if a word is unknown or the weight is negative.

    Example:
        >>> ContrastiveOptions(form="caf").pairs
        'all'
    """

    form: Literal["hadsell", "caf", "linear"] = "hadsell"
    pairs: Pairing = "all"
    negative_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"expected form to be one of {', '.join(FORMS)}, got {self.form!r}")
        if self.pairs not in ("all", "active"):
            raise ValueError(f"expected pairs all or active, got {self.pairs!r}")
        if not self.negative_weight >= 0:
            raise ValueError(f"expected a negative weight >= 0, got {self.negative_weight}")


def contrastive_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: PairMargin = 0.5,
    options: ContrastiveOptions | None = None,
) -> Tensor:
    """Mean loss of similar pairs plus mean loss of dissimilar ones, on unit vectors.

    Each kind has its own mean, so the many dissimilar pairs cannot drown the similar ones. A kind
    that the batch lacks adds zero, with a live graph.

    pytorch-metric-learning's ContrastiveLoss is ``form="linear", pairs="active"`` with margin 1
    here; its distance is not squared and its mean leaves out pairs without a loss.

    Args:
        embeddings: ``(batch, dim)``, normalised here, in float32 at least.
        labels: ``(batch,)`` int64.
        margin: a number, ``(batch, batch)`` with row the anchor, or a table of class pairs; of
            the distance in [0, 2], with "caf" of the squared distance in [0, 4].
        options: form, mean, weight; None for the defaults.

    Raises:
        ValueError: if shapes do not fit or there are no rows.

    Source: Hadsell et al. 2006, Dimensionality Reduction by Learning an Invariant Mapping
    (the exact loss function, without its halves).

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> round(contrastive_loss(points, torch.tensor([0, 0, 1]), margin=1.5).item(), 4)
        2.0037
    """
    options = options or ContrastiveOptions()
    distances = pair_distances(embeddings, labels)
    margins = pair_margins(margin, labels, distances)
    same = labels[:, None] == labels[None, :]
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    near, far, limits = distances[same & others], distances[~same], margins[~same]
    if options.form == "linear":
        positive, negative = near, (limits - far).clamp_min(0)
    elif options.form == "caf":
        positive, negative = near.square(), (limits - far.square()).clamp_min(0)
    else:
        positive, negative = near.square(), (limits - far).clamp_min(0).square()
    repulsion = mean_of(negative, options.pairs)
    return mean_of(positive, options.pairs) + options.negative_weight * repulsion


class ContrastiveLoss(nn.Module):
    """Contrastive loss that holds its margin; see :func:`contrastive_loss`.

    Use it where distances themselves are read later, as in verification; for classes
    :class:`SupConLoss` is the usual choice. :class:`TripletLoss` only orders distances.

    Args:
        margin: a number, or a module that maps embeddings and labels to a margin table, such as
            :class:`AdaptiveClassMargin`.
        options: form, mean, weight.

    Example:
        >>> ContrastiveLoss(margin=0.5)(torch.eye(2), torch.tensor([0, 1])).item()
        0.0
    """

    def __init__(
        self, *, margin: float | nn.Module = 0.5, options: ContrastiveOptions | None = None
    ) -> None:
        super().__init__()
        self.margin = margin
        self.options = options or ContrastiveOptions()

    def forward(
        self, embeddings: Tensor, labels: Tensor, margin: Tensor | MarginTable | None = None
    ) -> Tensor:
        """Return the loss; a margin given here takes the place of the held one."""
        held: PairMargin | nn.Module = self.margin if margin is None else margin
        value = held(embeddings, labels) if isinstance(held, nn.Module) else held
        return contrastive_loss(embeddings, labels, margin=value, options=self.options)
