"""Frames of a video: read them one by one, or write them as images at a stated rate.

A frame keeps its place in the video: frame ``i`` is shown at ``i / rate`` seconds, where the rate
is the one that the file states. A video of varying rate gets the times of its mean rate.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.images import face_package

__all__ = [
    "break_off",
    "extract_frames",
    "on_tick",
    "video_frames",
    "video_key",
    "video_rate",
]

_WHOLE = 0.95  # headers may count a few frames that no decoder gives
_QUALITY = 95
_PIECE = 1 << 20
_LIST = "frames.csv"


def on_tick(frame: int, *, rate_hz: float, fps: float | None) -> bool:
    """Return whether a frame is the first at or after a multiple of ``1 / fps`` seconds.

    Args:
        frame: its place in the video, from 0.
        rate_hz: frames per second of the video.
        fps: frames per second wanted; None, or more than the video has, takes every frame.

    Example:
        >>> [frame for frame in range(20) if on_tick(frame, rate_hz=30.0, fps=4.0)]
        [0, 8, 15]
    """
    if fps is None or fps >= rate_hz or frame == 0:
        return True
    # the ticks passed so far; a hair is added so that a frame right on a tick has passed it
    before, now = ((place * fps / rate_hz + 1e-9) // 1 for place in (frame - 1, frame))
    return now > before


def video_rate(path: Path | str) -> float:
    """Return the frames per second that a video states.

    Raises:
        ValueError: that begins with the path, if it is no video or states no rate.
        ImportError: if OpenCV is not installed.
    """
    with _opened(Path(path)) as (_, rate_hz):
        return rate_hz


def video_frames(
    path: Path | str, *, fps: float | None
) -> Iterator[tuple[int, float, NDArray[np.uint8]]]:
    """Yield the frames of a video.

    Args:
        path: of the video, in a format that OpenCV's ffmpeg reads.
        fps: frames per second to yield; None, or more than the video has, yields all.

    Yields:
        Place in the video from 0, time in s, and the picture ``(height, width, 3)`` uint8, RGB.

    Raises:
        ValueError: that begins with the path, if it is missing, no video, states no frame rate or
            has no frame; or if ``fps`` is not above 0.
        ImportError: if OpenCV is not installed.
    """
    _require_rate(fps)
    count = 0
    with _opened(Path(path)) as (video, rate_hz):
        while video.grab():
            if on_tick(count, rate_hz=rate_hz, fps=fps):
                yield count, count / rate_hz, _picture(video, Path(path), count)
            count += 1
    if not count:
        raise ValueError(f"{path}: no frame of this video can be decoded: copy it again")


def break_off(path: Path | str, *, last: int, fps: float | None) -> str | None:
    """Return a sentence where a video states many more frames than could be read; else None.

    Args:
        path: of the video.
        last: place of the last frame that `video_frames` gave.
        fps: as it was told.

    Raises:
        ValueError: as `video_rate` does.
        ImportError: if OpenCV is not installed.
    """
    cv2 = face_package("cv2")
    with _opened(Path(path)) as (video, rate_hz):
        stated = float(video.get(cv2.CAP_PROP_FRAME_COUNT))
    step = 1 if fps is None else max(1, math.ceil(rate_hz / fps))
    # a stream has no count, or a negative one; up to a step of frames was read but not given
    if not 0 < stated < math.inf or last + step >= _WHOLE * stated:
        return None
    return (
        f"{path} states {stated:.0f} frames ({stated / rate_hz:.1f} s), but breaks off: nothing "
        f"after about {last / rate_hz:.1f} s can be read. Copy it again"
    )


def extract_frames(path: Path | str, folder: Path | str, *, fps: float | None) -> pd.DataFrame:
    """Write frames of a video as JPEG files (quality 95); what is there already is kept.

    An interrupted call goes on where it was: each file appears whole or not at all, and the list
    ``frames.csv`` is written last. The folder belongs to one video at one rate: see `video_key`.

    Args:
        path: of the video.
        folder: for ``000000.jpg``, named by the place in the video; made where it is missing.
        fps: frames per second; None, or more than the video has, takes all.

    Returns:
        One line per frame: ``frame`` (int, from 0), ``time_s``, ``path`` (absolute). Its
        ``attrs["total"]`` is the number of frames of the whole video.

    Raises:
        ValueError: as `video_frames` does.
        ImportError: if OpenCV is not installed.
    """
    _require_rate(fps)
    path, folder = Path(path), Path(folder).resolve()
    stored = _stored(folder)
    if stored is not None:
        return stored
    folder.mkdir(parents=True, exist_ok=True)
    lines, total = [], 0
    with _opened(path) as (video, rate_hz):
        while video.grab():
            if on_tick(total, rate_hz=rate_hz, fps=fps):
                file = folder / f"{total:06d}.jpg"
                if not file.is_file():
                    _write(file, _jpeg(_picture(video, path, total)))
                lines.append((total, round(total / rate_hz, 6), file.name))
            total += 1
    if not total:
        raise ValueError(f"{path}: no frame of this video can be decoded: copy it again")
    table = pd.DataFrame(lines, columns=["frame", "time_s", "path"])
    _write(folder / _LIST, f"# total {total}\n{table.to_csv(index=False)}".encode())
    return _absolute(table, folder, total)


def video_key(path: Path | str) -> str:
    """Return a name for the content of a large file: a hash of its size and three of its MiB.

    Raises:
        ValueError: if there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: does not exist or is no file")
    size = path.stat().st_size
    found = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        for start in sorted({0, max(0, size // 2 - _PIECE // 2), max(0, size - _PIECE)}):
            stream.seek(start)
            found.update(stream.read(_PIECE))
    return found.hexdigest()[:24]


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, float]]:
    cv2 = face_package("cv2")
    if not path.is_file():
        raise ValueError(f"{path}: does not exist or is no file")
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened():
            raise ValueError(f"{path}: cannot be read as a video")
        rate_hz = float(video.get(cv2.CAP_PROP_FPS))
        if not 0 < rate_hz < 10_000:
            raise ValueError(f"{path}: states no frame rate: convert it to mp4 with one")
        yield video, rate_hz
    finally:
        video.release()


def _require_rate(fps: float | None) -> None:
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"expected fps above 0, or None for every frame, got {fps}")


def _picture(video: Any, path: Path, frame: int) -> NDArray[np.uint8]:
    there, blue_first = video.retrieve()
    if not there:
        raise ValueError(f"{path}: frame {frame} cannot be decoded: copy it again")
    return np.ascontiguousarray(blue_first[:, :, ::-1])


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    cv2 = face_package("cv2")
    done, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(picture[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    assert done
    return bytes(data)


def _write(file: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as stream:
        stream.write(data)
    os.replace(stream.name, file)


def _stored(folder: Path) -> pd.DataFrame | None:
    """Return the list of an earlier call whose files are all there."""
    with suppress(OSError, ValueError, IndexError):
        first, text = (folder / _LIST).read_text(encoding="utf-8").split("\n", 1)
        table = pd.read_csv(StringIO(text))
        table = _absolute(table[["frame", "time_s", "path"]], folder, int(first.split()[2]))
        if all(map(os.path.isfile, table["path"])):
            return table
    return None


def _absolute(table: pd.DataFrame, folder: Path, total: int) -> pd.DataFrame:
    found = table.assign(path=[str(folder / name) for name in table["path"]])
    found.attrs["total"] = total
    return found
