"""What the benchmarks of speech share: clips, a drawn checkpoint, and the trainer's own step.

The clips are training clips of the real corpora where AFFECTREP_DATA names their folder, those of
the generated corpus otherwise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch

from affectrep.batch import Batch
from affectrep.build import build_manifest, build_objective
from affectrep.config import Config
from affectrep.data.manifest import Manifest
from affectrep.model import AffectModel
from affectrep.training.optimizers import OptimizerSettings, build_optimizers
from affectrep.training.processes import Processes
from affectrep.training.steps import StepRunner
from tests.encoders.tiny_speech import tiny_speech

__all__ = [
    "CPU",
    "checkpoint",
    "data_section",
    "epoch_seconds",
    "measured_by_turns",
    "speech_clips",
    "step_runner",
]

CPU = time.process_time  # other programs on the machine hardly disturb it
SIZES = {
    "hidden_size": 144,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 576,
    "conv_dim": [64] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "num_feat_extract_layers": 7,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 8,
    "num_buckets": 320,
    "max_bucket_distance": 800,
}


def data_section(**more: Any) -> dict[str, Any]:
    """Return the section ``data`` for the real corpora, or for the generated one."""
    root = Path(os.environ.get("AFFECTREP_DATA", "absent")) / "speech"
    real = {"corpus": "speech_set", "root": str(root)}
    return {
        **(real if root.is_dir() else {"corpus": "demo_speech", "root": None}),
        "protocol": "leave_language_out target=de",
        "holdout": 0.2 if root.is_dir() else 0.1,
        **more,
    }


def speech_clips(config: Config, count: int | None = None) -> Manifest:
    """Return the training clips of a configuration, or ``count`` of them in even steps."""
    manifest = build_manifest(config)
    train = manifest.split("train")
    step = 1 if count is None else max(1, len(train) // count)
    return Manifest(train[::step][:count].reset_index(drop=True), manifest.info)


def checkpoint(folder: Path) -> str:
    """Write a WavLM of a million drawn weights with the front end and frame rate of the real."""
    return tiny_speech(folder, "wavlm-layer", **SIZES)


def step_runner(config: Config, manifest: Manifest, model: AffectModel) -> StepRunner:
    """Return the trainer's step for a model."""
    objective: Any = build_objective(config, manifest, dim=model.encoder.dim)
    phases = list(objective.phases())
    players = {**model.players(), **objective.players()}
    model.train()
    return StepRunner(
        model,
        players,
        phases,
        optimizers=build_optimizers(
            phases, players, OptimizerSettings(**config.optimizer.model_dump())
        ),
        processes=Processes(),
        precision=config.training.precision,
    )


def epoch_seconds(
    runner: StepRunner, steps: Iterator[list[Batch]], clock: Callable[[], float]
) -> tuple[float, float, int]:
    """Run an epoch; return the seconds spent waiting for data, those of the steps, and the rows."""
    waited, worked, rows = 0.0, 0.0, 0
    while True:
        start = clock()
        micro = next(steps, None)
        waited += clock() - start
        if micro is None:
            return waited, worked, rows
        start = clock()
        runner.step(micro)
        worked += clock() - start
        rows += sum(map(len, micro))


def measured_by_turns(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Call every side once to warm up, then by turns; return the median of each."""
    torch.manual_seed(0)
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            value = side()
            if turn:
                found[name].append(value)
    return {name: median(values) for name, values in found.items()}
