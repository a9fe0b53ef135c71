"""What a step of CAF costs beside a step of plain regression: ResNet-18 on small faces.

Each system runs the steps of the real trainer on the same random batch, one after another and
round by round, so that what else the machine does hits all alike; figures are medians of rounds.
Time is CPU time where one thread does all the work.

OMP_NUM_THREADS=1 python -m tests.benchmarks.caf_step --rounds 7
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives import caf_objective
from affectrep.objectives.adaptive_margin import Margin, adaptive_margin_parts
from affectrep.training.optimizers import OptimizerSettings, build_optimizers
from affectrep.training.processes import Processes
from affectrep.training.steps import StepRunner
from tests.benchmarks.supcon_step import CLOCK

ROWS, SIDE, DIM = 128, 48, 512
SYSTEMS: dict[str, dict[str, Any]] = {
    "plain": {"critic": "none"},
    "caf": {},
    "caf, constant margin": {"margin": "constant"},
    "caf, shared pass": {"steps": {"shared_pass": True}},
    "caf, joint": {"steps": {"order": "joint"}},
    "fisher": {"critic": "fisher"},
    "sphere": {"critic": "sphere"},
    "gram": {"critic": "gram"},
}


class Faces(nn.Module):
    """torchvision's ResNet-18 with the stem of ImageNet, from scratch, and a light head."""

    keep_features = False

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet18

        self.encoder = resnet18(weights=None)
        self.encoder.fc = nn.Identity()
        self.head = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 2))

    def forward(self, inputs: dict[str, Tensor]) -> Output:
        points = self.encoder(inputs["pixels"])
        return Output(points, self.head(points))

    def players(self) -> Mapping[str, nn.Module]:
        return {"encoder": self.encoder, "heads": self.head}


def batch_of(rows: int = ROWS, *, device: str = "cpu") -> Batch:
    """Return random pixels; half of the rows or so are strong at a radius of .5."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(rows, 3, SIDE, SIDE, generator=generator)
    labels = torch.tanh(0.5 * torch.randn(rows, 2, generator=generator))
    return Batch({"pixels": pixels}, labels, [str(i) for i in range(rows)]).to(device)


def step_of(options: Mapping[str, Any], batch: Batch) -> Callable[[], None]:
    """Return one training step of a system, on a model of its own."""
    torch.manual_seed(0)
    device = batch.labels.device
    model = Faces().to(device).train()
    objective = caf_objective(dim=DIM, threshold=0.5, **options).to(device)
    phases, players = objective.phases(), {**model.players(), **objective.players()}
    settings = OptimizerSettings(schedule="constant", warmup_fraction=0.0)
    runner = StepRunner(
        model,
        players,
        phases,
        optimizers=build_optimizers(phases, players, settings),
        processes=Processes(),
    )

    def step() -> None:
        runner.step([batch])
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def margin_step(batch: Batch) -> Callable[[], None]:
    """Return what a step spends on the adaptive margin."""
    radius = batch.labels.norm(dim=1)
    points = torch.sigmoid(torch.randn(len(batch), 16, device=batch.labels.device))
    strong, weak = points[radius >= 0.5], points[radius < 0.5]
    margin = Margin(margin_max=8.0)

    def step() -> None:
        adaptive_margin_parts(strong, weak, margin=margin)
        if strong.is_cuda:
            torch.cuda.synchronize()

    return step


def side_by_side(
    steps: Mapping[str, Callable[[], None]], *, rounds: int, warmup: int = 2
) -> dict[str, list[float]]:
    """Return seconds of each step, round by round, all steps in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(warmup + rounds):
        for name, step in steps.items():
            began = CLOCK()
            step()
            if i >= warmup:
                seconds[name].append(CLOCK() - began)
    return seconds


def measured(
    names: Sequence[str], *, rounds: int, rows: int = ROWS, device: str = "cpu"
) -> dict[str, float]:
    """Return the seconds of a plain step, every system's steps in plain ones, the margin's share.

    "margin" is the share of the step "caf" that its margin takes.
    """
    batch = batch_of(rows, device=device)
    steps = {name: step_of(SYSTEMS[name], batch) for name in dict.fromkeys(["plain", *names])}
    steps["margin"] = margin_step(batch)
    seconds = side_by_side(steps, rounds=rounds)
    plain = seconds.pop("plain")
    found = {"plain_seconds": statistics.median(plain)}
    for name, values in seconds.items():
        beside = seconds["caf"] if name == "margin" else plain
        pairs = zip(values, beside, strict=True)
        found[name] = statistics.median(value / other for value, other in pairs)
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--rows", type=int, default=ROWS)
    words.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = words.parse_args()
    found = measured(list(SYSTEMS), rounds=chosen.rounds, rows=chosen.rows, device=chosen.device)
    threads = torch.get_num_threads()
    print(json.dumps({"threads": threads, **{k: round(v, 4) for k, v in found.items()}}, indent=1))


if __name__ == "__main__":
    main()
