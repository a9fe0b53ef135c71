"""Save and resume: a file is either the old one or the new one, never half of either."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = [
    "generator_state",
    "load_latest",
    "save_atomic",
    "save_checkpoint",
    "set_generator_state",
]

LAST, PREVIOUS = "last.pt", "previous.pt"


def save_atomic(value: Any, path: Path) -> None:
    """Write ``value`` with torch.save so that ``path`` is complete or untouched.

    Raises:
        OSError: if the disk is full or not writable; the file that was there stays valid.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            torch.save(value, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise OSError(
            f"{path}: could not be saved ({error}). Free some space and run the same command "
            f"again: it goes on from the checkpoint before."
        ) from error


def save_checkpoint(state: dict[str, Any], folder: Path) -> None:
    """Save the state as the last checkpoint and keep the one before it."""
    fresh, last = folder / "fresh.pt", folder / LAST
    save_atomic(state, fresh)
    if last.exists():
        last.replace(folder / PREVIOUS)
    fresh.replace(last)


def load_latest(folder: Path) -> dict[str, Any] | None:
    """Return the newest readable state, or None where there is none.

    Raises:
        OSError: if there are checkpoints and none of them can be read.
    """
    found = [folder / name for name in ("fresh.pt", LAST, PREVIOUS) if (folder / name).exists()]
    for path in found:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return state
        except Exception:  # a torn file can fail in any way
            continue
    if found:
        raise OSError(f"{folder}: no readable checkpoint. Delete the run's folder to start again.")
    return None


def generator_state() -> dict[str, Any]:
    """Return the state of every random generator that training may draw from."""
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [name, torch.tensor(np.asarray(keys).tolist()), position, has_gauss, cached],
        "python": [version, list(internal), gauss],
    }


def set_generator_state(state: dict[str, Any]) -> None:
    """Set every random generator to a saved state."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(  # noqa: NPY002
        (name, keys.numpy().astype(np.uint32), position, has_gauss, cached)
    )
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
