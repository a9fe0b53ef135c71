"""Batches of clips of about one length under a budget of seconds, beside random padded batches.

The trainer's step (WavLM of a million drawn weights, everything but its front end trained) on the
same clips in batches of 36, reading included; CPU time.
OMP_NUM_THREADS=1 AFFECTREP_DATA=<folder> python -m tests.benchmarks.speech_batches
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from affectrep.build import build_model, build_training_loader
from affectrep.config import Config
from affectrep.data.loader import StepLoader
from tests.benchmarks.speech_setup import (
    CPU,
    checkpoint,
    data_section,
    epoch_seconds,
    measured_by_turns,
    speech_clips,
    step_runner,
)

CLIPS, BATCH, BUDGET_S, ROUNDS = 180, 36, 120, 3


def run() -> list[str]:
    """Return the lines of a Markdown table."""
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoint(Path(folder))
        sides: dict[str, Callable[[], float]] = {}
        padding: dict[str, float] = {}
        kinds: dict[str, dict[str, object]] = {
            "random, padded": {"bucket_by_length": False},
            f"by length, {BUDGET_S} s": {"bucket_by_length": True, "max_batch_seconds": BUDGET_S},
        }
        for name, values in kinds.items():
            sides[name], padding[name] = _side(path, values)
        seconds = measured_by_turns(sides, ROUNDS)
    first = next(iter(seconds.values()))
    return [
        "| batches | clips a second | times as fast | padding |",
        "|---|---|---|---|",
        *(
            f"| {name} | {CLIPS / spent:.1f} | {first / spent:.2f} | {padding[name]:.0%} |"
            for name, spent in seconds.items()
        ),
    ]


def _side(path: str, values: dict[str, object]) -> tuple[Callable[[], float], float]:
    config = Config(
        name="x",
        data=data_section(batch_size=BATCH, **values),
        encoder={"name": "speech", "checkpoint": path},
    )
    manifest = speech_clips(config, CLIPS)
    model = build_model(config, manifest)
    loader = build_training_loader(config, manifest, model.encoder.preprocess)
    runner, epochs = step_runner(config, manifest, model), count()

    def epoch() -> float:
        waited, worked, _ = epoch_seconds(runner, loader.epoch(next(epochs)), CPU)
        return waited + worked

    return epoch, _padding(loader)


def _padding(loader: StepLoader) -> float:
    """Return which share of what the encoder reads is padding, over one epoch."""
    held = true = 0
    for micro in loader.epoch(0):
        for batch in micro:
            assert batch.lengths is not None
            held += len(batch) * int(batch.lengths.max())
            true += int(batch.lengths.sum())
    return 1 - true / held


if __name__ == "__main__":
    print("\n".join(run()))
