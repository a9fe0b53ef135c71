"""Cross-entropy over classes, with class weights and label smoothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CrossEntropyLoss", "cross_entropy_loss"]


def cross_entropy_loss(
    predictions: Tensor,
    labels: Tensor,
    *,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy in nats, a weighted mean over rows; zero with a live graph for no rows.

    Args:
        predictions: ``(batch, classes)`` logits.
        labels: ``(batch,)`` int64.
        class_weights: ``(classes,)`` or None.
        label_smoothing: share of probability spread over all classes, in [0, 1).

    Raises:
        ValueError: if shapes do not fit.

    Example:
        >>> round(cross_entropy_loss(torch.zeros(2, 4), torch.tensor([0, 3])).item(), 4)
        1.3863
    """
    if predictions.ndim != 2 or labels.shape != predictions.shape[:1]:
        raise ValueError(
            f"expected predictions (batch, classes) and labels (batch,), got "
            f"{tuple(predictions.shape)} and {tuple(labels.shape)}"
        )
    if labels.numel() == 0:
        return predictions.sum() * 0.0
    return functional.cross_entropy(
        predictions.float() if predictions.dtype != torch.float64 else predictions,
        labels,
        weight=None if class_weights is None else class_weights.to(predictions.device),
        label_smoothing=label_smoothing,
    )


class CrossEntropyLoss(nn.Module):
    """Cross-entropy that holds its class weights and smoothing.

    Example:
        >>> CrossEntropyLoss(class_weights=[1.0, 3.0]).count(torch.tensor([0, 1]))
        4.0
    """

    class_weights: Tensor | None

    def __init__(
        self, *, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        weights = None if class_weights is None else torch.tensor(list(class_weights))
        self.register_buffer("class_weights", weights)
        self.label_smoothing = label_smoothing

    def forward(self, predictions: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss; shapes as in :func:`cross_entropy_loss`."""
        return cross_entropy_loss(
            predictions,
            labels,
            class_weights=self.class_weights,
            label_smoothing=self.label_smoothing,
        )

    def count(self, labels: Tensor) -> float:
        """Return what the mean is over: rows, or the sum of their class weights."""
        if self.class_weights is None:
            return float(labels.numel())
        return float(self.class_weights[labels].sum())
