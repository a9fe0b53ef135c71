"""What the encoders that start from no checkpoint share: their weights, saved and restored."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from affectrep.encoders.stored_preprocess import StoredPreprocess
from affectrep.encoders.weights import load_weights, unique_weights

__all__ = ["OwnEncoder"]


class OwnEncoder(nn.Module):
    """A preprocess; a subclass adds layers, ``dim`` and `forward`.

    Args:
        preprocess: settings of ``preprocess_class`` by its argument names; None for its defaults.

    Raises:
        ValueError: if a setting is unknown or out of range.
    """

    preprocess_class: ClassVar[type[StoredPreprocess]]
    dim: int

    def __init__(self, preprocess: dict[str, Any] | None) -> None:
        super().__init__()
        self.preprocess: Any = self.preprocess_class.from_settings(preprocess)

    @property
    def is_fixed(self) -> bool:
        """Whether embeddings never change in training, so that they may be cached."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    def weights(self) -> dict[str, Tensor]:
        """Return what a model folder stores: all weights and statistics."""
        return unique_weights(self.state_dict())

    def stored_reference(self) -> dict[str, str] | None:
        """Return None: there are no base weights to be found elsewhere."""
        return None

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
