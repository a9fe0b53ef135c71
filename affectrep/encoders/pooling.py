"""From token features to one embedding per text."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["POOLINGS", "AttentionPooling", "cls_pooling", "mean_pooling", "pooling_layer"]

POOLINGS = ("mean", "cls", "attention")


def mean_pooling(features: Tensor, mask: Tensor) -> Tensor:
    """Average the features of the tokens that the mask keeps; a row without tokens gives zeros.

    Args:
        features: ``(batch, tokens, dim)``.
        mask: ``(batch, tokens)``, 1 for a token, 0 for padding.

    Returns:
        ``(batch, dim)`` in the type of the features; the sum is taken in float32 or wider.

    Example:
        >>> mean_pooling(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]]))
        tensor([[2.]])
    """
    wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
    weights = mask.unsqueeze(-1).to(wide.dtype)
    total = (wide * weights).sum(dim=1)
    return (total / weights.sum(dim=1).clamp(min=1)).to(features.dtype)


def cls_pooling(features: Tensor, mask: Tensor) -> Tensor:
    """Take the features of the first token ``(batch, dim)``; texts are padded on the right.

    Example:
        >>> cls_pooling(torch.tensor([[[1.0], [3.0]]]), torch.ones(1, 2))
        tensor([[1.]])
    """
    return features[:, 0]


class AttentionPooling(nn.Module):
    """A learnt weighted average: one score per token, softmax over the tokens of a text.

    The scores start at zero, so training starts from the mean.

    Args:
        dim: width of the features.

    Example:
        >>> AttentionPooling(1)(torch.tensor([[[1.0], [3.0]]]), torch.ones(1, 2)).tolist()
        [[2.0]]
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.score = nn.Linear(dim, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return ``(batch, dim)`` from features ``(batch, tokens, dim)`` and their mask."""
        scores = self.score(features).squeeze(-1).float()
        scores = scores.masked_fill(mask == 0, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=1).to(features.dtype)
        pooled: Tensor = (weights.unsqueeze(-1) * features).sum(dim=1)
        return pooled


def pooling_layer(name: str, dim: int) -> nn.Module | None:
    """Return the layer of a pooling that has weights, None for one that has none.

    Raises:
        ValueError: if the name is unknown.
    """
    if name not in POOLINGS:
        raise ValueError(f"encoder.pooling is {name!r}, expected one of {', '.join(POOLINGS)}")
    return AttentionPooling(dim) if name == "attention" else None
