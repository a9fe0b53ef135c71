"""What importing the objectives costs beside torch itself, in CPU seconds of fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = (
    "import time; began = time.process_time(); import {module}; print(time.process_time() - began)"
)


def import_seconds(module: str) -> float:
    words = [sys.executable, "-c", CODE.format(module=module)]
    return float(subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout)


def test_import_of_the_objectives(benchmark):
    benchmark.group = "import"
    torch_alone: list[float] = []
    objectives: list[float] = []
    benchmark.pedantic(
        lambda: objectives.append(import_seconds("affectrep.objectives")),
        setup=lambda: torch_alone.append(import_seconds("torch")),
        rounds=7,
    )
    benchmark.extra_info["torch"] = statistics.median(torch_alone)
    benchmark.extra_info["objectives"] = statistics.median(objectives)
