"""Triplets with a margin from a memory: several processes take the step of one."""

from __future__ import annotations

import os

import pytest
import torch
from torch import distributed

from affectrep.batch import Batch, Output
from affectrep.objectives import triplet_objective
from tests.processes import free_port, together

pytestmark = pytest.mark.processes

ROWS, DIM, CLASSES = 14, 5, 3
POINTS = torch.randn(ROWS, DIM, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
LABELS = torch.arange(ROWS) % CLASSES
SCORES = torch.zeros(ROWS, CLASSES, dtype=torch.float64)
ENDS = (0, 5, ROWS)  # processes of 5 and 9 rows


def step(first: int, last: int) -> dict[str, torch.Tensor]:
    """Return the gradient of the rows, the value and the margins, weighed as the trainer does."""
    objective = triplet_objective(classes=CLASSES, dim=DIM, refresh=1).double()
    points = POINTS[first:last].clone().requires_grad_()
    batch = Batch({}, LABELS[first:last], [str(i) for i in range(first, last)])
    (phase,) = objective.phases()
    terms = phase.loss(Output(points, SCORES[first:last]), batch, {}).terms
    term = next(term for term in terms if term.name == "triplet")
    (term.value * term.count / ROWS).backward()
    table = objective.losses["triplet"].margin.table
    return {"gradient": points.grad, "value": term.value.detach(), "table": table}


def work(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    try:
        torch.save(step(ENDS[rank], ENDS[rank + 1]), f"{folder}/{rank}.pt")
    finally:
        distributed.destroy_process_group()


def test_two_processes_of_unequal_size_take_the_step_of_one(tmp_path):
    alone = step(0, ROWS)
    together(work, free_port(), str(tmp_path), world=2)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for part in parts:  # each holds the whole loss and the same margins
        assert part["value"].item() == pytest.approx(alone["value"].item())
        assert torch.allclose(part["table"], alone["table"])
    gradient = torch.cat([part["gradient"] for part in parts])
    assert torch.allclose(gradient, alone["gradient"], atol=1e-12)
    assert float(alone["gradient"].abs().max()) > 0
