"""Two gloo processes make the steps of one, with unequal shares and skipped phases."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import torch
from torch import distributed

from tests.processes import together
from tests.training.test_steps import assert_same, runner
from tests.training.toys import ThreePhases, ToyModel, TwoPlayers, cut, rows

pytestmark = pytest.mark.processes


def make(toy: type) -> tuple[ToyModel, torch.nn.Module]:
    torch.manual_seed(5)
    return ToyModel().double(), toy().double()


def work(rank: int, world: int, port: int, toy: type, out: Path) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=world)
    for name, shares in SHARES.items():
        model, objective = make(toy)
        made = runner(model, objective)
        for step in range(3):
            own = rows(seed=step).select(torch.tensor(shares[rank][0]))
            log = made.step(cut(own, shares[rank][1]))
        state = {"model": model.state_dict(), "objective": objective.state_dict()}
        torch.save({**state, "log": log.numbers}, out / f"{name}-{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


# row indices of each process, and the sizes of its micro-batches; class = index mod 3
SHARES = {
    "even": [(list(range(6)), [6]), (list(range(6, 12)), [6])],
    "uneven": [(list(range(9)), [9]), (list(range(9, 12)), [3])],
    "accumulated": [(list(range(8)), [5, 3]), (list(range(8, 12)), [1, 3])],
    "one accumulates": [(list(range(8)), [5, 3]), (list(range(8, 12)), [4])],
    # the second process has no row of class 2, which the adversarial phase works on
    "nothing to do": [([0, 1, 2, 5, 8, 11, 3, 4], [8]), ([6, 7, 9, 10], [4])],
}


@pytest.mark.parametrize("toy", [TwoPlayers, ThreePhases])
def test_two_processes_make_the_steps_of_one(tmp_path, toy):
    together(work, 2, port(), toy, tmp_path, world=2)
    model, objective = make(toy)
    made = runner(model, objective)
    for step in range(3):
        log = made.step([rows(seed=step)])
    for name in SHARES:
        found = [torch.load(tmp_path / f"{name}-{r}.pt", weights_only=False) for r in (0, 1)]
        for part in found:
            other_model, other_objective = make(toy)
            other_model.load_state_dict(part["model"])
            other_objective.load_state_dict(part["objective"])
            assert_same(model, other_model)
            assert_same(objective, other_objective)
        for key, value in log.numbers.items():
            if key[1] != "grad_norm":  # of the whole gradient on every process
                total = sum(part["log"].get(key, 0.0) for part in found)
                assert total == pytest.approx(value, rel=1e-9), (name, key)
