"""The folder of an official download that the user names in data.root."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from affectrep.data.sources import existing

__all__ = ["corpus_folder"]


class Download(Protocol):
    """What a message says of a corpus: its name, the files of the download, where it is had."""

    @property
    def name(self) -> str: ...
    @property
    def layout(self) -> str: ...
    @property
    def source(self) -> str: ...


def corpus_folder(root: Path | str | None, corpus: Download) -> Path:
    """Return the corpus' folder, absolute.

    Raises:
        ValueError: if there is none, or it is a file.
        FileNotFoundError: if it does not exist.
    """
    if root is None:
        raise ValueError(
            f"the corpus {corpus.name} needs its folder ({corpus.layout}): get it from "
            f"{corpus.source} and set data.root"
        )
    folder = existing(root)
    if not folder.is_dir():
        raise ValueError(f"data.root={root} is a file: expected the folder with {corpus.layout}")
    return folder.resolve()
