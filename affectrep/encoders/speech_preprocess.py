"""Waveforms to the tensors of a pretrained speech encoder, as its checkpoint expects them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectrep.encoders.waveform import LEVELS, condition_waveform

__all__ = ["WaveformPreprocess", "WhisperPreprocess", "load_speech_preprocess"]

FILE = "preprocess.json"
RATE_HZ = 16000


@dataclass(frozen=True)
class WaveformPreprocess:
    """The samples themselves, for wav2vec2, WavLM, HuBERT and XLS-R.

    Args:
        do_normalize: zero mean and unit variance per clip, as the checkpoint's
            preprocessor_config says.
        sample_rate_hz: of the waveforms; the project's rate is the only one.
        min_samples: shorter clips give no frame and are refused.
        max_seconds: longer clips lose their end; None keeps all.
        level: none, rms or peak: the level that `condition_waveform` sets first.
        target_dbfs: of that level, in dBFS.

    Raises:
        ValueError: if the rate is not 16000 Hz or a setting is wrong.

    Example:
        >>> preprocess = WaveformPreprocess(min_samples=2)
        >>> batch = preprocess([np.array([1, -1, 1], "f4"), np.array([1, -1], "f4")])
        >>> batch["features"].round().tolist(), batch["lengths"].tolist()
        ([[1.0, -1.0, 1.0], [1.0, -1.0, 0.0]], [3, 2])
    """

    do_normalize: bool = True
    sample_rate_hz: int = RATE_HZ
    min_samples: int = 400
    max_seconds: float | None = None
    level: str = "rms"
    target_dbfs: float = -26.0

    def __post_init__(self) -> None:
        _check(self)

    @property
    def seconds_per_frame(self) -> float:
        """How long one number of ``lengths`` is: a sample."""
        return 1 / self.sample_rate_hz

    @property
    def key(self) -> str:
        """SHA-256 of kind and settings: same key, same features."""
        return _digest("waveform", asdict(self))

    def features(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``(samples,)`` float32.

        Raises:
            ValueError: if the clip is too short for one frame.
        """
        values = _conditioned(waveform, self)
        if self.do_normalize:
            values = (values - values.mean()) / np.sqrt(values.var() + 1e-7)
        return values.astype(np.float32)

    def collate(self, features: Sequence[NDArray[np.float32]]) -> dict[str, Tensor]:
        """Pad with zeros at the end: ``features`` ``(batch, samples)`` and ``lengths``."""
        return _padded(features)

    def __call__(self, waveforms: Sequence[NDArray[np.float32]]) -> dict[str, Tensor]:
        """Return the tensors of some waveforms."""
        return self.collate([self.features(waveform) for waveform in waveforms])

    def save(self, folder: Path) -> None:
        """Write ``preprocess.json``."""
        _write(folder, "waveform", asdict(self))

    @classmethod
    def load(cls, folder: Path) -> WaveformPreprocess:
        """Read what `save` wrote.

        Raises:
            ValueError: if there is none, or it is of another kind.
        """
        return cls(**_read(folder, "waveform"))


@dataclass(frozen=True)
class WhisperPreprocess:
    """Log-mel of Whisper, without the padding to 30 s.

    The clip's own frames alone are computed, by transformers' feature extractor, and the encoder
    runs on them with a mask. So a clip of 2 s costs 2 s. The values are not those of Whisper's
    own pipeline, which appends silence up to 30 s and has every frame attend to it.

    Args:
        bins: mel bands.
        hop_samples: from frame to frame.
        window_samples: of the Fourier transform.
        sample_rate_hz: of the waveforms; the project's rate is the only one.
        max_seconds: longer clips lose their end; at most what the encoder has positions for.
        level: none, rms or peak: the level that `condition_waveform` sets first.
        target_dbfs: of that level, in dBFS.

    Raises:
        ValueError: if the rate is not 16000 Hz or a setting is wrong.

    Example:
        >>> preprocess = WhisperPreprocess(bins=8)
        >>> tone = np.sin(np.arange(1600) / 9).astype("f4")
        >>> preprocess([tone])["features"].shape, preprocess([tone])["lengths"]
        (torch.Size([1, 10, 8]), tensor([10]))
    """

    bins: int = 80
    hop_samples: int = 160
    window_samples: int = 400
    sample_rate_hz: int = RATE_HZ
    max_seconds: float | None = 30.0
    level: str = "rms"
    target_dbfs: float = -26.0

    def __post_init__(self) -> None:
        _check(self)

    @property
    def min_samples(self) -> int:
        """Shorter clips are refused: the transform mirrors half a window at both ends."""
        return self.window_samples // 2 + 1

    @property
    def seconds_per_frame(self) -> float:
        """How long one number of ``lengths`` is: a hop."""
        return self.hop_samples / self.sample_rate_hz

    @property
    def key(self) -> str:
        """SHA-256 of kind and settings: same key, same features."""
        return _digest("whisper", asdict(self))

    def features(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log-mel ``(frames, bins)`` float32, scaled as Whisper scales it.

        Raises:
            ValueError: if the clip is too short for one frame.
        """
        values = _conditioned(waveform, self)
        extractor = _whisper_extractor(self.bins, self.hop_samples, self.window_samples)
        found = extractor(
            values,
            sampling_rate=self.sample_rate_hz,
            padding="longest",
            truncation=False,
            return_tensors="np",
        )
        mel: NDArray[np.float32] = np.ascontiguousarray(found["input_features"][0].T, np.float32)
        return mel

    def collate(self, features: Sequence[NDArray[np.float32]]) -> dict[str, Tensor]:
        """Pad with zeros at the end: ``features`` ``(batch, frames, bins)`` and ``lengths``."""
        return _padded(features)

    def __call__(self, waveforms: Sequence[NDArray[np.float32]]) -> dict[str, Tensor]:
        """Return the tensors of some waveforms."""
        return self.collate([self.features(waveform) for waveform in waveforms])

    def save(self, folder: Path) -> None:
        """Write ``preprocess.json``."""
        _write(folder, "whisper", asdict(self))

    @classmethod
    def load(cls, folder: Path) -> WhisperPreprocess:
        """Read what `save` wrote.

        Raises:
            ValueError: if there is none, or it is of another kind.
        """
        return cls(**_read(folder, "whisper"))


def load_speech_preprocess(folder: Path) -> WaveformPreprocess | WhisperPreprocess:
    """Read the preprocess that a model folder holds, of either kind.

    Raises:
        ValueError: if there is none that can be read.
    """
    kind = _saved(folder)["kind"]
    return WhisperPreprocess.load(folder) if kind == "whisper" else WaveformPreprocess.load(folder)


def _conditioned(
    waveform: NDArray[np.float32], preprocess: WaveformPreprocess | WhisperPreprocess
) -> NDArray[np.float32]:
    if waveform.ndim != 1:
        raise ValueError(f"expected a waveform (samples,), got the shape {waveform.shape}")
    if len(waveform) < preprocess.min_samples:
        raise ValueError(
            f"a clip of {len(waveform)} samples is too short for this encoder: expected at least "
            f"{preprocess.min_samples} ({preprocess.min_samples / RATE_HZ:.3f} s)"
        )
    if preprocess.max_seconds is not None:
        waveform = waveform[: round(preprocess.max_seconds * preprocess.sample_rate_hz)]
    return condition_waveform(waveform, level=preprocess.level, target_dbfs=preprocess.target_dbfs)


def _padded(features: Sequence[NDArray[np.float32]]) -> dict[str, Tensor]:
    if not features:
        raise ValueError("expected at least one clip")
    lengths = torch.tensor([len(row) for row in features])
    batch = torch.zeros(len(features), int(lengths.max()), *features[0].shape[1:])
    for row, values in enumerate(features):
        batch[row, : len(values)] = torch.from_numpy(values)
    return {"features": batch, "lengths": lengths}


@lru_cache(maxsize=4)
def _whisper_extractor(bins: int, hop: int, window: int) -> Any:
    from transformers import WhisperFeatureExtractor

    made: Any = WhisperFeatureExtractor
    return made(feature_size=bins, hop_length=hop, n_fft=window)


def _check(preprocess: WaveformPreprocess | WhisperPreprocess) -> None:
    rate, seconds, level = preprocess.sample_rate_hz, preprocess.max_seconds, preprocess.level
    if rate != RATE_HZ:
        raise ValueError(f"the checkpoint's sampling rate is {rate} Hz, expected {RATE_HZ} Hz")
    if seconds is not None and seconds * rate < preprocess.min_samples:
        raise ValueError(
            f"encoder.max_seconds is {seconds}, expected at least {preprocess.min_samples / rate} s"
        )
    if level not in LEVELS:
        raise ValueError(f"encoder.level is {level!r}, expected one of {', '.join(LEVELS)}")


def _digest(kind: str, settings: dict[str, Any]) -> str:
    text = json.dumps([kind, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _write(folder: Path, kind: str, settings: dict[str, Any]) -> None:
    text = json.dumps({"kind": kind, "settings": settings}, indent=2)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def _read(folder: Path, kind: str) -> dict[str, Any]:
    saved = _saved(folder)
    if saved["kind"] != kind:
        raise ValueError(f"{folder / FILE} is of kind {saved['kind']}, expected {kind}")
    settings: dict[str, Any] = saved["settings"]
    return settings


def _saved(folder: Path) -> dict[str, Any]:
    path = folder / FILE
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        assert {"kind", "settings"} <= set(saved)
    except (OSError, ValueError, TypeError, AssertionError) as error:
        raise ValueError(f"{path} is no preprocess of a speech encoder: {error}") from error
    found: dict[str, Any] = saved
    return found
