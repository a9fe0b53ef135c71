"""Two gloo processes with unequal batches give the gradient of one process."""

from __future__ import annotations

import os
import socket

import pytest
import torch
from torch import distributed, multiprocessing

from affectrep.objectives.supcon import DomainWeight, SupConOptions, anchors_with_positive
from affectrep.objectives.supcon import supcon_loss as loss_of
from affectrep.objectives.supcon_chunks import Pairs
from affectrep.objectives.supcon_memory import SupConMemoryLoss

pytestmark = pytest.mark.processes

LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 2, 1, 3, 0])
DOMAINS = torch.tensor([0, 0, 1, 1, 2, 2, 0, -1, 1, 2])
POINTS = torch.randn(10, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
SHARES = [slice(0, 7), slice(7, 10)]
CASES = {
    "plain": (SupConOptions(reduction="sum"), False),
    "dense": (SupConOptions(reduction="sum", chunk=None), False),
    "tiles": (SupConOptions(reduction="sum", chunk=2), False),
    "inside": (SupConOptions(reduction="sum", inside=True, chunk=3), False),
    "domains": (SupConOptions(reduction="sum", chunk=3), True),
    "dense domains": (SupConOptions(reduction="sum", chunk=None), True),
}


def gradients(share: slice, *, gather: bool) -> dict[str, torch.Tensor]:
    found = {}
    for name, (options, weighted) in CASES.items():
        points = POINTS[share].clone().requires_grad_()
        weight = DomainWeight(DOMAINS[share]) if weighted else None
        loss = loss_of(
            points,
            LABELS[share],
            temperature=0.3,
            gather=gather,
            options=options,
            domain_weight=weight,
        )
        (found[name],) = torch.autograd.grad(loss, points)
    memory = SupConMemoryLoss(
        size=8, dim=4, gather=gather, options=SupConOptions(reduction="sum")
    ).double()
    for step in range(3):
        points = (POINTS[share] + step).requires_grad_()
        (found[f"memory {step}"],) = torch.autograd.grad(memory(points, LABELS[share]), points)
    found["ring"], found["count"] = memory.embeddings, torch.tensor(memory.count(LABELS[share]))
    return found


def work(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    torch.save(gradients(SHARES[rank], gather=True), f"{out}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


def test_two_processes_have_the_gradient_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(work, (port, str(tmp_path)), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    whole = gradients(slice(None), gather=False)
    assert sum(float(part.pop("count")) for part in parts) == float(whole.pop("count"))
    assert all(torch.equal(part.pop("ring"), whole["ring"]) for part in parts)
    del whole["ring"]
    for name, expected in whole.items():
        found = torch.cat([part[name] for part in parts])
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-10, msg=name)


def test_anchors_are_counted_over_all_candidates():
    assert anchors_with_positive(Pairs(LABELS[7:], LABELS, start=7)) == 2
