"""What the metric losses share: unit distances and a margin for each pair.

These losses look at the rows of their own process only; :class:`SupConLoss` can gather.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["MarginTable", "PairMargin", "Pairing", "mean_of", "pair_distances", "pair_margins"]

Pairing = Literal["all", "active"]


@dataclass(frozen=True)
class MarginTable:
    """A margin for each ordered pair of classes: row is the anchor's class, column the other's.

    Args:
        classes: ``(classes,)`` int64 labels, ascending.
        values: ``(classes, classes)`` margins; the diagonal is read by losses whose similar
            pairs have a margin too.

    Raises:
        ValueError: if shapes do not fit or the labels do not ascend.

    Example:
        >>> table = MarginTable(torch.tensor([3, 7]), torch.tensor([[0.0, 0.5], [0.1, 0.0]]))
        >>> table.pairs(torch.tensor([7, 3]))
        tensor([[0.0000, 0.1000],
                [0.5000, 0.0000]])
    """

    classes: Tensor
    values: Tensor

    def __post_init__(self) -> None:
        n = self.classes.numel()
        if self.classes.ndim != 1 or self.values.shape != (n, n):
            raise ValueError(
                f"expected classes (classes,) and values (classes, classes), got "
                f"{tuple(self.classes.shape)} and {tuple(self.values.shape)}"
            )
        if not bool((self.classes.diff() > 0).all()):
            raise ValueError("expected ascending class labels without repeats")

    def pairs(self, labels: Tensor) -> Tensor:
        """Return ``(batch, batch)`` margins of these rows' pairs.

        Raises:
            ValueError: if a label is not in the table.
        """
        index = torch.searchsorted(self.classes, labels.contiguous())
        index = index.clamp_max(self.classes.numel() - 1)
        unknown = labels[self.classes[index] != labels] if self.classes.numel() else labels
        if unknown.numel():
            raise ValueError(f"no margin is known for class {int(unknown[0])}")
        return self.values[index][:, index]


PairMargin = float | Tensor | MarginTable


def pair_distances(embeddings: Tensor, labels: Tensor, *, squared: bool = False) -> Tensor:
    """Return ``(batch, batch)`` Euclidean distances of unit rows, in [0, 2] (squared: [0, 4]).

    Float32 at least. Where two rows coincide the gradient of the distance is zero.

    Raises:
        ValueError: if shapes do not fit or there is no row.

    Example:
        >>> pair_distances(torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1]))[0, 1]
        tensor(1.4142)
    """
    if embeddings.ndim != 2 or embeddings.shape[1] == 0 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            f"expected embeddings (batch, dim) and labels (batch,), got "
            f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
        )
    if embeddings.shape[0] == 0:
        raise ValueError("expected at least one row, got none")
    with torch.autocast(embeddings.device.type, enabled=False):
        values = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
        # the square of a large value overflows: bring the row's largest to 1 first
        largest = values.detach().abs().amax(dim=1, keepdim=True).clamp(min=1.0)
        unit = functional.normalize(values / largest, dim=1)
        # differences, not products: 2 - 2 cos loses the digits of near pairs
        distances = torch.cdist(unit, unit, compute_mode="donot_use_mm_for_euclid_dist")
        return distances.square() if squared else distances


def pair_margins(margin: PairMargin, labels: Tensor, like: Tensor) -> Tensor:
    """Return ``(batch, batch)`` margins from a number, a table, or one value for each pair.

    Args:
        margin: a number, a scalar tensor, a :class:`MarginTable`, or ``(batch, batch)``.
        labels: ``(batch,)``.
        like: ``(batch, batch)``, whose type and device the margins take.

    Raises:
        ValueError: if a tensor is neither a scalar nor ``(batch, batch)``.

    Example:
        >>> pair_margins(0.5, torch.tensor([0, 1]), torch.zeros(2, 2)).shape
        torch.Size([2, 2])
    """
    values = margin
    if isinstance(values, MarginTable):
        values = values.pairs(labels)
    values = torch.as_tensor(values, dtype=like.dtype, device=like.device)
    if values.ndim > 0 and values.shape != like.shape:
        raise ValueError(
            f"expected a margin (), {tuple(like.shape)} with one value a pair, or a MarginTable "
            f"for one a class pair, got {tuple(values.shape)}"
        )
    return values.expand_as(like)


def mean_of(losses: Tensor, pairing: Pairing) -> Tensor:
    """Return the mean over all values, or over those above zero; 0 with a graph for none.

    Example:
        >>> mean_of(torch.tensor([0.0, 1.0, 3.0]), "active")
        tensor(2.)
    """
    count = losses.numel() if pairing == "all" else int((losses > 0).sum())
    return losses.sum() / max(count, 1)
