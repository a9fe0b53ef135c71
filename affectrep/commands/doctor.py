"""``affectrep doctor``: what is installed, what is there to compute on, and what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from affectrep import __version__

__all__ = ["Extra", "extras", "offline", "run"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_CORE = ("torch", "transformers", "accelerate", "peft", "datasets", "numpy", "pandas")
_SET = {"torch": "2.11", "torchaudio": "2.11", "torchvision": "0.26"}
"""Releases that were built for one another."""


@dataclass(frozen=True)
class Extra:
    """An optional part of the installation.

    Args:
        name: as in ``pip install "affectrep[name]"``.
        missing: requirements that are not met.
        present: requirements that are met.
    """

    name: str
    missing: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)


def run() -> None:
    """Print the state of the installation; nothing is changed and nothing is downloaded."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("what", style="bold", no_wrap=True)
    table.add_column("state")
    for what, state in [*_machine(), *_embedded(), *_switches()]:
        table.add_row(what, Text(state))
    console.print(table)
    console.print("\nExtras", style="bold")
    console.print(_extras_table())
    for warning in _mismatched():
        console.print(Text(f"warning: {warning}", style="yellow"))


def extras() -> list[Extra]:
    """Return the extras of the installed package with what each has and lacks.

    Raises:
        ValueError: if affectrep runs from a folder without being installed.
    """
    from packaging.requirements import Requirement

    try:
        lines = importlib.metadata.requires("affectrep") or []
        names = importlib.metadata.metadata("affectrep").get_all("Provides-Extra") or []
    except importlib.metadata.PackageNotFoundError:
        raise ValueError("affectrep is not installed here: python -m pip install -e .") from None
    requirements = [Requirement(line) for line in lines]
    found = []
    for name in names:
        extra = Extra(name)
        for requirement in requirements:
            marker = requirement.marker
            if marker is None or marker.evaluate({"extra": ""}):
                continue
            if not marker.evaluate({"extra": name}) or requirement.name == "affectrep":
                continue
            version = _version(requirement.name)
            met = version is not None and requirement.specifier.contains(version, prereleases=True)
            (extra.present if met else extra.missing).append(
                f"{requirement.name}{requirement.specifier}"
            )
        if extra.present or extra.missing:
            found.append(extra)
    return found


def offline() -> bool:
    """Return whether HF_HUB_OFFLINE keeps everything off the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _machine() -> Iterator[tuple[str, str]]:
    yield "affectrep", f"{__version__}, {Path(__file__).parents[1]}"
    yield "Python", f"{platform.python_version()}, {platform.platform(terse=True)}"
    yield "packages", ", ".join(f"{name} {_version(name) or 'missing'}" for name in _CORE)
    try:
        import torch
    except (ImportError, OSError) as error:
        yield "devices", f"torch cannot be imported: {error}"
        return
    yield "devices", ", ".join(_devices())
    yield "CPU", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    free, total = (value / 2**30 for value in (shutil.disk_usage(".").free, _memory()))
    yield "disk", f"{free:.1f} GiB free in {Path.cwd()}"
    if total:
        yield "memory", f"{total:.1f} GiB"


def _devices() -> Iterator[str]:
    import torch

    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield f"cuda:{index} {properties.name} ({properties.total_memory / 2**30:.0f} GiB)"
    if torch.backends.mps.is_available():
        yield "mps"
    yield "cpu"


def _memory() -> int:
    """Return the machine's memory in bytes, 0 where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def _embedded() -> Iterator[tuple[str, str]]:
    from affectrep.encoders.bundled import BUNDLED, PREFIX, bundled_folder
    from affectrep.model import shipped_models

    for name in BUNDLED:
        try:
            bundled_folder(PREFIX + name)
            state = "present, weights as expected"
        except ValueError as error:
            state = str(error)
        yield PREFIX + name, state
    yield "shipped models", ", ".join(shipped_models()) or "none"


def _switches() -> Iterator[tuple[str, str]]:
    state = "on: only what is on this machine is used" if offline() else "off"
    yield "HF_HUB_OFFLINE", f"{state}{'' if offline() else ' (set it to 1 to stay off the hub)'}"
    yield "hub cache", os.environ.get("HF_HOME") or "~/.cache/huggingface"


def _extras_table() -> Table | Text:
    try:
        found = extras()
    except ValueError as error:
        return Text(str(error))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("extra", no_wrap=True)
    table.add_column("state")
    for extra in found:
        if extra.missing:
            state = (
                f"missing {', '.join(extra.missing)}: "
                f'python -m pip install -c constraints.txt -e ".[{extra.name}]"'
            )
        else:
            state = "installed"
        table.add_row(extra.name, Text(state))
    return table


def _mismatched() -> Iterator[str]:
    """Say where torchaudio or torchvision does not belong to the torch that is there."""
    torch = _version("torch") or ""
    for name in ("torchaudio", "torchvision"):
        version = _version(name)
        if version is not None and version.startswith(_SET[name]) != torch.startswith(
            _SET["torch"]
        ):
            together = ", ".join(f"{key} {value}" for key, value in _SET.items())
            yield f"{name} {version} was not built for torch {torch}: install {together} together"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
