"""The critic's network: three small layers on embeddings or on feature maps."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils import parametrizations

from affectrep.objectives.groups import bounded

__all__ = ["CriticHead", "without_dropout"]

OUTPUTS = ("sigmoid", "linear", "normalised", "tanh")
FIRST_ACTIVATIONS = ("relu", "none")
LARGEST_INPUT = 1e12  # beyond it the squares of the outputs would overflow float32


class CriticHead(nn.Module):
    """A critic with layers 64, 32 and 16 that maps what the encoder says to a few bounded values.

    ``Linear, ReLU, Linear, Dropout, ReLU, Linear, output``; the released code has no ReLU after
    the first layer (``first_activation="none"``) and a linear output. Use the sigmoid (the
    default) with the contrastive critic: squared distances are then at most 16, above every margin
    in use. The scalar critic of Fisher and those of SphereGAN and GramNet want linear outputs.

    Args:
        dim: width of the embeddings, or channels of the feature maps.
        grid: side of the square to which maps are pooled by averaging; 0 expects embeddings. With
            256 channels and grid 6 it is the paper's AlexNet critic of 592,496 parameters.
        widths: of the layers, the last one being the dimension of the outputs.
        output: "sigmoid" | "linear" | "normalised" (length 1) | "tanh".
        dropout: before the last ReLU, in [0, 1).
        spectral: divide each layer's weight by its largest singular value.
        first_activation: "relu" | "none" after the first layer. With none the first two layers
            are one linear map, and so is the whole of a critic with two layers.

    Raises:
        ValueError: if a width is not positive, the output or the first activation is unknown or
            dropout is out of range.

    Source: Kim and Song 2021, Contrastive Adversarial Learning for Person Independent Facial
    Emotion Recognition (AAAI), and its released code.

    Example:
        >>> critic = CriticHead(256, grid=6)
        >>> critic(torch.zeros(2, 256, 6, 6)).shape
        torch.Size([2, 16])
        >>> sum(parameter.numel() for parameter in critic.parameters())
        592496
    """

    def __init__(  # noqa: PLR0913 - one for each property of the network
        self,
        dim: int,
        *,
        grid: int = 0,
        widths: Sequence[int] = (64, 32, 16),
        output: Literal["sigmoid", "linear", "normalised", "tanh"] = "sigmoid",
        dropout: float = 0.2,
        spectral: bool = False,
        first_activation: Literal["relu", "none"] = "relu",
    ) -> None:
        super().__init__()
        if dim < 1 or grid < 0 or len(widths) < 1 or min(widths) < 1:
            raise ValueError(
                f"expected dim >= 1, grid >= 0 and widths of at least 1, got {dim}, {grid} and "
                f"{tuple(widths)}"
            )
        if output not in OUTPUTS or not 0 <= dropout < 1:
            raise ValueError(
                f"expected output one of {', '.join(OUTPUTS)} and dropout in [0, 1), got "
                f"{output!r} and {dropout}"
            )
        if first_activation not in FIRST_ACTIVATIONS:
            raise ValueError(
                f"expected first_activation one of {', '.join(FIRST_ACTIVATIONS)}, got "
                f"{first_activation!r}"
            )
        self.dim, self.grid, self.output = dim, grid, output
        sizes = [dim * (grid * grid or 1), *widths]
        layers: list[nn.Module] = []
        for i, (width, following) in enumerate(pairwise(sizes)):
            linear = nn.Linear(width, following)
            layers.append(parametrizations.spectral_norm(linear) if spectral else linear)
            if i < len(widths) - 1 and (i or first_activation == "relu"):
                last = i == len(widths) - 2
                layers += [nn.Dropout(dropout), nn.ReLU()] if last and i else [nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.outputs = sizes[-1]

    @property
    def largest_distance(self) -> float:
        """The largest squared distance that two outputs can have; infinite for "linear"."""
        limits = {"sigmoid": self.outputs, "tanh": 4.0 * self.outputs, "normalised": 4.0}
        return limits.get(self.output, math.inf)

    def forward(self, values: Tensor) -> Tensor:
        """Return ``(batch, outputs)``, in float32 at least, for embeddings or feature maps.

        Args:
            values: ``(batch, dim)``, or ``(batch, dim, height, width)`` where there is a grid.

        Raises:
            ValueError: if the shape does not fit.
        """
        if values.ndim != (4 if self.grid else 2) or values.shape[1] != self.dim:
            wanted = f"(batch, {self.dim}{', height, width' if self.grid else ''})"
            raise ValueError(f"expected values {wanted}, got {tuple(values.shape)}")
        values = bounded(values, LARGEST_INPUT)
        if self.grid:
            values = functional.adaptive_avg_pool2d(values, self.grid).flatten(1)
        with torch.autocast(values.device.type, enabled=False):
            raw = self._layers(values)
        if self.output == "normalised":
            return functional.normalize(raw, dim=1)
        return {"sigmoid": torch.sigmoid, "tanh": torch.tanh}.get(self.output, _same)(raw)

    def _layers(self, values: Tensor) -> Tensor:
        parameter = next(self.layers.parameters())
        if parameter.dtype not in (torch.float16, torch.bfloat16):
            return cast(Tensor, self.layers(values.to(parameter.dtype)))
        wide = {
            name: value.float() for name, value in self.layers.state_dict(keep_vars=True).items()
        }
        return cast(Tensor, functional_call(self.layers, wide, (values.float(),)))


@contextlib.contextmanager
def without_dropout(head: nn.Module) -> Iterator[None]:
    """Put the critic in evaluation mode and back, so that nothing in it is drawn or moves.

    Example:
        >>> critic = CriticHead(4)
        >>> with without_dropout(critic):
        ...     critic.training
        False
    """
    training = head.training
    head.eval()
    try:
        yield
    finally:
        head.train(training)


def _same(values: Tensor) -> Tensor:
    return values
