"""Read the configuration of a run or a record as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

__all__ = ["read_configuration"]


def read_configuration(path: Path) -> dict[str, Any]:
    """Return the values of a ``config.yaml`` that training or a record left.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file, if it is no YAML or holds no configuration with a name.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())
        raise ValueError(f"{path} is not readable as YAML: {words}") from None
    if not isinstance(values, dict) or "name" not in values:
        raise ValueError(f"{path}: expected a configuration with a name.")
    return values
