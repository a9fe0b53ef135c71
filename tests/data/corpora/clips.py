"""Tiny sound files in the official layouts of the speech corpora."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import numpy as np
import soundfile

SECONDS = 0.2


def write_clip(path: Path, *, rate: int = 8000, seconds: float = SECONDS) -> Path:
    """Write a quiet tone in a little noise; both by the path, so that clips differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(rate * seconds)) / rate
    seed = crc32(path.as_posix().encode())
    tone = 0.1 * np.sin(2 * np.pi * (100 + seed % 30_000 / 10) * time)
    noise = 0.001 * np.random.default_rng(seed).standard_normal(len(time))
    soundfile.write(path, tone + noise, rate)
    return path


def write_clips(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        write_clip(root / name)
    return root
