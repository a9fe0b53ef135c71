"""An epoch on stored embeddings of a frozen encoder, beside one that runs the encoder each time.

The trainer's step with a linear classifier on a frozen WavLM of a million drawn weights; CPU time.
OMP_NUM_THREADS=1 AFFECTREP_DATA=<folder> python -m tests.benchmarks.speech_frozen
"""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import count
from pathlib import Path

from affectrep.build import build_loader, build_model, build_training_loader
from affectrep.config import Config
from affectrep.training.embedding_cache import collate_cached, embed_rows
from tests.benchmarks.speech_setup import (
    CPU,
    checkpoint,
    data_section,
    epoch_seconds,
    measured_by_turns,
    speech_clips,
    step_runner,
)

CLIPS, ROUNDS = 180, 3


def run() -> list[str]:
    """Return the lines of a Markdown table."""
    with tempfile.TemporaryDirectory() as folder:
        encoder = {"name": "speech", "checkpoint": checkpoint(Path(folder)), "tuning": "frozen"}
        config = Config(name="x", data=data_section(batch_size=36), encoder=encoder)
        manifest = speech_clips(config, CLIPS)
        model = build_model(config, manifest)
        runner, epochs = step_runner(config, manifest, model), count()
        preprocess = model.encoder.preprocess
        start = CPU()
        found = embed_rows(
            model,
            build_loader(config, manifest, "train", preprocess),
            path=Path(folder) / "embeddings.safetensors",
        )
        filling = CPU() - start
        model.train()
        known = partial(collate_cached, embeddings=found)
        loaders = {
            "encoder each time": build_training_loader(config, manifest, preprocess),
            "stored embeddings": build_training_loader(config, manifest, preprocess, collate=known),
        }

        def epoch(name: str) -> float:
            return sum(epoch_seconds(runner, loaders[name].epoch(next(epochs)), CPU)[:2])

        spent = measured_by_turns({name: partial(epoch, name) for name in loaders}, ROUNDS)
    first = spent["encoder each time"]
    return [
        f"| epoch of {CLIPS} clips | seconds | times as fast |",
        "|---|---|---|",
        *(f"| {name} | {taken:.3f} | {first / taken:.0f} |" for name, taken in spent.items()),
        f"| storing them, once | {filling:.3f} | |",
    ]


if __name__ == "__main__":
    print("\n".join(run()))
