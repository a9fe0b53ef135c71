"""Several gloo processes with unequal shares, one row or none among them, act as one process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed

from affectrep.objectives.supcon import (
    DomainWeight,
    SupConLoss,
    SupConOptions,
    anchors_with_positive,
    supcon_loss,
)
from affectrep.objectives.supcon_chunks import Pairs
from affectrep.objectives.supcon_memory import SupConMemoryLoss
from tests.processes import free_port, together

pytestmark = pytest.mark.processes

LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 2, 1, 3, 0, 1, 2])
DOMAINS = torch.tensor([0, 0, 1, 1, 2, 2, 0, -1, 1, 2, 0, 1])
POINTS = torch.randn(12, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
CUTS = {  # where a process's rows begin; equal neighbours leave a process without rows
    "two, one row": (0, 11, 12),
    "two, no row": (0, 12, 12),
    "four, no row and one row": (0, 5, 5, 6, 12),
    "four, no row first": (0, 0, 2, 9, 12),
}
OPTIONS = {
    "plain": SupConOptions(),
    "dense": SupConOptions(chunk=None),
    "tiles": SupConOptions(chunk=2),
    "inside": SupConOptions(inside=True, chunk=3),
    "zero": SupConOptions(no_positive="zero"),
}


def share_of(value: Tensor, count: float, anchors: float) -> Tensor:
    """Weigh a process's mean as the trainer does; the processes' shares add up to the mean."""
    return value * count / anchors


def everywhere(count: float) -> float:
    total = torch.tensor(count, dtype=torch.float64)
    if distributed.is_initialized():
        distributed.all_reduce(total)
    return float(total)


def gradients(rows: slice) -> dict[str, Tensor]:
    """Return losses' gradients of this process's rows; the same on one process for all rows."""
    found: dict[str, Tensor] = {}
    labels, weight = LABELS[rows], DomainWeight(DOMAINS[rows])
    for name, options in OPTIONS.items():
        for kind, domain_weight in (("", None), (" by language", weight)):
            loss = SupConLoss(temperature=0.3, gather=True, options=options)
            points = POINTS[rows].clone().requires_grad_()
            value = loss(points, labels, domain_weight)
            anchors = everywhere(loss.count(labels))
            part = share_of(value, loss.count(labels), anchors)
            (found[name + kind],) = torch.autograd.grad(part, points)
    memory = SupConMemoryLoss(size=7, dim=4, temperature=0.3, gather=True).double()
    for step in range(3):
        points = (POINTS[rows] + step).requires_grad_()
        value = memory(points, labels)
        anchors = everywhere(memory.count(labels))
        part = share_of(value, memory.count(labels), anchors)
        (found[f"memory, step {step}"],) = torch.autograd.grad(part, points)
    return found | {"ring": memory.embeddings}


def work(rank: int, ports: dict[int, int], out: str) -> None:
    """Ranks 0 and 1 first run as two processes, then all run as four."""
    torch.set_num_threads(1)
    for world, port in ports.items():
        if rank < world:
            os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
            distributed.init_process_group("gloo", rank=rank, world_size=world)
            for name, cut in CUTS.items():
                if len(cut) == world + 1:
                    found = gradients(slice(cut[rank], cut[rank + 1]))
                    torch.save(found, f"{out}/{name} {rank}.pt")
            refusal = refused_without_rows()
            Path(f"{out}/{world} {rank}.txt").write_text(refusal)
            distributed.barrier()
            distributed.destroy_process_group()


def refused_without_rows() -> str:
    try:
        supcon_loss(POINTS[:0], LABELS[:0], gather=True)
    except ValueError as error:
        return str(error)
    return "accepted"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run all cases once: starting the processes takes most of the time."""
    out = tmp_path_factory.mktemp("processes")
    ports = {world: free_port() for world in (2, 4)}
    together(work, ports, str(out), world=4)
    return out


@pytest.fixture(scope="module")
def whole() -> dict[str, Tensor]:
    return gradients(slice(None))


@pytest.mark.parametrize("case", CUTS)
def test_the_gradient_is_that_of_one_process(
    case: str, folder: Path, whole: dict[str, Tensor]
) -> None:
    parts = [torch.load(folder / f"{case} {rank}.pt") for rank in range(len(CUTS[case]) - 1)]
    for part in parts:
        assert part.keys() == whole.keys()
        assert torch.equal(part["ring"], whole["ring"])
    for name in whole.keys() - {"ring"}:
        found = torch.cat([part[name] for part in parts])
        error = (found - whole[name]).norm() / whole[name].norm()
        assert error <= 1e-10, (name, error)


@pytest.mark.parametrize("world", [2, 4])
def test_no_rows_on_any_process_is_refused_by_all(world: int, folder: Path) -> None:
    for rank in range(world):
        assert "at least one row" in (folder / f"{world} {rank}.txt").read_text()


def test_anchors_are_counted_over_all_candidates() -> None:
    everyone = LABELS[:10]
    assert anchors_with_positive(Pairs(everyone[7:], everyone, start=7)) == 2
