"""From the features of tokens or frames to one embedding per text or clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = [
    "POOLINGS",
    "AttentionPooling",
    "AttentiveStatisticsPooling",
    "cls_pooling",
    "mean_pooling",
    "mean_std_pooling",
    "pooling_layer",
]

POOLINGS = ("mean", "cls", "attention")
VARIANCE_FLOOR = 1e-6


def _wide(features: Tensor) -> Tensor:
    """Return the features in float32 at least."""
    return features.float() if features.dtype in (torch.float16, torch.bfloat16) else features


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
    wide = _wide(features)
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


def mean_std_pooling(features: Tensor, mask: Tensor) -> Tensor:
    """Join mean and standard deviation over the frames that the mask keeps.

    The standard deviation is that of the population; a row of one frame, or of none, has about
    zero (0.001, so that the gradient stays finite).

    Args:
        features: ``(batch, frames, dim)``.
        mask: ``(batch, frames)``, 1 for a frame, 0 for padding.

    Returns:
        ``(batch, 2 * dim)`` in the type of the features; sums are taken in float32 or wider.

    Example:
        >>> mean_std_pooling(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]]))
        tensor([[2., 1.]])
    """
    kept = (mask != 0).to(_wide(features).dtype)
    weights = kept / kept.sum(dim=1, keepdim=True).clamp(min=1)
    return _weighted_statistics(features, weights.unsqueeze(-1))


def _weighted_statistics(features: Tensor, weights: Tensor) -> Tensor:
    """Return weighted mean and sd ``(batch, 2 * dim)``; weights sum to 1 over the frames."""
    wide = _wide(features)
    weights = weights.to(wide.dtype)
    # padding may hold anything, and 0 * inf is no number
    wide = wide.masked_fill(weights.amax(dim=-1, keepdim=True) == 0, 0)
    mean = (weights * wide).sum(dim=1)
    # around the mean: mean of squares minus squared mean cancels in float32
    variance = (weights * (wide - mean.unsqueeze(1)).square()).sum(dim=1)
    return torch.cat([mean, variance.clamp(min=VARIANCE_FLOOR).sqrt()], dim=-1).to(features.dtype)


class AttentiveStatisticsPooling(nn.Module):
    """Mean and standard deviation under learnt weights, one per frame and channel.

    Each frame's score is ``V tanh(W [h_t; mean; sd])`` with mean and standard deviation of the
    clip as context (Okabe et al. 2018, eq. 5-6; the context and the weights per channel are those
    of ECAPA-TDNN, Desplanques et al. 2020, eq. 4-6). The last layer starts at zero, so training
    starts from `mean_std_pooling`. Padding counts neither in the weights nor in the context.

    Args:
        dim: width of the features.
        hidden: width of the layer that scores.

    Example:
        >>> pool = AttentiveStatisticsPooling(1, hidden=2)
        >>> features, mask = torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]])
        >>> pool(features, mask).tolist()
        [[2.0, 1.0]]
    """

    def __init__(self, dim: int, *, hidden: int = 128) -> None:
        super().__init__()
        if min(dim, hidden) < 1:
            raise ValueError(f"dim and hidden are {dim} and {hidden}, expected at least 1")
        self.frame = nn.Linear(dim, hidden)
        self.context = nn.Linear(2 * dim, hidden, bias=False)
        self.score = nn.Linear(hidden, dim)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return ``(batch, 2 * dim)`` from features ``(batch, frames, dim)`` and their mask.

        A row that the mask leaves without frames gives a mean of zeros.
        """
        absent = (mask == 0).unsqueeze(-1)
        features = features.masked_fill(absent, 0)
        context = self.context(mean_std_pooling(features, mask)).unsqueeze(1)
        scores = _wide(self.score(torch.tanh(self.frame(features) + context)))
        scores = scores.masked_fill(absent, torch.finfo(scores.dtype).min)
        # a second fill for rows without a frame, whose softmax is uniform over padding
        weights = scores.softmax(dim=1).masked_fill(absent, 0)
        return _weighted_statistics(features, weights)


def pooling_layer(name: str, dim: int) -> nn.Module | None:
    """Return the layer of a pooling that has weights, None for one that has none.

    Raises:
        ValueError: if the name is unknown.
    """
    if name not in POOLINGS:
        raise ValueError(f"encoder.pooling is {name!r}, expected one of {', '.join(POOLINGS)}")
    return AttentionPooling(dim) if name == "attention" else None
