"""The files of a run: where they are, and how they are written."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from affectrep.data.whole_file import whole_file

__all__ = ["MetricLog", "RunFolder", "describe_environment", "text_to_tensorboard"]

_GO_ON = "delete it, and the same command goes on from the last checkpoint"


class RunFolder:
    """``runs/<name>-<seed>/`` and its files; see DESIGN, "Files of a run".

    Example:
        >>> RunFolder(Path("runs/x-0")).checkpoints.as_posix()
        'runs/x-0/checkpoints'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.metrics = path / "metrics.jsonl"
        self.checkpoints = path / "checkpoints"
        self.model = path / "model"
        self.environment = path / "environment.json"
        self.data = path / "data.json"
        self.tensorboard = path / "tensorboard"
        self.findings = path / "findings"

    @property
    def finished(self) -> bool:
        """Whether training ended and left a model.

        Raises:
            ValueError: if ``environment.json`` is damaged.
        """
        if not self.environment.is_file():
            return False
        try:
            values = json.loads(self.environment.read_text(encoding="utf-8"))
        except ValueError as error:  # UnicodeDecodeError is one, too
            raise ValueError(f"{self.environment} is not JSON ({error}): {_GO_ON}") from None
        if not isinstance(values, dict):
            raise ValueError(f"{self.environment} holds no keys and values: {_GO_ON}")
        return bool(values.get("finished"))

    def write_json(self, path: Path, value: Any) -> None:
        """Write JSON so that the file is complete or untouched."""
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")


class MetricLog:
    """``metrics.jsonl`` and TensorBoard; on resume, lines after the checkpoint are dropped.

    Args:
        folder: the run's.
        step: the step that training goes on from; 0 starts anew.
        tensorboard: whether to write event files beside the JSON lines.
    """

    def __init__(self, folder: RunFolder, *, step: int = 0, tensorboard: bool = True) -> None:
        kept = [line for line in _complete_lines(folder.metrics) if line["step"] <= step]
        if step == 0:
            kept = []
        with whole_file(folder.metrics) as partial, partial.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in kept)
        self.file = folder.metrics.open("a", encoding="utf-8")
        self.board = _board(folder.tensorboard, step) if tensorboard else None

    def write(self, numbers: Mapping[tuple[str, str], float], *, step: int, epoch: int) -> None:
        """Write numbers by (phase, name)."""
        for (phase, name), value in numbers.items():
            line = {"step": step, "epoch": epoch, "phase": phase, "name": name, "value": value}
            self.file.write(json.dumps(line) + "\n")
            if self.board is not None:
                self.board.add_scalar(f"{phase}/{name}", value, step)
        self.file.flush()

    def close(self) -> None:
        """Close the files."""
        self.file.close()
        if self.board is not None:
            self.board.close()


def text_to_tensorboard(folder: RunFolder, name: str, text: str) -> None:
    """Write Markdown text beside the curves of a run, where TensorBoard is installed."""
    board = _board(folder.tensorboard, 0)
    if board is not None:
        board.add_text(name, text)
        board.close()


def describe_environment(command: Iterable[str] = ()) -> dict[str, Any]:
    """Return versions, device, processor and commit, for ``environment.json``."""
    cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": _versions(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "commit": _commit(),
        "command": list(command) or sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _complete_lines(path: Path) -> list[dict[str, Any]]:
    lines = []
    if path.is_file():
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:  # the process was killed while writing this line
                continue
            if isinstance(line, dict) and "step" in line:
                lines.append(line)
    return lines


def _board(path: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(path), purge_step=step + 1 if step else None)


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("affectrep", "torch", "transformers", "peft", "accelerate", "numpy", "pandas"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "--short", "HEAD") + ("-modified" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
