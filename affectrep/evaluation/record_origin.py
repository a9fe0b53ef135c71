"""From which file an unpacked record came, so that messages name what a user can open."""

from __future__ import annotations

from pathlib import Path

__all__ = ["record_file", "remember_origin", "told_path"]

# unpacked records go with the process, and so does what is known of them
_FILES: dict[Path, Path] = {}


def remember_origin(record: Path, file: Path) -> None:
    """Note that a record folder was unpacked from a file, named as the user named it."""
    _FILES[record] = file


def record_file(record: Path) -> Path | None:
    """Return the file that a record folder was unpacked from; None for any other folder."""
    return _FILES.get(record)


def told_path(path: Path) -> str:
    """Return how a message names a run or a file in it: of an unpacked record seed and file.

    Args:
        path: of a folder, or of a file below it.

    Example:
        >>> remember_origin(Path("/tmp/unpacked/ce-3"), Path("records/ce.csv"))
        >>> told_path(Path("/tmp/unpacked/ce-3/predictions/test.csv"))
        'seed 3 of records/ce.csv'
        >>> told_path(Path("runs/ce-3"))
        'runs/ce-3'
    """
    for folder in (path, *path.parents):
        file = record_file(folder)
        if file is not None:
            return f"seed {folder.name.rpartition('-')[2]} of {file}"
    return str(path)
