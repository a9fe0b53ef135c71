"""Files and folders that are complete or untouched: written beside their place, then put there."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["swap_folder", "whole_file"]


@contextlib.contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield the name of a partial file, which takes the place of ``path`` when the block ends.

    A block that fails leaves what was there; a link to a file stays one.

    Raises:
        ValueError: if ``path`` is a folder.
        OSError: if it cannot be written; the system names no file of a full disk.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with whole_file(Path(folder) / "new" / "a.txt") as partial:
        ...         _ = partial.write_text("all of it")
        ...     (Path(folder) / "new" / "a.txt").read_text()
        'all of it'
    """
    place = Path(os.path.realpath(path))
    if place.is_dir():
        raise ValueError(f"{path} is a folder: give the name of a file")
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # else a power cut may leave an empty file under the name
        partial.replace(place)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def swap_folder(partial: Path, target: Path) -> None:
    """Put a finished folder in the place of another one.

    A kill in between leaves that one as ``.<name>.previous``.

    Args:
        partial: beside ``target``.
        target: a folder, not a link to one; it may be missing.
    """
    previous = target.with_name(f".{target.name}.previous")
    if target.exists():
        if previous.is_symlink():  # left by versions that moved a link instead of the folder
            previous.unlink()
        shutil.rmtree(previous, ignore_errors=True)
        target.rename(previous)
    partial.rename(target)
    shutil.rmtree(previous, ignore_errors=True)
