"""How a clip becomes features: whole, in segments or as a random crop, altered or as it is."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from affectrep.data.audio import read_waveform
from affectrep.data.augment_audio import AudioAugment
from affectrep.data.standardise import GroupStatistics, Statistics

__all__ = ["ClipPart", "ClipReader", "ClipSettings", "Preprocess", "draw_place", "segments"]

Features = NDArray[np.float32]


class Preprocess(Protocol):
    """What an encoder asks of a waveform; every speech encoder brings one."""

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the waveforms, Hz."""

    @property
    def seconds_per_frame(self) -> float | None:
        """Step of the frames, s; None for vectors."""

    @property
    def key(self) -> str:
        """Digest of kind and settings."""

    def features(self, waveform: Features) -> Features:
        """Return ``(dim,)``, ``(frames, bins)`` or ``(samples,)``."""

    def collate(self, features: list[Features]) -> dict[str, Tensor]:
        """Return ``features`` and ``lengths``, padded at the end."""


@dataclass(frozen=True)
class ClipSettings:
    """How clips are read.

    Args:
        training: True gives one row per clip, cropped at random, altered where ``augment`` is
            given; a file that breaks is skipped. False gives every segment of every clip.
        max_seconds: longest input, s; None takes clips whole.
        augment: effects on training clips.
        copies: altered copies of a clip that a cache holds; epoch e uses copy e modulo copies.
        seed: of crops and effects.
        broken_share: share of the training clips that may break before reading stops.
        statistics: what features are standardised by, strict or transductive.

    Raises:
        ValueError: if a number is out of range, or effects are asked for without training.

    Example:
        >>> ClipSettings(max_seconds=8.0).broken_share
        0.01
    """

    training: bool = False
    max_seconds: float | None = None
    augment: AudioAugment | None = None
    copies: int = 1
    seed: int = 0
    broken_share: float = 0.01
    statistics: Statistics | GroupStatistics | None = None

    def __post_init__(self) -> None:
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError(f"expected max_seconds above 0, got {self.max_seconds}")
        if self.copies < 1 or not 0 <= self.broken_share <= 1:
            raise ValueError(
                "expected copies of at least 1 and a broken_share in [0, 1], "
                f"got {self.copies} and {self.broken_share}"
            )
        if self.augment is not None and not self.training:
            raise ValueError("clips are altered in training only: set training or drop augment")


@dataclass(frozen=True)
class ClipPart:
    """A clip or a part of it, and which altered copy of it (None: the clip as it is).

    Args:
        path: of the file.
        name: id of the row; with seed and copy it decides how the clip is altered.
        start_s: where the part starts, s.
        seconds: how long it is, s; None is the whole clip.
        copy: number of the altered copy.
    """

    path: str
    name: str
    start_s: float = 0.0
    seconds: float | None = None
    copy: int | None = None


@dataclass(frozen=True)
class ClipReader:
    """Decodes a part of a clip, alters it, takes its features; travels to worker processes.

    Args:
        preprocess: of the encoder.
        augment: effects on parts that are copies.
        seed: of the effects.
    """

    preprocess: Preprocess
    augment: AudioAugment | None = None
    seed: int = 0

    def __call__(self, part: ClipPart) -> Features:
        """Return the features of a part.

        Raises:
            ValueError: that names the file, if it cannot be read or is too short for features.
        """
        rate = self.preprocess.sample_rate_hz
        waveform = read_waveform(
            part.path, sample_rate_hz=rate, start_s=part.start_s, seconds=part.seconds
        )
        if self.augment is not None and part.copy is not None:
            waveform = self.augment(waveform, rate, name=part.name, seed=self.seed, copy=part.copy)
        if part.seconds is not None:
            waveform = waveform[: math.ceil(part.seconds * rate)]  # slower speech is longer
        try:
            return self.preprocess.features(waveform)
        except ValueError as error:
            raise ValueError(f"{part.path}: {error}") from error


def segments(seconds: float, max_seconds: float | None) -> list[tuple[float, float | None]]:
    """Return start and length of each segment of a clip, s; a short clip is one whole segment.

    A long clip is covered from its first to its last sample by as few segments of ``max_seconds``
    as possible, evenly spaced: they overlap where the clip is no multiple of it.

    Example:
        >>> segments(3.0, 4.0), segments(10.0, 4.0)
        ([(0.0, None)], [(0.0, 4.0), (3.0, 4.0), (6.0, 4.0)])
    """
    if max_seconds is None or seconds <= max_seconds:
        return [(0.0, None)]
    count = math.ceil(seconds / max_seconds)
    step = (seconds - max_seconds) / (count - 1)
    return [(round(part * step, 6), max_seconds) for part in range(count)]


def draw_place(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts alone, in any process.

    Example:
        >>> draw_place(0, "a") == draw_place(0, "a") != draw_place(1, "a")
        True
    """
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    return float(int.from_bytes(digest[:6], "little") / 2**48)
