"""The layers on top of the embedding; HEADS names them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["HEADS", "Classifier", "Projection", "copy_outputs"]


class Classifier(nn.Module):
    """Map an embedding to logits, or to valence and arousal.

    Args:
        dim: width of the embedding.
        outputs: classes, or 2 for valence and arousal.
        hidden: units of a hidden layer with GELU; 0 keeps the classifier linear.
        dropout: share of values set to zero before each linear layer.

    Example:
        >>> Classifier(8, 3, hidden=4)(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
    """

    def __init__(self, dim: int, outputs: int, *, hidden: int = 0, dropout: float = 0.1) -> None:
        super().__init__()
        first = [nn.Dropout(dropout), nn.Linear(dim, hidden), nn.GELU()] if hidden else []
        self.layers = nn.Sequential(*first, nn.Dropout(dropout), nn.Linear(hidden or dim, outputs))

    @property
    def last(self) -> nn.Linear:
        """The layer whose rows are the outputs."""
        layer = self.layers[-1]
        assert isinstance(layer, nn.Linear)
        return layer

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return ``(batch, outputs)`` from ``(batch, dim)``."""
        logits: Tensor = self.layers(embeddings)
        return logits


class Projection(nn.Module):
    """Map an embedding to a point on the unit sphere, where contrast is measured.

    Two layers with ReLU as in SimCLR (Chen et al. 2020); the length is normalised in float32 or
    wider also under half precision.

    Args:
        dim: width of the embedding.
        projection_dim: width of the projection.

    Example:
        >>> Projection(8, 4)(torch.randn(2, 8)).norm(dim=1).round(decimals=4).tolist()
        [1.0, 1.0]
    """

    def __init__(self, dim: int, projection_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, projection_dim))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return ``(batch, projection_dim)`` of length 1 from ``(batch, dim)``."""
        raw = self.layers(embeddings)
        wide = raw.float() if raw.dtype in (torch.float16, torch.bfloat16) else raw
        return nn.functional.normalize(wide, dim=-1)


HEADS: dict[str, type[nn.Module]] = {"classifier": Classifier, "projection": Projection}


def copy_outputs(
    own: Classifier, names: list[str], other: Classifier, other_names: list[str]
) -> list[str]:
    """Copy the weights of the outputs that two classifiers share by name; return those names.

    Nothing is copied, and nothing named, when their hidden layers or inputs differ.

    Example:
        >>> copy_outputs(Classifier(4, 2), ["joy", "awe"], Classifier(4, 1), ["awe"])
        ['awe']
    """
    deeper = [list(part.layers[:-1].parameters()) for part in (own, other)]
    shapes = [
        [value.shape for value in (*part, head.last.weight[0])]
        for part, head in zip(deeper, (own, other), strict=True)
    ]
    if shapes[0] != shapes[1]:
        return []
    shared = [name for name in names if name in other_names]
    with torch.no_grad():
        for mine, found in zip(*deeper, strict=True):
            mine.copy_(found)
        for name in shared:
            row, source = names.index(name), other_names.index(name)
            own.last.weight[row] = other.last.weight[source]
            own.last.bias[row] = other.last.bias[source]
    return shared
