"""Features of clips on disk: computed once, read through a memory map."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.lib import format as npy
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch.utils.data import DataLoader, Dataset

__all__ = ["FeatureCache", "feature_key"]

Features = NDArray[np.float32]
Compute = Callable[[Any], Features]

_HEADER = 128  # bytes: room for any length, so that the header can be written again in place


def feature_key(content: str, *parts: object) -> str:
    """Return the key of one entry: a clip's content hash, and what part or copy of it is meant.

    Example:
        >>> feature_key("ab12"), feature_key("ab12", 1.5, 3.0)
        ('ab12', 'ab12:1.5:3.0')
    """
    return ":".join([content, *map(str, parts)])


class FeatureCache:
    """One set of features: everything that one preprocess (and one augmentation) made.

    A set is two files. ``<name>.npy`` holds all values as one float32 vector that is read through
    a memory map; ``<name>.jsonl`` holds a line per entry with its key, place and shape, written
    after its values. A run that is killed while it fills therefore loses at most the entry it was
    writing; the next one goes on behind the last whole line. One process writes at a time (a lock
    file), any number read.

    Args:
        folder: for the files; made where it is missing.
        settings: what decides the values beside the clips: the key of the preprocess, and the key
            of the augmentation where there is one. Their digest is the name of the files.

    Raises:
        ValueError: if no setting is given.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = FeatureCache(folder, ["squares"])
        ...     broken = cache.fill({"a": 3, "b": 4}, lambda x: np.full(2, x * x), shown=False)
        ...     cache["b"].tolist(), "c" in cache, broken
        ([16.0, 16.0], False, {})
    """

    def __init__(self, folder: Path | str, settings: list[str]) -> None:
        if not settings:
            raise ValueError("expected the key of a preprocess, got no settings")
        name = hashlib.sha256("\n".join(settings).encode()).hexdigest()[:24]
        self.values_path = Path(folder) / f"{name}.npy"
        self.index_path = Path(folder) / f"{name}.jsonl"
        self._index: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._read = 0
        self._map: Features | None = None
        self.refresh()

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def __getitem__(self, key: str) -> Features:
        """Return a copy of the features of a key.

        Raises:
            KeyError: if the key has none.
        """
        offset, shape = self._index[key]
        count = math.prod(shape)
        if self._map is None or len(self._map) < offset + count:
            size = (self.values_path.stat().st_size - _HEADER) // 4
            self._map = np.memmap(
                self.values_path, np.float32, mode="r", offset=_HEADER, shape=(size,)
            )
        return np.array(self._map[offset : offset + count]).reshape(shape)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}  # a map would be copied whole into each worker

    def refresh(self) -> None:
        """Take in the entries that another process added."""
        for key, offset, shape in self._lines():
            self._index[key] = (offset, tuple(shape))

    def fill(
        self, jobs: Mapping[str, Any], compute: Compute, *, workers: int = 0, shown: bool = True
    ) -> dict[str, str]:
        """Compute and store what is missing.

        Args:
            jobs: key -> what ``compute`` is given.
            compute: a job -> float32 features of any shape; with workers it must be picklable. A
                ValueError of it marks the entry as broken; any other error stops.
            workers: processes that compute; 0 computes here.
            shown: True shows a progress bar on a terminal.

        Returns:
            Key -> message of each entry that is broken. Broken entries are not stored.
        """
        self.index_path.parent.mkdir(parents=True, exist_ok=True)
        broken: dict[str, str] = {}
        with FileLock(f"{self.index_path}.lock"):
            self.refresh()
            missing = {key: job for key, job in jobs.items() if key not in self._index}
            if not missing:
                return broken
            with self._writer() as write:
                for key, found in _compute_all(missing, compute, workers=workers, shown=shown):
                    if isinstance(found, str):
                        broken[key] = found
                    else:
                        write(key, found)
        return broken

    @contextlib.contextmanager
    def _writer(self) -> Iterator[Callable[[str, Features], None]]:
        """Yield a function that appends an entry: first its values, then its line."""
        end = max((at + math.prod(shape) for at, shape in self._index.values()), default=0)
        self.values_path.touch()
        self.index_path.touch()
        with self.values_path.open("r+b") as values, self.index_path.open("r+b") as lines:
            values.truncate(_HEADER + 4 * end)
            values.seek(_HEADER + 4 * end)
            lines.truncate(self._read)
            lines.seek(self._read)

            def write(key: str, found: Features) -> None:
                nonlocal end
                data = np.ascontiguousarray(found, dtype="<f4")
                values.write(data.tobytes())
                values.flush()
                line = json.dumps([key, end, list(data.shape)]).encode() + b"\n"
                lines.write(line)
                lines.flush()
                self._index[key] = (end, data.shape)
                self._read += len(line)
                end += data.size

            try:
                yield write
            finally:
                values.seek(0)
                values.write(_header(end))
                os.fsync(values.fileno())
                os.fsync(lines.fileno())

    def _lines(self) -> list[tuple[str, int, list[int]]]:
        """Read the whole lines that were not read yet; the rest of a killed write is left."""
        if not (self.index_path.is_file() and self.values_path.is_file()):
            return []  # an index without its values says nothing
        with self.index_path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        found = []
        size = (self.values_path.stat().st_size - _HEADER) // 4
        for line in data.splitlines(keepends=True):
            try:
                key, offset, shape = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n") or offset + math.prod(shape) > size:
                break
            found.append((key, offset, shape))
            self._read += len(line)
        return found


class _Jobs(Dataset[tuple[str, Any]]):
    """Each item is a computed entry, or the message why there is none."""

    def __init__(self, jobs: Mapping[str, Any], compute: Compute) -> None:
        self.jobs, self.compute = list(jobs.items()), compute

    def __len__(self) -> int:
        return len(self.jobs)

    def __getitem__(self, index: int) -> tuple[str, Any]:
        key, job = self.jobs[index]
        try:
            return key, np.asarray(self.compute(job), dtype=np.float32)
        except ValueError as error:
            return key, str(error)


def _compute_all(
    jobs: Mapping[str, Any], compute: Compute, *, workers: int, shown: bool
) -> Iterator[tuple[str, Any]]:
    # a generator of its own: a loader draws a number of the global one, which a run that finds
    # its cache filled would not draw
    loader = DataLoader(
        _Jobs(jobs, compute),
        batch_size=None,
        num_workers=min(workers, len(jobs)),
        collate_fn=_as_it_is,
        generator=torch.Generator(),
    )
    console = Console(stderr=True, markup=False)
    hidden = not (shown and console.is_terminal)
    yield from track(loader, "reading clips", total=len(jobs), console=console, disable=hidden)


def _as_it_is(item: Any) -> Any:
    return item


def _header(count: int) -> bytes:
    """Return a header of exactly 128 bytes, as ``numpy.load`` reads it."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}"
    start = npy.magic(1, 0) + (_HEADER - 10).to_bytes(2, "little")
    return start + text.ljust(_HEADER - 11).encode() + b"\n"
