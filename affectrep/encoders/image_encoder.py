"""What the encoders of faces that start from no checkpoint share: maps, their pool, taking over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from affectrep.encoders.image_preprocess import ImagePreprocess
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.own_encoder import OwnEncoder
from affectrep.encoders.weights import load_weights

__all__ = ["ImageEncoder"]


class ImageEncoder(OwnEncoder, ABC):
    """A preprocess; a subclass adds its layers, ``dim`` and `maps`.

    Args:
        preprocess: settings of `ImagePreprocess` by its argument names; None for the defaults.

    Raises:
        ValueError: if a setting is unknown or out of range.
    """

    preprocess_class = ImagePreprocess
    preprocess: ImagePreprocess
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, preprocess: dict[str, Any] | None) -> None:
        super().__init__({**self.defaults, **(preprocess or {})})

    @abstractmethod
    def maps(self, pixels: Tensor) -> Tensor:
        """Return the last maps ``(batch, channels, ...)``; a subclass says how."""

    def pool(self, maps: Tensor) -> Tensor:
        """Return the mean of each map ``(batch, channels)``."""
        return maps.flatten(2).mean(dim=2)

    def forward(self, inputs: dict[str, Tensor]) -> EncoderOutput:
        """Encode what ``preprocess`` returned.

        Args:
            inputs: ``pixels`` ``(batch, 3, size, size)``, of clips
                ``(batch, 3, frames, size, size)``.

        Returns:
            Embeddings ``(batch, dim)``, and the last maps as features.
        """
        maps = self.maps(inputs["pixels"])
        return EncoderOutput(self.pool(maps), maps)

    def take_over(self, other: nn.Module) -> None:
        """Start from the weights and running statistics of an encoder of the same shape.

        The size of the images may differ, their normalisation not.

        Raises:
            ValueError: if weights or normalisation differ.
        """
        try:
            load_weights(self, other.state_dict())
        except ValueError as error:
            raise ValueError(
                "the encoder of the earlier model has other weights than this one's: "
                f"use the same encoder.name and settings ({error})"
            ) from error
        found: Any = other.preprocess
        own = self.preprocess
        if (own.mean, own.std, own.frames) != (found.mean, found.std, found.frames):
            raise ValueError(
                "the encoder of the earlier model normalises images otherwise: use the same mean, "
                "std and frames in encoder.preprocess"
            )
