"""Log-mel spectrograms, the input of networks that are trained from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from affectrep.encoders.feature_preprocess import FeaturePreprocess, Features

__all__ = ["CENTRINGS", "LogMelPreprocess"]

CENTRINGS = ("none", "clip", "bins")


@dataclass(frozen=True)
class LogMelPreprocess(FeaturePreprocess):
    """Waveform to log-mel energies ``(frames, bins)`` in dB, by torchaudio's ``MelSpectrogram``.

    Frames are centred on multiples of the hop and the clip is padded with zeros, so that a clip of
    any length has ``samples // hop + 1`` frames. Filters are those of HTK, without area
    normalisation. Values are ``10 log10(max(energy, floor))``, the floor ``dynamic_range_db``
    below the clip's largest value, so that silence of any quality looks alike.

    Args:
        sample_rate_hz: of the waveforms.
        remove_dc: see `condition_waveform`, like level and target_dbfs.
        level: none, rms or peak.
        target_dbfs: of rms or peak.
        bins: number of mel bands.
        window_s: length of a frame, in seconds.
        hop_s: from one frame to the next, in seconds.
        low_hz: lower edge of the lowest band.
        high_hz: upper edge of the highest band.
        dynamic_range_db: what lies further below the clip's maximum is lifted to this.
        centring: ``none``; ``clip`` subtracts the mean over the clip (the level is gone); ``bins``
            the mean of each band over the clip (a constant channel is gone as well).

    Example:
        >>> LogMelPreprocess(bins=40).seconds_per_frame
        0.01
    """

    kind: ClassVar[str] = "logmel"

    bins: int = 64
    window_s: float = 0.025
    hop_s: float = 0.01
    low_hz: float = 50.0
    high_hz: float = 7600.0
    dynamic_range_db: float = 80.0
    centring: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.hop_s <= self.window_s:
            raise ValueError(
                f"window_s and hop_s are {self.window_s} and {self.hop_s}, expected "
                "0 < hop_s <= window_s"
            )
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"low_hz and high_hz are {self.low_hz} and {self.high_hz}, expected "
                f"0 <= low_hz < high_hz <= {self.sample_rate_hz / 2:g} (half the sample rate)"
            )
        if self.bins < 1 or not self.dynamic_range_db > 0:
            raise ValueError(
                f"bins and dynamic_range_db are {self.bins} and {self.dynamic_range_db}, "
                "expected numbers above 0"
            )
        if self.centring not in CENTRINGS:
            raise ValueError(
                f"centring is {self.centring!r}, expected one of {', '.join(CENTRINGS)}"
            )

    @property
    def seconds_per_frame(self) -> float:
        """The hop, in seconds."""
        return self.hop_s

    @property
    def dim(self) -> int:
        """The number of bins."""
        return self.bins

    def features(self, waveform: NDArray[Any]) -> Features:
        """Return log-mel energies ``(frames, bins)`` in dB of a waveform ``(samples,)``.

        Raises:
            ValueError: if the waveform is not in order or torchaudio is missing.
        """
        samples = torch.from_numpy(self.condition(waveform))
        values = 10 * _transform(self)(samples).T.clamp(min=1e-10).log10()
        values = values.clamp(min=float(values.max()) - self.dynamic_range_db)
        if self.centring == "clip":
            values = values - values.mean()
        elif self.centring == "bins":
            values = values - values.mean(dim=0)
        return np.ascontiguousarray(values.numpy())


@cache
def _transform(settings: LogMelPreprocess) -> Any:
    """Return the transform of some settings; kept, because its filters take time to compute."""
    try:
        transforms = import_module("torchaudio.transforms")
    except ImportError as error:
        raise ValueError(
            "log-mel spectrograms need torchaudio: pip install 'affectrep[speech]'"
        ) from error
    window = round(settings.window_s * settings.sample_rate_hz)
    return transforms.MelSpectrogram(
        sample_rate=settings.sample_rate_hz,
        n_fft=2 ** (window - 1).bit_length(),
        win_length=window,
        hop_length=round(settings.hop_s * settings.sample_rate_hz),
        f_min=settings.low_hz,
        f_max=settings.high_hz,
        n_mels=settings.bins,
        pad_mode="constant",
    )
