"""Benchmarks run only when their folder is named: python -m pytest tests/benchmarks."""

from __future__ import annotations

import importlib.metadata
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.benchmarks.supcon_step import CLOCK

HERE = Path(__file__).parent
THREADS = torch.get_num_threads()  # OMP_NUM_THREADS, or all cores


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = [(config.invocation_params.dir / word.split("::")[0]).resolve() for word in config.args]
    if any(path == HERE or HERE in path.parents for path in named):
        return None
    return True


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    packages = ("torch", "pytorch-metric-learning", "torchvision")
    machine_info["threads"] = THREADS
    machine_info["clock"] = "CPU time" if CLOCK is time.process_time else "wall time"
    machine_info["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    machine_info["versions"] = {name: found for name in packages if (found := _version(name))}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Here the threads are the caller's choice, not one as in the other tests."""
    torch.set_num_threads(THREADS)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
