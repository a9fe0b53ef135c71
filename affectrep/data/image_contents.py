"""Hashes of image files, remembered so that a corpus is decoded only once.

What is remembered lies in ``$AFFECTREP_CACHE/contents`` (else ``~/.cache/affectrep/contents``), one
file per set of folders. A file with another size or modification time is read again, and a cache
that cannot be read or written costs time and nothing else.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.progress import track

from affectrep.data.cache_folder import cache_folder
from affectrep.data.images import face_package, image_content, read_image
from affectrep.data.keys import digest

__all__ = ["image_contents"]

_FORMAT = 1
_THREADS = 8

_Known = dict[str, tuple[list[int], str]]


def image_contents(paths: Sequence[Path | str], *, shown: bool = True) -> list[str]:
    """Return the hash of the decoded pixels of each file (`image_content`).

    Args:
        paths: of the files.
        shown: True shows a progress bar on a terminal while files are read.

    Returns:
        One hexadecimal SHA-256 per path; "" where a file cannot be read, which is not remembered
        (`affectrep.data.face_checks.check_faces` says why).

    Raises:
        ImportError: if the package Pillow is not installed.
    """
    names = [str(path) for path in paths]
    file = _file(names)
    known = _load(file)
    marks = {name: _mark(name) for name in dict.fromkeys(names)}
    missing = [
        name
        for name, mark in marks.items()
        if mark is not None and known.get(name, (None, ""))[0] != mark
    ]
    for name in missing:
        known.pop(name, None)
    try:
        for name, found in _read_all(missing, shown=shown):
            mark = marks[name]
            if found and mark is not None:
                known[name] = (mark, found)
    finally:  # a run that is stopped keeps what it read
        if missing:
            _save(file, known)
    return [known[name][1] if marks[name] is not None and name in known else "" for name in names]


def _read_all(paths: list[str], *, shown: bool) -> Iterator[tuple[str, str]]:
    if not paths:
        return
    face_package("PIL.Image")  # said once, not for every file
    console = Console(stderr=True, markup=False)
    hidden = not (shown and console.is_terminal)
    threads = min(_THREADS, os.cpu_count() or 1)  # Pillow decodes outside Python's lock
    with ThreadPoolExecutor(threads) as pool:
        contents = pool.map(_content, paths)
        bar = track(contents, "reading images", len(paths), console=console, disable=hidden)
        yield from zip(paths, bar, strict=True)


def _content(path: str) -> str:
    try:
        return image_content(read_image(path))
    except ValueError:
        return ""


def _mark(path: str) -> list[int] | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]


def _file(paths: Sequence[str]) -> Path:
    folders = sorted({str(Path(path).parent) for path in paths})
    return cache_folder() / "contents" / f"{digest(['images', *folders])[:24]}.json"


def _load(file: Path) -> _Known:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["format"] == _FORMAT:
            return {
                name: (list(mark), str(found)) for name, (mark, found) in stored["files"].items()
            }
    return {}


def _save(file: Path, known: _Known) -> None:
    """Write what is known; another process sees the old file or the new one."""
    text = json.dumps({"format": _FORMAT, "files": known})
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, suffix=".tmp", delete=False, encoding="utf-8"
        ) as stream:
            stream.write(text)
        Path(stream.name).replace(file)
