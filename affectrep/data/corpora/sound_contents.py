"""Durations and hashes of sound files, remembered so that a corpus is decoded only once.

What is remembered lies in ``$AFFECTREP_CACHE/contents`` (else ``~/.cache/affectrep/contents``), one
file per corpus folder. A file with another size or modification time is read again, and a cache
that cannot be read or written costs time and nothing else.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from affectrep.data.audio import audio_hash, read_audio
from affectrep.data.keys import digest

__all__ = ["SoundContents", "read_content"]

_FORMAT = 2  # before it a file that was cut off counted as whole


def read_content(path: Path) -> dict[str, Any]:
    """Return the duration in s and the hash of the decoded samples of a sound file.

    Raises:
        ValueError: if it cannot be read.
    """
    samples, rate = read_audio(path)
    return {"duration_s": len(samples) / rate, "content": audio_hash(samples, rate)}


class SoundContents:
    """What `read_content` says about the files of one corpus.

    Args:
        paths: all files that will be asked for, absolute.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        folders = sorted({str(path.parent) for path in paths})
        named = os.environ.get("AFFECTREP_CACHE")
        folder = Path(named) if named else Path.home() / ".cache" / "affectrep"
        self.file = folder / "contents" / f"{digest(folders)[:24]}.json"
        self._known = self._load()
        self._changed = False

    def read(self, path: Path) -> dict[str, Any]:
        """Return ``duration_s`` and ``content`` of a file, from memory where it has not changed.

        Raises:
            ValueError: if the file cannot be read.
        """
        try:
            state = path.stat()
        except OSError:
            return read_content(path)
        mark = [state.st_size, state.st_mtime_ns]
        found = self._known.get(str(path))
        if found is None or found["mark"] != mark:
            found = {"mark": mark, **read_content(path)}
            self._known[str(path)] = found
            self._changed = True
        return {name: found[name] for name in ("duration_s", "content")}

    def save(self) -> None:
        """Write what was read; another process sees the old file or the new one."""
        if not self._changed:
            return
        text = json.dumps({"format": _FORMAT, "files": self._known})
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self.file.parent, suffix=".tmp", delete=False, encoding="utf-8"
            ) as stream:
                stream.write(text)
            Path(stream.name).replace(self.file)
            self._changed = False

    def _load(self) -> dict[str, dict[str, Any]]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            stored = json.loads(self.file.read_text(encoding="utf-8"))
            if stored["format"] == _FORMAT:
                return dict(stored["files"])
        return {}
