"""How the adversary's gradient on the encoder lies to the task's, from checkpoints of a CAF run.

    python -m tests.benchmarks.gradient_conflict runs/ferplus_caf-0
    python -m tests.benchmarks.gradient_conflict runs/ferplus_caf-0 --checkpoints kept/*.pt

For each checkpoint, over the batches of a split that nobody trains on, without dropout and with
stored normalisation statistics: the cosine of both gradients on the encoder's weights (below 0 the
adversary undoes what the task asks for), and the adversary's length over the task's. The optimizer
of the adversarial step scales its gradient anew, so the second figure says how much of a push there
was, not how far the encoder went. Mean over the batches, with the standard error.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affectrep.batch import Batch
from affectrep.build import build_loader, build_manifest, build_model, build_objective
from affectrep.config import load_config
from affectrep.objectives import CAFObjective
from affectrep.training.forward import forward

__all__ = ["conflict", "main", "of_checkpoint"]


def conflict(model: nn.Module, objective: CAFObjective, batch: Batch) -> tuple[float, float] | None:
    """Return the cosine of both gradients and the ratio of their lengths.

    None where the batch has no two strong rows and one weak row, or one gradient is zero.
    """
    encoder: Any = model.encoder
    weights = [weight for weight in encoder.parameters() if weight.requires_grad]
    phases = {phase.name: phase for phase in objective.phases()}
    output = forward(model, batch, norm="frozen")
    found = []
    for name in ("adversarial", "main"):
        result = phases[name].loss(output, batch, {})
        if not all(term.count > 0 for term in result.terms):
            return None
        total = torch.stack([term.weight * term.value for term in result.terms]).sum()
        grads = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
        found.append(_flat(grads, weights))
    adversary, task = found
    lengths = float(adversary.norm()), float(task.norm())
    if min(lengths) == 0:
        return None
    return float(adversary @ task) / lengths[0] / lengths[1], lengths[0] / lengths[1]


def _flat(grads: Sequence[Tensor | None], weights: Sequence[Tensor]) -> Tensor:
    parts = [
        torch.zeros_like(weight) if grad is None else grad
        for grad, weight in zip(grads, weights, strict=True)
    ]
    return torch.cat([part.flatten().double() for part in parts])


def of_checkpoint(
    model: nn.Module, objective: CAFObjective, batches: Sequence[Batch], path: Path
) -> tuple[int, list[tuple[float, float]]]:
    """Load a checkpoint and return its epoch and what :func:`conflict` says of each batch."""
    saved = torch.load(path, map_location="cpu", weights_only=False)
    model.load_state_dict(saved["model"])
    objective.load_state_dict(saved["objective"])
    model.eval()
    found = [conflict(model, objective, batch) for batch in batches]
    return int(saved["state"]["epoch"]), [one for one in found if one is not None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a checkpoint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a run with CAF's critic")
    parser.add_argument("--checkpoints", nargs="*", type=Path, help="default: the run's last one")
    parser.add_argument("--split", default="validation")
    options = parser.parse_args(arguments)
    config = load_config(options.run / "config.yaml")
    manifest = build_manifest(config)
    model = build_model(config, manifest)
    objective = build_objective(config, manifest, dim=model.encoder.dim)
    if not isinstance(objective, CAFObjective) or objective.head is None:
        raise SystemExit(f"{options.run} has no critic: expected objective.name=caf")
    batches = list(build_loader(config, manifest, options.split, model.encoder.preprocess))
    paths = options.checkpoints or [options.run / "checkpoints" / "last.pt"]
    print(f"{'epoch':>6}{'cosine':>20}{'adversary / task':>24}")
    for path in sorted(paths, key=lambda path: path.stat().st_mtime):
        epoch, found = of_checkpoint(model, objective, batches, path)
        cosines, ratios = np.array(found).T
        cells = [
            f"{v.mean():+.3f} +- {v.std(ddof=1) / len(v) ** 0.5:.3f}" for v in (cosines, ratios)
        ]
        print(f"{epoch:>6}{cells[0]:>20}{cells[1]:>24}")


if __name__ == "__main__":
    main()
