"""What the encoders of own speech features share: the statistics of these features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from affectrep.encoders.feature_preprocess import FeaturePreprocess
from affectrep.encoders.own_encoder import OwnEncoder
from affectrep.encoders.standardisation import Standardisation
from affectrep.encoders.weights import load_weights

__all__ = ["FittedEncoder"]


class FittedEncoder(OwnEncoder):
    """A preprocess and the standardisation of its features; a subclass adds layers and `forward`.

    Args:
        preprocess: settings of ``preprocess_class`` by its argument names; None for its defaults.
        clip: largest magnitude of a standardised value; None for no limit.

    Raises:
        ValueError: if a setting is unknown or out of range.
    """

    preprocess_class: ClassVar[type[FeaturePreprocess]]
    preprocess: FeaturePreprocess

    def __init__(self, preprocess: dict[str, Any] | None, *, clip: float | None = None) -> None:
        super().__init__(preprocess)
        self.standardise = Standardisation(self.preprocess.dim, clip=clip)

    def fit(self, clips: Iterable[NDArray[np.float32] | Tensor]) -> None:
        """Take mean and standard deviation from the features of training clips.

        Args:
            clips: what ``preprocess.features`` returned, one array per clip; read once.

        Raises:
            ValueError: if there are no clips, or their width is another.
        """
        self.standardise.fit(clips)

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
