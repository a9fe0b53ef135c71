"""What every encoder returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["EncoderOutput"]


@dataclass(frozen=True)
class EncoderOutput:
    """What an encoder says of a batch.

    Args:
        embeddings: ``(batch, dim)``.
        features: ``(batch, ...)`` before pooling, or None.
    """

    embeddings: Tensor
    features: Tensor | None = None
