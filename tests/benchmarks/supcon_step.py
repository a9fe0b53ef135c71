"""One forward and backward pass of supervised contrast by either library.

As a script it prints, as JSON, the seconds and the peak memory of one pass in a fresh process:
python -m tests.benchmarks.supcon_step affectrep 2048 cpu
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

DIM, CLASSES, TEMPERATURE = 128, 28, 0.1  # 28 classes as in GoEmotions
LIBRARIES = {
    "affectrep": "affectrep.objectives",
    "metric-learning": "pytorch_metric_learning.losses",
}
ROOT = Path(__file__).parents[2]
# CPU time where one thread does all the work: what else the machine does then hardly counts.
ALONE = torch.get_num_threads() == 1 and not torch.cuda.is_available()
CLOCK = time.process_time if ALONE else time.perf_counter

Loss = Callable[[Tensor, Tensor], Tensor]


def make_loss(library: str) -> Loss:
    """Return the library's SupConLoss, everything but the temperature at its default."""
    found: Loss = importlib.import_module(LIBRARIES[library]).SupConLoss(temperature=TEMPERATURE)
    return found


def make_rows(rows: int, device: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(rows, DIM, generator=generator)
    labels = torch.randint(CLASSES, (rows,), generator=generator)
    return embeddings.to(device).requires_grad_(), labels.to(device)


def step(loss: Loss, embeddings: Tensor, labels: Tensor) -> Tensor:
    embeddings.grad = None
    value = loss(embeddings, labels)
    value.backward()  # type: ignore[no-untyped-call]
    if embeddings.is_cuda:
        torch.cuda.synchronize()
    return value.detach()


@functools.cache
def measured_apart(library: str, rows: int, device: str) -> dict[str, float]:
    """Return "seconds" and "mib" of a first pass in a process of its own."""
    words = [sys.executable, "-m", "tests.benchmarks.supcon_step", library, str(rows), device]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _measure(library: str, rows: int, device: str) -> dict[str, float]:
    """Peak over what is held beforehand: program, libraries and inputs do not count."""
    loss = make_loss(library)
    step(loss, *make_rows(64, device))
    embeddings, labels = make_rows(rows, device)
    before = _forget_peak(device)
    began = CLOCK()
    step(loss, embeddings, labels)
    return {"seconds": CLOCK() - began, "mib": (_peak(device) - before) / 2**20}


def _forget_peak(device: str) -> int:
    """Return the bytes in use now, from which the next peak is counted."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    # Linux: not ru_maxrss, which starts from the parent's size and cannot be set back
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak(device: str) -> int:
    return torch.cuda.max_memory_allocated() if device == "cuda" else _status("VmHWM")


def _status(key: str) -> int:
    found = re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
