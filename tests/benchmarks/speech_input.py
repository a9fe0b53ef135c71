"""Which share of training a CRNN waits for its data: cache on and off, workers, rate of the files.

The trainer's step of configs/ser_crosslingual/crnn_baseline2.yaml on one thread; wall time, so the
machine should be idle. Files at 48 kHz are copies of the same clips.
OMP_NUM_THREADS=1 AFFECTREP_DATA=<folder> python -m tests.benchmarks.speech_input
"""

from __future__ import annotations

import tempfile
import time
from itertools import count
from pathlib import Path
from statistics import median

import torch

from affectrep.build import build_model, build_training_loader, fit_encoder
from affectrep.config import Config, load_config
from affectrep.data.audio import read_waveform
from affectrep.data.loader import StepLoader
from affectrep.data.manifest import Manifest
from affectrep.training.steps import StepRunner
from tests.benchmarks.speech_setup import data_section, epoch_seconds, speech_clips, step_runner
from tests.data.sound import write

CONFIG = Path(__file__).parents[2] / "configs" / "ser_crosslingual" / "crnn_baseline2.yaml"
CLIPS, STEPS, ROUNDS = 360, 48, 1  # an epoch of the configuration has 51 steps
CASES = [  # cache, workers, kHz
    (True, 0, 16),
    (True, 1, 16),
    (False, 0, 16),
    (False, 1, 16),
    (False, 0, 48),
    (False, 1, 48),
]


def run() -> list[str]:
    """Return the lines of a Markdown table."""
    torch.set_num_threads(1)
    clips = speech_clips(_config(cache=True, workers=0), CLIPS)
    with tempfile.TemporaryDirectory() as folder:
        sources = {16: clips, 48: _at_48_khz(clips, Path(folder))}
        prepared = [
            _prepare(_config(cache=cache, workers=workers), sources[rate])
            for cache, workers, rate in CASES
        ]
        found = _by_turns(prepared)
    lines = [
        "| features | workers | files, kHz | step, ms | wait, ms a step | share of the time |",
        "|---|---|---|---|---|---|",
    ]
    for (cache, workers, rate), (waited, worked) in zip(CASES, found, strict=True):
        numbers = f"{1e3 * worked:.0f} | {1e3 * waited:.1f} | {waited / (waited + worked):.1%}"
        kind = "cached" if cache else "computed"
        lines.append(f"| {kind} | {workers} | {'' if cache else rate} | {numbers} |")
    return lines


def _config(*, cache: bool, workers: int) -> Config:
    values = data_section(workers=workers)
    overrides = [f"data.{key}={'null' if v is None else v}" for key, v in values.items()]
    composed = [f"data.speech.composition.steps={STEPS}", f"data.speech.cache={str(cache).lower()}"]
    return load_config(CONFIG, [*overrides, *composed])


def _prepare(config: Config, clips: Manifest) -> tuple[StepRunner, StepLoader]:
    model = build_model(config, clips)
    fit_encoder(config, clips, model)
    loader = build_training_loader(config, clips, model.encoder.preprocess)
    return step_runner(config, clips, model), loader


def _by_turns(prepared: list[tuple[StepRunner, StepLoader]]) -> list[tuple[float, float]]:
    """Run epochs of all cases by turns; return the median wait and work a step, s."""
    waits: list[list[float]] = [[] for _ in prepared]
    works: list[list[float]] = [[] for _ in prepared]
    epochs = count()
    for turn in range(ROUNDS + 1):
        for place, (runner, loader) in enumerate(prepared):
            waited, worked, _ = epoch_seconds(runner, loader.epoch(next(epochs)), time.perf_counter)
            if turn:  # the first one warms up
                waits[place].append(waited / STEPS)
                works[place].append(worked / STEPS)
    return [(median(wait), median(work)) for wait, work in zip(waits, works, strict=True)]


def _at_48_khz(clips: Manifest, folder: Path) -> Manifest:
    rows = clips.rows.copy()
    rows["path"] = [
        write(folder / f"{number}.flac", read_waveform(path, sample_rate_hz=48000), 48000)
        for number, path in enumerate(rows["path"])
    ]
    return Manifest(rows, clips.info)


if __name__ == "__main__":
    print("\n".join(run()))
