"""Processes with unequal numbers of pairs give AML's single-process values and gradients."""

from __future__ import annotations

import os

import pytest
import torch
from torch import distributed

from affectrep.objectives.dro_pair_loss import dro_pair_loss
from affectrep.objectives.learned_similarity import MetricDiscriminator
from affectrep.objectives.pair_adversary import AdversaryWeights, ScoredPairs, adversary_terms
from affectrep.objectives.pair_loss import PairLoss, match_loss, pair_loss
from affectrep.objectives.phase import Term
from tests.processes import free_port, together

pytestmark = pytest.mark.processes

POSITIVES, NEGATIVES, DIM = 9, 13, 5
PAIRS = torch.randn(
    2, POSITIVES + NEGATIVES, DIM, generator=torch.Generator().manual_seed(4), dtype=torch.float64
)
EASY = PAIRS.flip(1) + 0.3
# where each process's positives and negatives end; some have none of a type, one has no pair
SHARES = {2: ((7, 9), (1, 13)), 4: ((5, 5, 5, 9), (4, 12, 12, 13))}


def own_rows(ends: tuple, rank: int) -> tuple[slice, slice]:
    return tuple(slice(0 if rank == 0 else end[rank - 1], end[rank]) for end in ends)


def summed(values: torch.Tensor | float) -> torch.Tensor:
    total = torch.as_tensor(values, dtype=torch.float64).clone()
    if distributed.is_initialized():
        distributed.all_reduce(total)
    return total


def losses(metric: MetricDiscriminator, hard, easy, first: int) -> dict[str, list[Term]]:
    """All losses of one set of pairs; each by its own pass, so that their graphs are apart."""
    loss = PairLoss(threshold=0.2).double()
    found = {}

    def pairs() -> ScoredPairs:
        return ScoredPairs(*metric.score_hard(*hard, epsilon=0.4).split(first))

    attack = pairs()
    defence = ScoredPairs(*metric(*easy, epsilon=0.4).split(first))
    weights = AdversaryWeights(validity=0.5, trust=0.1)
    found["adversary"] = adversary_terms(attack, defence, loss, weights=weights)
    scored = pairs()
    positive, negative = scored.positive.similarity, scored.negative.similarity
    found["terms"] = loss.halves(positive, negative).terms("pairs", weight=0.3)
    gathering = {
        "gather": lambda p, n: pair_loss(p, n, threshold=loss.threshold, gather=True),
        "dro": lambda p, n: dro_pair_loss(p, n, threshold=loss.threshold, gather=True),
        "match": lambda p, n: match_loss(p, n, gather=True),
    }
    for name, function in gathering.items():
        scored = pairs()
        value = function(scored.positive.similarity, scored.negative.similarity)
        found[name] = [Term(name, value, len(hard[0]))]
    found["threshold"] = loss.threshold
    return found


def gradients(ends: tuple, rank: int) -> dict[str, torch.Tensor]:
    """Weigh the terms as the trainer does; return values and gradients of this process's rows."""
    torch.manual_seed(6)
    metric = MetricDiscriminator(DIM, hidden=7).double()
    positive, negative = own_rows(ends, rank)
    rows = list(range(POSITIVES + NEGATIVES))
    rows = rows[:POSITIVES][positive] + rows[POSITIVES:][negative]
    hard = [side[rows].clone().requires_grad_() for side in PAIRS]
    easy = [side[rows] for side in EASY]
    first = positive.stop - positive.start
    every = losses(metric, hard, easy, first)
    threshold = every.pop("threshold")
    found = {"centre": metric.centre.clone()}
    for name, terms in every.items():
        shares = [
            term.value * (term.weight * term.count / summed(float(term.count))) for term in terms
        ]
        total = torch.stack(shares).sum()
        inputs = [*hard, threshold, *metric.parameters()]
        grads = torch.autograd.grad(total, inputs, allow_unused=True)
        found[f"{name} value"] = summed(total.detach())
        for side, grad in zip(("left", "right"), grads[:2], strict=True):
            found[f"{name} {side} positive"], found[f"{name} {side} negative"] = (
                grad[:first],
                grad[first:],
            )
        found[f"{name} parameters"] = torch.cat(
            [
                summed(torch.zeros_like(parameter) if grad is None else grad).flatten()
                for parameter, grad in zip(inputs[2:], grads[2:], strict=True)
            ]
        )
    return found


def work(rank: int, world: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=world)
    torch.save(gradients(SHARES[world], rank), f"{out}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.parametrize("world", [2, 4])
def test_processes_have_the_values_and_gradients_of_one(world, tmp_path):
    together(work, world, free_port(), str(tmp_path), world=world)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in range(world)]
    whole = gradients(((POSITIVES,), (NEGATIVES,)), 0)
    assert whole["terms parameters"][0] != 0  # the threshold's
    for name, wanted in whole.items():
        if name.endswith(("itive", "gative")):
            assert wanted.abs().max() > 1e-6
            found = [torch.cat([part[name] for part in parts])]
        else:
            found = [part[name] for part in parts]
        for each in found:
            torch.testing.assert_close(each, wanted, atol=1e-13, rtol=1e-10, msg=name)
