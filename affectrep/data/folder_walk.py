"""Folders below a folder, linked ones too; each is entered once, however often it is linked."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

__all__ = ["files_below", "walk_folders"]

_HIDDEN = (".", "__MACOSX")


def walk_folders(folder: Path | str) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder with its folders and files, as `os.walk` does from the top; sorted.

    Links to folders are followed after all folders that are no links, so that a folder keeps its
    own name where a link beside it leads there as well. A link back to a folder above ends there.

    Args:
        folder: where to begin; may itself be a link.

    Yields:
        The folder, the names of its folders and those of its files. Names taken out of the list of
        folders, in place, are not entered.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     (Path(name) / "a").mkdir()
        ...     (Path(name) / "a" / "back").symlink_to(name)
        ...     [(here.name == "a", folders) for here, folders, _ in walk_folders(name)]
        [(False, ['a']), (True, ['back'])]
    """
    waiting, entered = [os.fspath(folder)], set()
    while waiting:
        for here, folders, files in os.walk(waiting.pop(0)):
            real = os.path.realpath(here)
            if real in entered:
                folders.clear()
                continue
            entered.add(real)
            folders.sort()
            yield Path(here), folders, sorted(files)
            paths = [os.path.join(here, name) for name in folders]
            waiting += [path for path in paths if os.path.islink(path)]


def files_below(folder: Path | str, *, suffixes: Collection[str]) -> list[Path]:
    """Return the files of some endings in a folder and below it, in linked folders too; sorted.

    Hidden files, those in hidden folders and what macOS adds to archives are left out.

    Args:
        folder: where to begin.
        suffixes: endings in small letters, such as ``.jpg``; a file's may be in capitals.

    Returns:
        Paths that begin with ``folder``; none where there is no such folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     for file in ("b.JPG", "a.jpg", ".c.jpg", "d.txt"):
        ...         (Path(name) / file).touch()
        ...     [path.name for path in files_below(name, suffixes=(".jpg", ".png"))]
        ['a.jpg', 'b.JPG']
    """
    found = []
    for here, folders, files in walk_folders(folder):
        folders[:] = [name for name in folders if not name.startswith(_HIDDEN)]
        paths = [here / name for name in files if not name.startswith(_HIDDEN)]
        found += [path for path in paths if path.suffix.lower() in suffixes and path.is_file()]
    return sorted(found)
