"""Files of a generated corpus: made once into a folder whose name says what they are made of."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from filelock import FileLock
from rich.console import Console
from rich.progress import track

__all__ = ["generated_files"]

Item = TypeVar("Item")


def generated_files(
    folder: Path,
    items: Sequence[Item],
    make: Callable[[Path, Item], dict[str, Any]],
    *,
    table: str,
    doing: str,
) -> pd.DataFrame:
    """Make a file of each item, unless all lie there already.

    The folder is filled under another name and moved when complete; one with a missing file is made
    again. Two processes do not make it at once.

    Args:
        folder: absolute; its name should change when the files would.
        items: what is made, in the order of the lines returned.
        make: writes the file of an item below a folder; returns its ``path`` relative to the
            folder, and what else is known of it.
        table: name of the file, inside the folder, that keeps those lines.
        doing: for the progress bar and messages, such as "Drawing demo_faces".

    Returns:
        A line per item with absolute paths.

    Raises:
        ValueError: if the folder cannot be written.

    Example:
        >>> def write(folder: Path, word: str) -> dict[str, str]:
        ...     folder.mkdir(parents=True, exist_ok=True)
        ...     (folder / f"{word}.txt").write_text(word)
        ...     return {"path": f"{word}.txt"}
        >>> with tempfile.TemporaryDirectory() as place:
        ...     kept = {"table": "lines.parquet", "doing": "Writing words"}
        ...     lines = generated_files(Path(place) / "v1", ["a", "b"], write, **kept)
        ...     [Path(path).read_text() for path in lines["path"]]
        ['a', 'b']
    """
    found = _there(folder, table)
    if found is not None:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if _there(folder, table) is None:
                _make_all(folder, items, make, table=table, doing=doing)
    except OSError as error:
        raise ValueError(f"{doing}: the files cannot be written: {error}") from None
    found = _there(folder, table)
    if found is None:
        raise ValueError(f"{doing}: {folder} is not complete, although it was just made.")
    return found


def _there(folder: Path, table: str) -> pd.DataFrame | None:
    if not (folder / table).is_file():
        return None
    lines = pd.read_parquet(folder / table)
    lines["path"] = [str(folder / name) for name in lines["path"]]
    return lines if all(os.path.isfile(path) for path in lines["path"]) else None


def _make_all(
    folder: Path,
    items: Sequence[Item],
    make: Callable[[Path, Item], dict[str, Any]],
    *,
    table: str,
    doing: str,
) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as place:
        part = Path(place) / "files"
        shown = track(
            items,
            description=doing,
            console=Console(stderr=True, markup=False),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        lines = pd.DataFrame([make(part, item) for item in shown])
        lines.to_parquet(part / table, index=False)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
