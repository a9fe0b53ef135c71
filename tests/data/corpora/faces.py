"""Tiny images and videos in the official layouts of the face corpora."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
from PIL import Image


def picture(name: str, *, width: int = 16, height: int = 12) -> np.ndarray:
    """Return noise by the name, so that pictures differ."""
    generator = np.random.default_rng(crc32(name.encode()))
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_face(path: Path, name: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(name or path.as_posix())).save(path)
    return path


def write_video(path: Path, *, frames: int, rate_hz: float = 30.0, first: int = 0) -> Path:
    """Write a video whose frames are red ramps: frame n has the red value 20 n (mod 256)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = {".avi": "MJPG", ".mp4": "mp4v"}[path.suffix]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate_hz, (64, 48))
    assert writer.isOpened()
    seed = crc32(path.as_posix().encode())
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4)).repeat(8, 0).repeat(8, 1)
    for number in range(first, first + frames):
        blue_first = np.zeros((48, 64, 3), dtype=np.uint8)
        blue_first[:, :, 2] = 20 * number % 256
        # blocks by the path, so that two videos share no frame
        blue_first[:24, :32, 1] = blocks
        writer.write(blue_first)
    writer.release()
    return path
