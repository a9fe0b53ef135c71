"""Tiny sound files in the official layouts of the speech corpora."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import numpy as np
import soundfile

SECONDS = 0.2


def write_clip(path: Path, *, rate: int = 8000, seconds: float = SECONDS) -> Path:
    """Write a quiet tone; the path decides its pitch, so that clips differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(rate * seconds)) / rate
    frequency = 100 + crc32(path.as_posix().encode()) % 30_000 / 10
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * frequency * time), rate)
    return path


def write_clips(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        write_clip(root / name)
    return root
