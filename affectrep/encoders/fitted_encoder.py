"""What the encoders that start from no checkpoint share: statistics to fit, save and restore."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from affectrep.encoders.feature_preprocess import FeaturePreprocess
from affectrep.encoders.standardisation import Standardisation
from affectrep.encoders.weights import load_weights, unique_weights

__all__ = ["FittedEncoder"]


class FittedEncoder(nn.Module):
    """A preprocess and the standardisation of its features; a subclass adds layers and `forward`.

    Args:
        preprocess: settings of ``preprocess_class`` by its argument names; None for its defaults.
        clip: largest magnitude of a standardised value; None for no limit.

    Raises:
        ValueError: if a setting is unknown or out of range.
    """

    preprocess_class: ClassVar[type[FeaturePreprocess]]
    dim: int

    def __init__(self, preprocess: dict[str, Any] | None, *, clip: float | None = None) -> None:
        super().__init__()
        self.preprocess = self.preprocess_class.from_settings(preprocess)
        self.standardise = Standardisation(self.preprocess.dim, clip=clip)

    @property
    def is_fixed(self) -> bool:
        """Whether embeddings never change in training, so that they may be cached."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    def fit(self, clips: Iterable[NDArray[np.float32] | Tensor]) -> None:
        """Take mean and standard deviation from the features of training clips.

        Args:
            clips: what ``preprocess.features`` returned, one array per clip; read once.

        Raises:
            ValueError: if there are no clips, or their width is another.
        """
        self.standardise.fit(clips)

    def weights(self) -> dict[str, Tensor]:
        """Return what a model folder stores: all weights, mean and standard deviation."""
        return unique_weights(self.state_dict())

    def stored_reference(self) -> dict[str, str] | None:
        """Return None: there are no base weights to be found elsewhere."""
        return None

    def take_over(self, other: nn.Module) -> None:
        """Start from the weights, mean and standard deviation of an encoder of the same shape.

        Raises:
            ValueError: if preprocess or weights differ.
        """
        if getattr(other, "preprocess", None) != self.preprocess:
            raise ValueError(
                "the encoder of the earlier model computes other features: use the same "
                "encoder.name and encoder.preprocess"
            )
        load_weights(self, other.state_dict())

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
        keywords["preprocess"] = cls.preprocess_class.load(folder).settings()
        encoder = cls(**keywords)
        load_weights(encoder, weights)
        return encoder.requires_grad_(False).eval() if inference else encoder
