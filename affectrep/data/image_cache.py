"""Decoded images on disk: one file of equal squares, made once, read through a memory map."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from affectrep.data.images import Box, Pixels
from affectrep.data.keys import digest

__all__ = ["ImageCache", "image_key"]

_SHOWN = 5


def image_key(content: str, box: Box | None, *, margin: float, side_px: int) -> str:
    """Return what decides the pixels of a square: content, box, margin and size.

    The rest of a preprocess (mean, deviation, the crop for evaluation) comes later and is no part
    of it, so encoders that differ in nothing else share a file.

    Example:
        >>> image_key("ab12", None, margin=0.1, side_px=64)
        'ab12:whole:64'
        >>> image_key("ab12", (1, 2.5, 30), margin=0.1, side_px=64)
        'ab12:1.000:2.500:30.000:0.1:64'
    """
    if box is None:
        return f"{content}:whole:{side_px}"
    place = ":".join(f"{value:.3f}" for value in box)
    return f"{content}:{place}:{margin!r}:{side_px}"


class ImageCache:
    """The squares of one list of keys.

    The file ``<digest of the keys>.npy`` holds ``(keys, 3, side, side)`` uint8. It is written under
    another name and renamed when it is whole, so a run that is killed leaves nothing half made.
    One process fills (a lock file), the others wait and then read the same file. An image takes
    8 kB at 52 px and 0.2 MB at 256 px.

    Args:
        folder: for the files; made where it is missing.
        keys: of `image_key`, in any order, repeated or not.
        side_px: of the squares.

    Raises:
        ValueError: if there are no keys.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = ImageCache(folder, ["a", "b"], side_px=2)
        ...     make = lambda job: np.full((2, 2, 3), job, np.uint8)
        ...     broken = cache.fill({"a": 7, "b": 9}, make, shown=False)
        ...     cache.read(["b"]).shape, int(cache.read(["b"]).max()), broken
        ((1, 3, 2, 2), 9, {})
    """

    def __init__(self, folder: Path | str, keys: Sequence[str], *, side_px: int) -> None:
        if not keys:
            raise ValueError("expected the key of at least one image, got none")
        unique = sorted(set(keys))
        self.path = Path(folder) / f"images-{digest([*unique, str(side_px)])[:24]}.npy"
        self.side_px = side_px
        self._place = {key: place for place, key in enumerate(unique)}
        self._map: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self._place)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}  # a map would be copied whole into each worker

    @property
    def filled(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()

    def read(self, keys: Sequence[str]) -> NDArray[np.uint8]:
        """Return a copy of the squares of keys, ``(len(keys), 3, side, side)``.

        Raises:
            KeyError: if a key is not of this cache.
            FileNotFoundError: if the cache was not filled.
        """
        if self._map is None:
            # a plain array on the map: numpy's own class is four times as slow to index
            self._map = np.load(self.path, mmap_mode="r").view(np.ndarray)
        if len(keys) == 1:  # a slice is read faster than a list of one
            return np.array(self._map[self._place[keys[0]]])[None]
        return np.array(self._map[[self._place[key] for key in keys]])

    def fill(
        self, jobs: Mapping[str, Any], decode: Callable[[Any], Pixels], *, shown: bool = True
    ) -> dict[str, str]:
        """Decode every image, unless the file is there already.

        Args:
            jobs: key -> what ``decode`` is given; every key of the cache.
            decode: gives ``(side, side, 3)`` uint8; a ValueError of it marks a broken image.
            shown: True shows a progress bar on a terminal.

        Returns:
            Key -> reason of each image that cannot be read. With one of these no file is written.

        Raises:
            ValueError: if the disk has no room for the file.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            if self.filled:
                return {}
            for left in self.path.parent.glob(f"{self.path.stem}.*.tmp"):
                left.unlink()  # of a process that was killed: the lock says that none is writing
            part = self.path.with_name(f"{self.path.stem}.{os.getpid()}.tmp")
            try:
                broken = self._write(part, jobs, decode, shown=shown)
                if not broken:
                    part.replace(self.path)
            finally:
                part.unlink(missing_ok=True)
        return broken

    def _write(
        self, part: Path, jobs: Mapping[str, Any], decode: Callable[[Any], Pixels], *, shown: bool
    ) -> dict[str, str]:
        shape = (len(self), 3, self.side_px, self.side_px)
        needed, free = math.prod(shape), shutil.disk_usage(part.parent).free
        if needed > free:  # a map on a full disk ends the process without a word
            raise ValueError(
                f"{len(self)} images of {self.side_px} px need {needed / 1e9:.1f} GB in "
                f"{part.parent}, where {free / 1e9:.1f} GB are free: decode without a cache, or "
                "set AFFECTREP_CACHE to a larger disk"
            )
        squares = open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        console = Console(stderr=True, markup=False)
        hidden = not (shown and console.is_terminal)
        broken = {}
        for key, place in track(
            self._place.items(), "decoding images", console=console, disable=hidden
        ):
            try:
                squares[place] = decode(jobs[key]).transpose(2, 0, 1)
            except ValueError as error:
                broken[key] = str(error)
        squares.flush()
        return broken


def broken_sentence(broken: Mapping[str, str]) -> str:
    """Return one sentence that counts broken images and gives the first reasons."""
    reasons = list(broken.values())
    more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return f"{len(reasons)} images cannot be read: {'; '.join(reasons[:_SHOWN])}{more}"
