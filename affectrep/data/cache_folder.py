"""Where things lie that can be made again: spoken corpora, features."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder for what can be made again: AFFECTREP_CACHE, else ~/.cache/affectrep."""
    named = os.environ.get("AFFECTREP_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "affectrep"
