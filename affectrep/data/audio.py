"""Sound files to waveforms: decode, average the channels, resample, hash."""

from __future__ import annotations

import hashlib
import importlib
import math
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affectrep.data.audio_containers import breaks_off

__all__ = [
    "audio_hash",
    "audio_seconds",
    "load_package",
    "read_audio",
    "read_waveform",
    "resample",
    "to_waveform",
]

Samples = NDArray[np.float32]

_LARGEST = 4.0
_UNKNOWN = 1 << 60
_STREAM = "was written as a stream, its header states no length: write it again to a file"
_AGAIN = "copy it again"
_LOWEST_HZ = 1000  # no voice is left below it
_DENOMINATOR = 640
_BLOCK = 32  # samples of the result that one row of a product gives
_WIDTH = 32  # zero crossings: -0.3 dB at 95 % of the band, aliases below -44 dB


def read_audio(
    path: Path | str, *, start_s: float = 0.0, seconds: float | None = None
) -> tuple[Samples, int]:
    """Decode a WAV, FLAC, OGG or MP3 file, or a part of it.

    Args:
        path: of the file; its content counts, not its ending.
        start_s: where the part starts, s; a start behind the end gives no samples.
        seconds: how long the part is at most, s; None reads to the end.

    Returns:
        ``(samples, channels)`` float32, where full scale is 1, and the header's rate in Hz. A
        file without samples gives ``(0, channels)``.

    Raises:
        ValueError: if the file is missing, is no sound file, breaks off, or holds values that are
            no sound (not finite, or far above full scale), or if its rate is below 1000 Hz.
        ImportError: if the package soundfile is not installed.
    """
    path = Path(path)
    soundfile = load_package("soundfile")
    if not path.is_file():
        raise ValueError(f"{path} does not exist or is no file")
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            _require_header(path, file.frames, rate)
            if breaks_off(path):
                raise ValueError(f"{path} breaks off after {file.frames / rate:.2f} s: {_AGAIN}")
            start = min(round(start_s * rate), file.frames)
            expected = file.frames - start
            if seconds is not None:
                expected = min(expected, math.ceil(seconds * rate))
            file.seek(start)
            samples = file.read(expected, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        reason = str(error).partition(": ")[2].strip(" .") or str(error)
        raise ValueError(f"{path} cannot be read as sound: {reason}") from None
    if len(samples) < expected:
        raise ValueError(f"{path} breaks off after {len(samples) / rate:.2f} s: {_AGAIN}")
    peak = float(np.abs(samples).max(initial=0.0))  # NaN where any sample is
    if not peak <= _LARGEST:
        raise ValueError(
            f"{path} holds samples up to {peak:g}, expected [-1, 1]: "
            "store it as 16-bit, or scale it by its largest value"
        )
    return samples, rate


def audio_seconds(path: Path | str) -> float:
    """Return the duration that the header of a sound file states, s.

    Raises:
        ValueError: if the header cannot be read, states no length, or a rate below 1000 Hz.
        ImportError: if the package soundfile is not installed.
    """
    soundfile = load_package("soundfile")
    try:
        found = soundfile.info(str(path))
    except (OSError, soundfile.LibsndfileError) as error:
        reason = str(error).partition(": ")[2].strip(" .") or str(error)
        raise ValueError(f"{path} cannot be read as sound: {reason}") from None
    _require_header(path, found.frames, found.samplerate)
    return float(found.frames / found.samplerate)


def _require_header(path: Path | str, frames: int, rate: int) -> None:
    if frames >= _UNKNOWN:
        raise ValueError(f"{path} {_STREAM}")
    if rate < _LOWEST_HZ:
        raise ValueError(
            f"{path} states a rate of {rate} Hz, expected {_LOWEST_HZ} or more: correct its header"
        )


def to_waveform(samples: NDArray[Any], rate: int, *, sample_rate_hz: int = 16000) -> Samples:
    """Average the channels and resample; what overshoots full scale is cut to it.

    Args:
        samples: ``(samples,)`` or ``(samples, channels)`` in [-1, 1].
        rate: of the samples, Hz.
        sample_rate_hz: of the waveform, Hz.

    Returns:
        ``(samples,)`` float32 mono in [-1, 1].

    Raises:
        ValueError: if there are no samples, more channels than samples, or the rate is below 1 Hz
            or 1/640 of the waveform's.

    Example:
        >>> stereo = np.stack([np.ones(4), np.zeros(4)], axis=1)
        >>> to_waveform(stereo, 16000).tolist()
        [0.5, 0.5, 0.5, 0.5]
    """
    if samples.ndim not in (1, 2) or 0 in samples.shape:
        raise ValueError(f"expected samples (samples, channels), got shape {samples.shape}")
    if samples.ndim == 2 and samples.shape[1] > max(samples.shape[0], 8):
        raise ValueError(f"expected (samples, channels), got {samples.shape}: transpose it")
    if samples.ndim == 2 and samples.shape[1] == 1:
        samples = samples[:, 0]
    mono = samples if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float64)
    waveform = resample(mono.astype(np.float32), rate, sample_rate_hz)
    return np.clip(waveform, -1.0, 1.0)


def resample(waveform: Samples, rate: float, new_rate: float) -> Samples:
    """Resample by a windowed sinc (torchaudio, Smith's band-limited interpolation).

    The ratio of the rates is taken as the nearest fraction with a denominator up to 640. That is
    exact for every usual rate (8, 11.025, 22.05, 24, 32, 44.1, 48, 96 kHz to 16 kHz); for an odd
    one the duration is off by less than 0.001 %, where the exact filter would need gigabytes.

    Args:
        waveform: ``(samples,)``.
        rate: of the waveform, Hz, or any number in proportion.
        new_rate: of the result, in the same unit.

    Returns:
        ``(samples * new_rate / rate,)`` float32, rounded up.

    Raises:
        ValueError: if a rate is not positive, or the new one is more than 640 times the rate.
        ImportError: if the package torchaudio is not installed.

    Example:
        >>> len(resample(np.zeros(441, np.float32), 16000, 16000))
        441
    """
    if rate <= 0 or new_rate <= 0:
        raise ValueError(f"expected positive rates, got {rate} and {new_rate} Hz")
    if rate * _DENOMINATOR < new_rate:
        raise ValueError(f"{rate} Hz is too low a rate to make {new_rate} Hz of it: correct it")
    ratio = Fraction(rate / new_rate).limit_denominator(_DENOMINATOR)
    if ratio == 1:
        return waveform
    tensor = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32))
    simple = max(ratio.numerator, ratio.denominator) <= _BLOCK
    result = (_by_blocks if simple else _by_samples)(tensor, ratio.numerator, ratio.denominator)
    return np.asarray(result.numpy(), dtype=np.float32)


def _by_samples(waveforms: torch.Tensor, old: int, new: int) -> torch.Tensor:
    functional = load_package("torchaudio.functional")
    found: torch.Tensor = functional.resample(waveforms, old, new, lowpass_filter_width=_WIDTH)
    return found


def _by_blocks(waveform: torch.Tensor, old: int, new: int) -> torch.Tensor:
    """Return the same as `_by_samples`, up to rounding.

    For a ratio such as 3 to 1 torchaudio convolves with a single output, which is ten times as
    slow as the same sums with many outputs at once.
    """
    weights, edge, step = _block_weights(old, new)
    total = -(-len(waveform) * new // old)
    blocks = -(-total // len(weights))
    behind = blocks * step + edge - len(waveform)
    padded = torch.nn.functional.pad(waveform, (edge, behind))
    found = torch.nn.functional.conv1d(padded[None, None], weights, stride=step)
    return found[0].T.flatten()[:total]


@cache
def _block_weights(old: int, new: int) -> tuple[torch.Tensor, int, int]:
    """Return ``(outputs, 1, inputs)`` weights of a block, its inputs on either side, and its step.

    They are torchaudio's own filter: what it answers to a single 1 at every place.
    """
    step = old * -(-_BLOCK // new)
    # a little more than the filter reaches, and whole steps of the ratio
    edge = old * (-(-2 * _WIDTH // min(old, new)) + 1)
    answers = _by_samples(torch.eye(step + 2 * edge), old, new)
    first = edge * new // old
    weights = answers[:, first : first + step * new // old].T.contiguous()
    return weights[:, None], edge, step


def read_waveform(
    path: Path | str,
    *,
    sample_rate_hz: int = 16000,
    start_s: float = 0.0,
    seconds: float | None = None,
) -> Samples:
    """Decode a sound file, or a part of it, to a mono waveform.

    Args:
        path: of the file.
        sample_rate_hz: of the waveform, Hz.
        start_s: where the part starts, s.
        seconds: how long the part is at most, s; None reads to the end.

    Returns:
        ``(samples,)`` float32 in [-1, 1].

    Raises:
        ValueError: if the file cannot be read, or has no samples there.
        ImportError: if soundfile or torchaudio is not installed.
    """
    samples, rate = read_audio(path, start_s=start_s, seconds=seconds)
    if not len(samples):
        raise ValueError(f"{path} has no samples" + (f" after {start_s:g} s" if start_s else ""))
    return to_waveform(samples, rate, sample_rate_hz=sample_rate_hz)


def audio_hash(samples: NDArray[Any], rate: int) -> str:
    """Return the SHA-256 of decoded sound, 64 hexadecimal digits, whatever its file's format.

    Hashed are the rate as decimal digits with a newline, then the mean of the channels as 16-bit
    little-endian numbers. A lossless copy has the same hash; MP3 and OGG decoders may differ in
    the last bit.

    Args:
        samples: ``(samples,)`` or ``(samples, channels)`` in [-1, 1], at the file's own rate.
        rate: in Hz.

    Example:
        >>> one = np.array([0.0, 0.5], np.float32)
        >>> audio_hash(one, 8000) == audio_hash(np.stack([one, one], axis=1), 8000)
        True
        >>> audio_hash(one, 8000) == audio_hash(one, 16000)
        False
    """
    mono = samples if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float64)
    words = np.clip(np.rint(mono.astype(np.float64) * 32768), -32768, 32767).astype("<i2")
    return hashlib.sha256(b"%d\n" % rate + words.tobytes()).hexdigest()


def load_package(name: str) -> Any:
    """Import a package that only sound needs.

    Raises:
        ImportError: that names the extra to install, where the package is missing.

    Example:
        >>> load_package("json").loads("1")
        1
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"reading sound needs the package {package}: pip install 'affectrep[speech]' ({error})"
        ) from None
