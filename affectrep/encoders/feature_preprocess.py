"""From waveforms to padded features: what the preprocesses of all own speech encoders share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectrep.encoders.stored_preprocess import StoredPreprocess
from affectrep.encoders.waveform import LEVELS, condition_waveform

__all__ = ["FeaturePreprocess", "collate_features"]

Features = NDArray[np.float32]


def collate_features(features: Sequence[Features]) -> dict[str, Tensor]:
    """Stack features, padded with zeros at the end.

    Args:
        features: ``(dim,)`` each, ``(frames, bins)`` each or ``(samples,)`` each. Vectors of one
            length are not padded; their lengths are their sizes, as for waveforms.

    Returns:
        ``features`` ``(batch, longest, …)`` float32 and ``lengths`` ``(batch,)`` int64.

    Raises:
        ValueError: if there are none, or they differ in more than their length.

    Example:
        >>> batch = collate_features([np.ones((2, 1), "f"), np.ones((1, 1), "f")])
        >>> batch["features"].squeeze(-1).tolist(), batch["lengths"].tolist()
        ([[1.0, 1.0], [1.0, 0.0]], [2, 1])
    """
    if not features:
        raise ValueError("expected features of at least one clip")
    shapes = sorted({item.shape[1:] for item in features})
    if len(shapes) > 1:
        raise ValueError(f"expected features of one kind, got shapes (length, *{shapes})")
    lengths = [len(item) for item in features]
    padded = np.zeros((len(features), max(lengths), *shapes[0]), dtype=np.float32)
    for row, item in enumerate(features):
        padded[row, : len(item)] = item
    return {"features": torch.from_numpy(padded), "lengths": torch.tensor(lengths)}


@dataclass(frozen=True)
class FeaturePreprocess(StoredPreprocess):
    """Settings of waveforms; a subclass names its ``kind`` and defines `features`.

    Args:
        sample_rate_hz: of the waveforms that `features` gets.
        remove_dc: subtract the mean of the waveform.
        level: none, rms or peak, see `condition_waveform`.
        target_dbfs: of rms or peak.
    """

    is_vector: ClassVar[bool] = False

    sample_rate_hz: int = 16000
    remove_dc: bool = True
    level: str = "rms"
    target_dbfs: float = -26.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.type == "float":  # -26 and -26.0 are one setting and have one key
                object.__setattr__(self, field.name, float(getattr(self, field.name)))
        if self.sample_rate_hz < 8000:
            raise ValueError(f"sample_rate_hz is {self.sample_rate_hz}, expected at least 8000")
        if self.level not in LEVELS:
            raise ValueError(f"level is {self.level!r}, expected one of {', '.join(LEVELS)}")
        if not self.target_dbfs <= 0:
            raise ValueError(f"target_dbfs is {self.target_dbfs}, expected at most 0")

    def condition(self, waveform: NDArray[Any]) -> Features:
        """Return the waveform without offset at the level of the settings, float32."""
        return condition_waveform(
            waveform, remove_dc=self.remove_dc, level=self.level, target_dbfs=self.target_dbfs
        )

    @property
    def seconds_per_frame(self) -> float | None:
        """Seconds from one frame of the features to the next, None where they are one vector."""
        return None

    @property
    def dim(self) -> int:
        """Width of the features: values of a vector, or bins of a frame."""
        return 1

    def features(self, waveform: NDArray[Any]) -> Features:
        """Return the features of one clip ``(samples,)``; a subclass says which."""
        return self.condition(waveform)

    def collate(self, features: Sequence[Features]) -> dict[str, Tensor]:
        """Return padded ``features`` and their ``lengths`` in frames; 1 for a vector."""
        batch = collate_features(features)
        if self.is_vector:
            if len(set(batch["lengths"].tolist())) > 1:
                raise ValueError(f"expected vectors of one size, got {batch['lengths'].tolist()}")
            batch["lengths"] = torch.ones_like(batch["lengths"])
        return batch

    def __call__(self, waveforms: Sequence[NDArray[Any]]) -> dict[str, Tensor]:
        """Return the collated features of waveforms ``(samples,)``."""
        return self.collate([self.features(waveform) for waveform in waveforms])
