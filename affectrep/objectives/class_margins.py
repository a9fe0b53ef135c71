"""The adaptive margin for each pair of classes, for metric losses that take a margin table."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from affectrep.objectives.adaptive_margin import Margin, adaptive_margin_parts
from affectrep.objectives.metric_pairs import MarginTable
from affectrep.objectives.supcon import check_supcon, unit_rows

__all__ = [
    "DISTANCE_LIMITS",
    "SQUARED_LIMITS",
    "AdaptiveClassMargin",
    "ClassMarginParts",
    "class_margin_parts",
    "class_margins",
]

DISTANCE_LIMITS = (0.05, 0.5)
SQUARED_LIMITS = (0.05, 2.0)


class ClassMarginParts(NamedTuple):
    """The table and what it is made of before clamping, both ``(classes, classes)``."""

    table: MarginTable
    information: Tensor
    delta: Tensor


def class_margins(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: Margin | None = None,
    limits: tuple[float, float] = DISTANCE_LIMITS,
) -> MarginTable:
    """Return a margin for each ordered pair of classes: shared information plus mean radius.

    For classes a and b, ``MI(a, b) + mean over a's rows of Delta``, with a as the strong group
    and b as the weak one of :func:`adaptive_margin`, on unit vectors and clamped to the limits.
    Classes that overlap ask for more distance. The information is symmetric, the radius is not.

    The kernel mean estimate of the information is biased upward in small groups (.36 at 4 v 4
    rows of one distribution), so give more rows than a small batch where you can, and look at how
    many pairs lie at a limit: a table that is all limit is a constant margin.

    Args:
        embeddings: ``(rows, dim)``, normalised here; no gradient is kept.
        labels: ``(rows,)`` int64.
        margin: how the adaptive margin is read.
        limits: smallest and largest margin: :data:`DISTANCE_LIMITS` for losses of the distance,
            :data:`SQUARED_LIMITS` for those of the squared distance.

    The diagonal, read only by losses whose similar pairs have a margin, is the mean of its row;
    with one class only it is the lower limit.

    Raises:
        ValueError: if shapes do not fit, there are no rows, or the limits are not in order.

    Source: Kim and Song 2021, Contrastive Adversarial Learning (AAAI), whose supplement puts its
    margin into metric losses; the reading for class pairs is ours.

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> class_margins(points, torch.tensor([4, 4, 9, 9])).pairs(torch.tensor([4, 9]))
        tensor([[0.4041, 0.4041],
                [0.4041, 0.4041]])
    """
    return class_margin_parts(embeddings, labels, margin=margin, limits=limits).table


@torch.no_grad()
def class_margin_parts(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: Margin | None = None,
    limits: tuple[float, float] = DISTANCE_LIMITS,
) -> ClassMarginParts:
    """Return :func:`class_margins` with its parts, for logs; same arguments and errors.

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> class_margin_parts(points, torch.tensor([0, 0, 1, 1])).information[0, 1].item()
        0.0
    """
    check_supcon(embeddings, labels, 1.0)
    if len(labels) == 0:
        raise ValueError("expected at least one row, got none")
    if not 0 <= limits[0] < limits[1]:
        raise ValueError(f"expected limits 0 <= smallest < largest, got {limits}")
    unit = unit_rows(embeddings.detach())
    classes = torch.unique(labels)
    groups = [unit[labels == label] for label in classes]
    information, delta, values = unit.new_zeros(3, len(classes), len(classes))
    for a, strong in enumerate(groups):
        for b, weak in enumerate(groups):
            if a == b:
                continue
            parts = adaptive_margin_parts(strong, weak, margin=margin)
            information[a, b], delta[a, b] = parts.information.mean(), parts.delta.mean()
            values[a, b] = parts.margin.mean().clamp(*limits)
    own = values.sum(dim=1) / max(len(classes) - 1, 1)
    values.diagonal().copy_(own.clamp(*limits))
    return ClassMarginParts(MarginTable(classes, values), information, delta)


class AdaptiveClassMargin(nn.Module):
    """Adaptive class margins of each batch; the ``margin`` of a metric loss's module.

    Use it where classes overlap to different degrees and a constant margin would have to be
    tuned. Costs one :func:`adaptive_margin` for each ordered class pair in the batch.

    Args:
        margin: how the adaptive margin is read.
        limits: smallest and largest margin.

    Example:
        >>> table = AdaptiveClassMargin()(torch.eye(3), torch.tensor([0, 1, 2]))
        >>> table.values.shape
        torch.Size([3, 3])
    """

    def __init__(
        self, margin: Margin | None = None, *, limits: tuple[float, float] = DISTANCE_LIMITS
    ) -> None:
        super().__init__()
        self.margin = margin or Margin()
        self.limits = limits

    def forward(self, embeddings: Tensor, labels: Tensor) -> MarginTable:
        """Return the table of the classes that occur."""
        return class_margins(embeddings, labels, margin=self.margin, limits=self.limits)
