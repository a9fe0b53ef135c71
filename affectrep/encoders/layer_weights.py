"""One sequence of features from all hidden layers of an encoder: learnt layer weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["LAYER_WEIGHTS", "LayerWeights"]

LAYER_WEIGHTS = ("none", "softmax", "sigmoid")


class LayerWeights(nn.Module):
    """A learnt average of the hidden layers, which starts as their plain mean.

    With ``softmax`` the layers compete for a weight of one in all (the weighted sum of SUPERB,
    Yang et al. 2021). With ``sigmoid`` each layer has a gate of its own between 0 and 1 ("weight
    gating"), and the gated sum is divided by the sum of the gates, so that closing all gates
    alike does not shrink the features.

    Args:
        layers: how many hidden states there are, the input of the first layer included.
        kind: softmax or sigmoid.

    Raises:
        ValueError: if the kind is unknown.

    Example:
        >>> LayerWeights(2, kind="softmax")([torch.zeros(1, 1, 1), torch.ones(1, 1, 1)]).item()
        0.5
    """

    def __init__(self, layers: int, *, kind: str) -> None:
        super().__init__()
        if kind not in LAYER_WEIGHTS[1:]:
            raise ValueError(f"kind is {kind!r}, expected one of {', '.join(LAYER_WEIGHTS[1:])}")
        if layers < 1:
            raise ValueError(f"layers is {layers}, expected at least 1")
        self.kind = kind
        self.logits = nn.Parameter(torch.zeros(layers))

    def values(self) -> Tensor:
        """Return the weights ``(layers,)``; they sum to 1."""
        logits = self.logits.float()
        gates = logits.softmax(dim=0) if self.kind == "softmax" else logits.sigmoid()
        return gates / gates.sum()

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """Return the average ``(batch, frames, dim)`` of as many states of that shape.

        Raises:
            ValueError: if there are more or fewer states than weights.
        """
        if len(states) != len(self.logits):
            raise ValueError(f"expected {len(self.logits)} hidden states, got {len(states)}")
        weights = self.values().to(states[0].dtype)
        total = weights[0] * states[0]
        for weight, state in zip(weights[1:], states[1:], strict=True):  # no stack in memory
            total = total + weight * state
        return total
