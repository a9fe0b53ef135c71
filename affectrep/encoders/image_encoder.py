"""What the encoders of faces that start from no checkpoint share: save, restore, take over."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from affectrep.encoders.image_preprocess import ImagePreprocess
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.weights import load_weights, unique_weights

__all__ = ["ImageEncoder"]


class ImageEncoder(nn.Module, ABC):
    """A preprocess; a subclass adds its layers, ``dim`` and `maps`.

    Args:
        preprocess: settings of `ImagePreprocess` by its argument names; None for the defaults.

    Raises:
        ValueError: if a setting is unknown or out of range.
    """

    defaults: ClassVar[dict[str, Any]] = {}
    dim: int

    def __init__(self, preprocess: dict[str, Any] | None) -> None:
        super().__init__()
        self.preprocess = ImagePreprocess.from_settings({**self.defaults, **(preprocess or {})})

    @property
    def is_fixed(self) -> bool:
        """Whether embeddings never change in training, so that they may be cached."""
        return not any(parameter.requires_grad for parameter in self.parameters())

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

    def weights(self) -> dict[str, Tensor]:
        """Return what a model folder stores: all weights and running statistics."""
        return unique_weights(self.state_dict())

    def stored_reference(self) -> dict[str, str] | None:
        """Return None: there are no base weights to be found elsewhere."""
        return None

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

    def save(self, folder: Path) -> None:
        """Write the settings of the preprocess into an existing folder."""
        self.preprocess.save(folder)

    @classmethod
    def restore(
        cls,
        folder: Path,
        weights: dict[str, Tensor],
        *,
        settings: dict[str, Any],
        reference: dict[str, str] | None = None,
        inference: bool = False,
    ) -> Self:
        """Build an encoder from what `save` and `weights` gave.

        Args:
            folder: with preprocess.json.
            weights: what `weights` returned.
            settings: the keyword values of the encoder; what it does not know is passed over.
            reference: None, there is no base.
            inference: take gradients off and set ``eval()``.

        Raises:
            ValueError: if a file is missing or the weights do not fit.
        """
        known = set(inspect.signature(cls).parameters)
        keywords = {key: value for key, value in settings.items() if key in known}
        keywords["preprocess"] = ImagePreprocess.load(folder).settings()
        encoder = cls(**keywords)
        load_weights(encoder, weights)
        return encoder.requires_grad_(False).eval() if inference else encoder
