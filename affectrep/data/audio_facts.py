"""What can be measured of a sound file in one reading: level, clipping, length, content."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from affectrep.data.audio import audio_hash, read_audio

__all__ = ["ClipFacts", "audio_facts", "longest_run", "measure_clip"]

_FILE = "audio_facts.parquet"
_VERSION = 2  # before it a file that was cut off counted as whole
_HALF_STEP = 0.5 / 32768
_FULL_SCALE = 0.999
_QUIETEST_DBFS = -200.0


@dataclass(frozen=True)
class ClipFacts:
    """What one reading of a file tells.

    Args:
        path: of the file.
        error: why it cannot be read; empty where it can, and the rest is 0 where it cannot.
        rate_hz: of the header, Hz.
        channels: of the file.
        seconds: decoded duration, s.
        rms_dbfs: level of the mono signal, dB below a constant of full scale; -200 for silence.
        peak: largest magnitude of any channel; 1 is full scale.
        rail_share: share of the samples at 0.999 of full scale or beyond.
        rail_run_ms: longest run of equal samples at the clip's own largest or smallest value, ms.
        content: `audio_hash` of the samples.
    """

    path: str
    error: str = ""
    rate_hz: int = 0
    channels: int = 0
    seconds: float = 0.0
    rms_dbfs: float = _QUIETEST_DBFS
    peak: float = 0.0
    rail_share: float = 0.0
    rail_run_ms: float = 0.0
    content: str = ""


def measure_clip(path: Path | str) -> ClipFacts:
    """Read a sound file once and measure it; a file that cannot be read gives its error.

    Raises:
        ImportError: if the package soundfile is not installed.
    """
    try:
        samples, rate = read_audio(path)
    except ValueError as error:
        return ClipFacts(str(path), str(error))
    if not len(samples):
        return ClipFacts(str(path), rate_hz=rate, channels=samples.shape[1])
    power = float(np.mean(np.square(samples.mean(axis=1), dtype=np.float64)))
    return ClipFacts(
        str(path),
        rate_hz=rate,
        channels=samples.shape[1],
        seconds=len(samples) / rate,
        rms_dbfs=max(10 * math.log10(max(power, 1e-20)), _QUIETEST_DBFS),
        peak=float(np.abs(samples).max()),
        rail_share=float(np.mean(np.abs(samples) >= _FULL_SCALE)),
        rail_run_ms=1000 * max(map(_rail_run, samples.T)) / rate,
        content=audio_hash(samples, rate),
    )


def audio_facts(
    paths: Sequence[str], *, cache_folder: Path | str | None = None, shown: bool = True
) -> pd.DataFrame:
    """Measure files, each once; what was measured before is taken from a table.

    Args:
        paths: of the files.
        cache_folder: holds ``audio_facts.parquet``; a file is measured again when its size or its
            time of change differs. None measures all.
        shown: True shows a progress bar on a terminal.

    Returns:
        One row per path, in order, with the columns of `ClipFacts`.

    Raises:
        ImportError: if the package soundfile is not installed.
    """
    table = None if cache_folder is None else Path(cache_folder) / _FILE
    known = _load(table)
    stamps = {path: _stamp(path) for path in dict.fromkeys(paths)}
    missing = [path for path, stamp in stamps.items() if known.get(path, {}).get("stamp") != stamp]
    console = Console(stderr=True, markup=False)
    hidden = not (shown and console.is_terminal)
    try:
        for path in track(missing, "checking sound", console=console, disable=hidden):
            known[path] = {**asdict(measure_clip(path)), "stamp": stamps[path]}
    finally:  # a run that is stopped keeps what it measured
        if table is not None and missing:
            _store(table, known)
    names = list(ClipFacts.__dataclass_fields__)
    return pd.DataFrame([known[path] for path in paths], columns=names)


def longest_run(mask: NDArray[np.bool_]) -> int:
    """Return the length of the longest run of True in ``(samples,)``.

    Example:
        >>> longest_run(np.array([True, False, True, True]))
        2
    """
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    return int(lengths.max(initial=0))


def _rail_run(samples: NDArray[np.float32]) -> int:
    high, low = samples.max(), samples.min()
    if high == low:
        return 0  # a constant is silence, not clipping
    runs = (longest_run(samples >= high - _HALF_STEP), longest_run(samples <= low + _HALF_STEP))
    return max(runs)


def _stamp(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError:
        return "missing"
    return f"{_VERSION} {found.st_size} {found.st_mtime_ns}"


def _load(table: Path | None) -> dict[str, dict[str, Any]]:
    if table is None or not table.is_file():
        return {}
    try:
        rows = pd.read_parquet(table)
    except (OSError, ValueError):  # written by a run that was killed: measure again
        return {}
    if set(rows) != {*ClipFacts.__dataclass_fields__, "stamp"}:
        return {}
    return {row["path"]: row for row in rows.to_dict("records")}


def _store(table: Path, known: dict[str, dict[str, Any]]) -> None:
    table.parent.mkdir(parents=True, exist_ok=True)
    partial = table.with_suffix(f".{os.getpid()}.partial")  # several runs may fill one cache
    pd.DataFrame(list(known.values())).to_parquet(partial, index=False)
    partial.replace(table)
