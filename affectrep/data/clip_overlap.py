"""Clips of one speaker that were cut from one recording and share a stretch of sound."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.fft import irfft, rfft

from affectrep.data.audio import read_waveform

__all__ = ["Overlap", "find_overlaps"]

_RATE_HZ = 4000
_LONGEST_S = 60.0
_SHORTEST = _RATE_HZ // 2
_LEAST_POWER = 0.01


@dataclass(frozen=True)
class Overlap:
    """Two clips that share a stretch.

    Args:
        first: path of the one.
        second: path of the other.
        correlation: of the shared stretch, in [-1, 1].
        lag_s: where the second starts in the first, s; negative where it starts before it.
        seconds: length of the shared stretch, s.
    """

    first: str
    second: str
    correlation: float
    lag_s: float
    seconds: float


def find_overlaps(
    paths: Sequence[str],
    speakers: Sequence[str | None],
    *,
    threshold: float = 0.7,
    max_pairs: int = 100_000,
    cache_folder: Path | str | None = None,
    shown: bool = True,
) -> list[Overlap]:
    """Compare the clips of each speaker by cross-correlation of their waveforms.

    The waveforms are taken at 4 kHz with the low frequencies weakened, so that a hum or a pause
    shared by a whole recording does not count. (Envelopes at 100 to 500 Hz do not do it: two
    readings of a sentence, or of any two, reach the correlations of true overlaps.) About 1 ms
    per pair of 3-s clips. Files that cannot be read are left out.

    Args:
        paths: readable sound files.
        speakers: of each file; those without one are not compared.
        threshold: correlation above which a stretch counts as shared.
        max_pairs: where the speakers have more pairs than this, each clip is compared with its
            next neighbours in the order of names only: cuts of one recording lie there.
        cache_folder: keeps the result, named by paths, sizes and times; None does not.
        shown: True shows a progress bar on a terminal.

    Returns:
        Overlaps, the highest correlation first.

    Raises:
        ImportError: if soundfile or torchaudio is not installed.
    """
    groups: dict[str, list[str]] = {}
    for path, speaker in sorted(zip(paths, map(_name, speakers), strict=True)):
        if speaker:
            groups.setdefault(speaker, []).append(path)
    settings = json.dumps([1, groups, _stamps(paths), threshold, max_pairs])
    name = hashlib.sha256(settings.encode()).hexdigest()[:16]
    table = None if cache_folder is None else Path(cache_folder) / f"overlaps-{name}.json"
    if table is not None and table.is_file():
        return [Overlap(**entry) for entry in json.loads(table.read_text(encoding="utf-8"))]
    reach = max(1, max_pairs // max(1, len(paths)))
    if sum(len(group) * (len(group) - 1) // 2 for group in groups.values()) <= max_pairs:
        reach = len(paths)
    console = Console(stderr=True, markup=False)
    hidden = not (shown and console.is_terminal)
    bar = track(groups.values(), "comparing clips", console=console, disable=hidden)
    found = [pair for group in bar for pair in _compare(group, reach, threshold)]
    found.sort(key=lambda pair: -pair.correlation)
    if table is not None:
        table.parent.mkdir(parents=True, exist_ok=True)
        partial = table.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps([asdict(pair) for pair in found]), encoding="utf-8")
        partial.replace(table)
    return found


@dataclass(frozen=True)
class _Prepared:
    """A signal's spectrum, and its energy before each sample: ``(samples + 1,)``."""

    spectrum: NDArray[np.complex64]
    energy: NDArray[np.float64]


def _prepare(signal: NDArray[np.float32], size: int) -> _Prepared:
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    return _Prepared(rfft(signal.astype(np.float32), size), energy)


def _compare(paths: list[str], reach: int, threshold: float) -> Iterator[Overlap]:
    signals = {path: signal for path in paths if len(signal := _signal(path)) >= _SHORTEST}
    longest = max(map(len, signals.values()), default=1)
    size = _fft_size(longest, longest)
    known = {path: _prepare(signal, size) for path, signal in signals.items()}
    names = list(known)
    for row, one in enumerate(names):
        for other in names[row + 1 : row + 1 + reach]:
            value, lag, count = _best_lag(known[one], known[other], size, _SHORTEST)
            if value > threshold:
                yield Overlap(one, other, value, lag / _RATE_HZ, count / _RATE_HZ)


def _best_lag(
    first: _Prepared, second: _Prepared, size: int, min_samples: int
) -> tuple[float, int, int]:
    """Return correlation, lag and length of the best matching stretch of two signals, in samples.

    The correlation is that of the overlapping parts alone, in [-1, 1], at every lag at which at
    least ``min_samples`` overlap and neither part is nearly silent beside its clip; -1 where
    nothing overlaps. The lag is the place of the second's start in the first.
    """
    lengths = len(first.energy) - 1, len(second.energy) - 1
    product = irfft(first.spectrum * np.conj(second.spectrum), size)
    product = np.concatenate([product[size - lengths[1] + 1 :], product[: lengths[0]]])
    lag = np.arange(1 - lengths[1], lengths[0])
    start, end = np.maximum(lag, 0), np.minimum(lengths[0], lag + lengths[1])
    count = end - start
    one = first.energy[end] - first.energy[start]
    other = second.energy[end - lag] - second.energy[start - lag]
    # a silent end matches any other: both parts need some of their clip's power
    loud = (one > _LEAST_POWER * first.energy[-1] * count / lengths[0]) & (
        other > _LEAST_POWER * second.energy[-1] * count / lengths[1]
    )
    scale = np.sqrt(np.maximum(one * other, 1e-20))
    values = np.where(loud & (count >= min_samples), product / scale, -1.0)
    best = int(values.argmax())
    return float(values[best]), int(lag[best]), int(count[best])


def _signal(path: str) -> NDArray[np.float32]:
    try:
        waveform = read_waveform(path, sample_rate_hz=_RATE_HZ, seconds=_LONGEST_S)
    except ValueError:
        return np.zeros(0, np.float32)
    return np.diff(waveform, prepend=np.float32(0))


def _fft_size(first: int, second: int) -> int:
    return 1 << (first + second - 2).bit_length()


def _name(speaker: object) -> str:
    return speaker if isinstance(speaker, str) else ""


def _stamps(paths: Sequence[str]) -> list[list[int]]:
    found = []
    for path in sorted(paths):
        try:
            stat = Path(path).stat()
            found.append([stat.st_size, stat.st_mtime_ns])
        except OSError:
            found.append([])
    return found
