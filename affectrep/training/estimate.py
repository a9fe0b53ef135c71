"""What a training would take: a few steps are timed, the rest is arithmetic."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from itertools import islice
from statistics import median

import torch

from affectrep.training.trainer import Trainer

__all__ = ["Estimate", "estimate"]


@dataclass(frozen=True)
class Estimate:
    """Seconds a step, minutes of training, peak memory and disk in GiB."""

    step_seconds: float
    minutes: float
    memory_gib: float
    disk_gib: float
    trained_parameters: int
    parameters: int


def estimate(trainer: Trainer, *, steps: int = 6) -> Estimate:
    """Time a few steps of the first epoch; the model is changed by them, so throw it away.

    The minutes leave validation out (about a tenth on top). Disk counts two checkpoints with the
    optimizer's moments, the best weights and the exported model.
    """
    model = trainer.model
    device = next(model.parameters()).device
    model.train()
    seconds = []
    for micro in islice(trainer.batches.epoch(0), steps):
        started = time.perf_counter()
        trainer.runner.step([batch.to(device) for batch in micro])
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    step = median(seconds[1:] or seconds)
    weights = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    moments = sum(2 * parameter.numel() * parameter.element_size() for parameter in trained)
    return Estimate(
        step_seconds=step,
        minutes=step * len(trainer.batches) * trainer.settings.epochs / 60,
        memory_gib=_peak_memory(device) / 2**30,
        disk_gib=(2 * (weights + moments) + 2 * weights) / 2**30,
        trained_parameters=sum(parameter.numel() for parameter in trained),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
