"""A training step of each objective on the bundled MiniLM, side by side: what AML adds to CE.

python -m pytest tests/benchmarks/test_step.py --benchmark-only
"""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch

from affectrep.batch import Batch
from affectrep.build import build_model, build_objective
from affectrep.config import load_config
from affectrep.training.optimizers import OptimizerSettings, build_optimizers
from affectrep.training.processes import Processes
from affectrep.training.steps import StepRunner
from tests.benchmarks.supcon_step import CLOCK
from tests.test_house import invented

pytestmark = pytest.mark.benchmark(timer=CLOCK)

CONFIGS = Path(__file__).parents[2] / "configs" / "fec_text"
ROWS, TOKENS, CLASSES = 64, 24, 32
NAMES = ("ce", "supcon", "lcl", "aml", "aml_pointwise", "aml_bilinear")


def runner_of(name: str, device: torch.device) -> tuple[StepRunner, list[Batch]]:
    """Build what the configuration names for 32 classes, with its memory filled."""
    config = load_config(CONFIGS / f"empathetic_{name}.yaml", [])
    manifest = invented(config.task)
    manifest.info.classes[:] = [str(i) for i in range(CLASSES)]
    torch.manual_seed(0)
    model = build_model(config, manifest).to(device).train()
    rows = manifest.rows.assign(label=[str(i) for i in range(len(manifest.rows))])
    manifest = type(manifest)(rows, manifest.info)
    objective = build_objective(config, manifest, dim=model.encoder.dim).to(device)
    objective.progress(0.5)
    if hasattr(objective, "memory"):
        rows = objective.memory.classes * objective.memory.per_class
        points = torch.randn(rows, model.encoder.dim, device=device)
        objective.memory.push(points, torch.arange(rows, device=device) % CLASSES)
    players = {**model.players(), **objective.players()}
    optimizers = build_optimizers(
        objective.phases(), players, OptimizerSettings(schedule="constant", warmup_fraction=0.0)
    )
    runner = StepRunner(
        model,
        players,
        objective.phases(),
        optimizers=optimizers,
        processes=Processes(),
        precision=config.training.precision,
    )
    return runner, batches(device)


def batches(device: torch.device) -> list[Batch]:
    """Return one batch of random tokens with 24 of them a row, 32 classes."""
    tokens = torch.randint(1000, 20000, (ROWS, TOKENS), generator=torch.Generator().manual_seed(1))
    inputs = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    labels = torch.arange(ROWS) % CLASSES
    return [Batch(inputs, labels, [str(i) for i in range(ROWS)]).to(device)]


@pytest.mark.parametrize("name", NAMES)
def test_step(benchmark, name):
    benchmark.group = "step"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    runner, micro = runner_of(name, device)

    def step() -> None:
        runner.step(micro)
        if device.type == "cuda":
            torch.cuda.synchronize()

    benchmark.pedantic(step, rounds=9, warmup_rounds=3)
    if device.type == "cuda":
        benchmark.extra_info["peak_mib"] = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        benchmark.extra_info["resident_mib"] = peak / 1024
