"""Where the corpora of a speech set lie: folders of their own, or folders below one root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["corpus_folders"]


def corpus_folders(root: str | None, roots: Mapping[str, str]) -> dict[str, str]:
    """Return corpus -> folder; relative folders lie below ``root`` where one is given.

    Args:
        root: ``data.root``.
        roots: ``data.speech.roots``: corpus -> its folder.

    Raises:
        ValueError: if a relative folder is missing and no root is given, or a root is given and
            every folder is absolute.

    Example:
        >>> corpus_folders("/data", {"meld": "meld", "esd": "/other/esd"})
        {'meld': '/data/meld', 'esd': '/other/esd'}
    """
    paths = {name: Path(folder).expanduser() for name, folder in roots.items()}
    relative = [name for name, path in paths.items() if not path.is_absolute()]
    if root is not None:
        if not relative:
            raise ValueError(
                "data.root and data.speech.roots both name the data: give one of them."
            )
        return {name: str(Path(root).expanduser() / path) for name, path in paths.items()}
    missing = [str(roots[name]) for name in relative if not paths[name].exists()]
    if missing:
        raise ValueError(
            f"data.root is not set: give the folder that holds {', '.join(missing)}, or name the "
            f"folders one by one, such as data.speech.roots.{relative[0]}=/data/{relative[0]}"
        )
    return {name: str(path) for name, path in paths.items()}
