"""Binary cross-entropy for rows that carry several labels at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BinaryCrossEntropyLoss", "binary_cross_entropy_loss"]


def binary_cross_entropy_loss(
    predictions: Tensor,
    labels: Tensor,
    *,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Binary cross-entropy in nats, mean over rows and classes; zero for no rows.

    Args:
        predictions: ``(batch, classes)`` logits.
        labels: ``(batch, classes)`` float in {0, 1}.
        class_weights: ``(classes,)`` weights of the positive label, or None.
        label_smoothing: moves targets towards one half, in [0, 1).

    Raises:
        ValueError: if shapes do not fit.

    Example:
        >>> round(binary_cross_entropy_loss(torch.zeros(1, 3), torch.ones(1, 3)).item(), 4)
        0.6931
    """
    if predictions.ndim != 2 or labels.shape != predictions.shape:
        raise ValueError(
            f"expected predictions and labels (batch, classes) alike, got "
            f"{tuple(predictions.shape)} and {tuple(labels.shape)}"
        )
    if labels.shape[0] == 0:
        return predictions.sum() * 0.0
    scores = predictions.float() if predictions.dtype != torch.float64 else predictions
    targets = labels.to(scores.dtype) * (1.0 - label_smoothing) + 0.5 * label_smoothing
    weights = None if class_weights is None else class_weights.to(scores)
    return functional.binary_cross_entropy_with_logits(scores, targets, pos_weight=weights)


class BinaryCrossEntropyLoss(nn.Module):
    """Binary cross-entropy that holds its class weights and smoothing.

    Example:
        >>> BinaryCrossEntropyLoss().count(torch.zeros(5, 3))
        5.0
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
        """Return the mean loss; shapes as in :func:`binary_cross_entropy_loss`."""
        return binary_cross_entropy_loss(
            predictions,
            labels,
            class_weights=self.class_weights,
            label_smoothing=self.label_smoothing,
        )

    def count(self, labels: Tensor) -> float:
        """Return the number of rows."""
        return float(labels.shape[0])
