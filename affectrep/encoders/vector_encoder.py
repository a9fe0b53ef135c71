"""Functionals to embeddings: standardise, then an MLP or nothing."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from affectrep.encoders.egemaps import EgemapsPreprocess
from affectrep.encoders.fitted_encoder import FittedEncoder
from affectrep.encoders.functionals import FunctionalsPreprocess
from affectrep.encoders.output import EncoderOutput

__all__ = ["EgemapsEncoder", "FunctionalsEncoder", "VectorEncoder"]


class VectorEncoder(FittedEncoder):
    """Standardise one vector per clip and pass it through hidden layers; a subclass says of what.

    Without layers the embedding is the standardised vector itself, for linear and kernel
    classifiers; it never changes in training. Until `fit` was called nothing is standardised.

    Args:
        preprocess: settings of the preprocess, by its argument names; None for its defaults.
        layers: number of hidden layers, each with ReLU; 0 for none.
        width: of each hidden layer, and so of the embedding.
        dropout: after each hidden layer.
        layer_norm: normalise before each ReLU.
        clip: largest magnitude of a standardised value; None for no limit. A limit keeps one
            strange value of another corpus from deciding alone.

    Raises:
        ValueError: if a setting is unknown or out of range.
    """

    def __init__(
        self,
        *,
        preprocess: dict[str, Any] | None = None,
        layers: int = 2,
        width: int = 128,
        dropout: float = 0.3,
        layer_norm: bool = False,
        clip: float | None = None,
    ) -> None:
        super().__init__(preprocess, clip=clip)
        if layers < 0 or width < 1 or not 0 <= dropout < 1:
            raise ValueError(
                f"layers, width and dropout are {layers}, {width} and {dropout}, expected at least "
                "0, at least 1 and [0, 1)"
            )
        values = self.preprocess.dim
        self.dim = width if layers else values
        parts: list[nn.Module] = []
        for layer in range(layers):
            parts.append(nn.Linear(width if layer else values, width))
            parts += [nn.LayerNorm(width)] if layer_norm else []
            parts += [nn.ReLU(), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*parts)

    def forward(self, inputs: dict[str, Tensor]) -> EncoderOutput:
        """Encode what ``preprocess`` returned.

        Args:
            inputs: ``features`` ``(batch, values)``.
        """
        return EncoderOutput(self.hidden(self.standardise(inputs["features"])))


class FunctionalsEncoder(VectorEncoder):
    """`VectorEncoder` of the project's own functionals.

    Example:
        >>> import torch
        >>> encoder = FunctionalsEncoder(layers=1, width=8)
        >>> encoder({"features": torch.zeros(2, encoder.preprocess.dim)}).embeddings.shape
        torch.Size([2, 8])
    """

    preprocess_class = FunctionalsPreprocess


class EgemapsEncoder(VectorEncoder):
    """`VectorEncoder` of eGeMAPSv02; needs opensmile, which is not free for commercial use.

    Example:
        >>> EgemapsEncoder(layers=0, preprocess={"loudness": False}).dim
        77
    """

    preprocess_class = EgemapsPreprocess
