"""Where a checkpoint lies: a local folder or the hub; its configuration, its digest, its faults."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affectrep.encoders.bundled import PREFIX

__all__ = [
    "digest_of",
    "find_checkpoint",
    "in_words",
    "read_config",
    "reference_to",
    "require_same",
    "write_config",
]

CONFIG = "config.json"


def find_checkpoint(checkpoint: str, *, needed: tuple[str, ...]) -> str:
    """Return what transformers can open: a folder, or a hub id as it came.

    Args:
        checkpoint: hub id or local folder.
        needed: names of the files that a folder must hold.

    Raises:
        ValueError: if it looks like a folder that is not there, or a file is absent.

    Example:
        >>> find_checkpoint("facebook/dinov2-small", needed=("config.json",))
        'facebook/dinov2-small'
    """
    path = Path(checkpoint).expanduser()
    files = _listed(needed)
    if path.is_dir():
        absent = [name for name in needed if not (path / name).is_file()]
        if absent:
            raise ValueError(f"encoder {checkpoint} has no {absent[0]}: give a folder with {files}")
        return str(path)
    if checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1:
        raise ValueError(f"encoder folder {checkpoint} does not exist: give a folder with {files}")
    return checkpoint


def digest_of(place: Path) -> str:
    """Return the SHA-256 of a weights file, of a folder that of its weights files' digests."""
    if place.is_file():
        return _file_digest(place).hex()
    files = sorted(place.glob("*.safetensors")) or sorted(place.glob("pytorch_model*.bin"))
    return hashlib.sha256(b"".join(map(_file_digest, files))).hexdigest()


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def reference_to(checkpoint: str, location: str, commit: str | None) -> dict[str, str]:
    """Return how a checkpoint is found again: a folder by its digest, a hub id by its commit.

    Example:
        >>> reference_to("facebook/dinov2-small", "facebook/dinov2-small", "ed25f3a")
        {'checkpoint': 'facebook/dinov2-small', 'revision': 'ed25f3a'}
    """
    path = Path(location)
    if path.is_dir():
        # a name from elsewhere would not be found again by a later run in another directory
        return {"checkpoint": str(path.resolve()), "sha256": digest_of(path)}
    return {"checkpoint": checkpoint} | ({"revision": commit} if commit else {})


def require_same(reference: dict[str, str], place: Path) -> None:
    """Refuse weights that are others than those that a model was trained on.

    Raises:
        ValueError: if the reference has a digest and the place holds other weights.
    """
    if "sha256" in reference and digest_of(place) != reference["sha256"]:
        raise ValueError(
            f"the model was trained on the weights of {reference['checkpoint']} with SHA-256 "
            f"{reference['sha256'][:12]}…, and other weights are there now: put those back"
        )


def write_config(folder: Path, values: dict[str, Any]) -> None:
    """Write ``config.json`` into an existing folder."""
    # where the weights lay on this machine is nobody else's business
    kept = {key: value for key, value in values.items() if key != "_name_or_path"}
    text = json.dumps(kept, indent=2, sort_keys=True)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    """Read what `write_config` wrote.

    Raises:
        ValueError: if it is missing or damaged.
    """
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: the model folder is not complete") from error
    assert isinstance(values, dict)
    return values


@contextmanager
def in_words(checkpoint: str, *, needed: tuple[str, ...], other: str) -> Iterator[None]:
    """Say in two sentences what transformers says in thirty lines.

    Args:
        checkpoint: hub id, local folder or ``bundled:<name>``.
        needed: names of the files that a folder must hold.
        other: another source that would serve where the hub does not.

    Raises:
        ValueError: for an OSError or ValueError of the block.
    """
    local = checkpoint.startswith(PREFIX) or Path(checkpoint).expanduser().is_dir()
    try:
        yield
    except (OSError, ValueError) as error:
        if local or not isinstance(error, OSError):
            first = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise ValueError(f"encoder {checkpoint} cannot be used: {first}") from error
        folder = checkpoint.rsplit("/", 1)[-1]
        raise ValueError(
            f"encoder {checkpoint} is no local folder and cannot be read from the Hugging Face "
            f"hub (offline, unreachable or unknown). A folder ./{folder} with {_listed(needed)} "
            f"would serve instead, or {other}"
        ) from error


def _listed(needed: tuple[str, ...]) -> str:
    *first, last = sorted((*needed, "model.safetensors"))
    return f"{', '.join(first)} and {last}"
