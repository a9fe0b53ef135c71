"""What every objective in OBJECTIVES must hold; a new one is under test as soon as it is named."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from affectrep.batch import Batch, Output
from affectrep.objectives import OBJECTIVES

CLASSES, DIM = 4, 8


class Heads(nn.Module):
    """Turns embeddings into everything that an objective may read."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier, self.projection = nn.Linear(DIM, CLASSES), nn.Linear(DIM, 5)

    def forward(self, embeddings: torch.Tensor) -> Output:
        return Output(embeddings, self.classifier(embeddings), self.projection(embeddings))


def batch_of(labels: list[int], embeddings: torch.Tensor | None = None) -> tuple:
    torch.manual_seed(0)
    if embeddings is None:
        embeddings = torch.randn(len(labels), DIM, dtype=torch.float64)
    known = torch.arange(len(labels)) % 2
    return (
        embeddings.clone().requires_grad_(),
        Batch(
            {},
            torch.tensor(labels),
            [str(i) for i in range(len(labels))],
            dict.fromkeys(("speaker", "language", "corpus", "subject"), known),
        ),
    )


def total(objective: nn.Module, heads: Heads, embeddings: torch.Tensor, batch: Batch):
    """Run all phases on one pass; return the sum of the weighted terms."""
    output, carry, terms = heads(embeddings), {}, []
    for phase in objective.phases():
        view = output if phase.grad else output.detach()
        result = phase.loss(view, batch, carry)
        carry.update(result.carry)
        terms += [term.value * term.weight for term in result.terms if term.count > 0]
    return torch.stack(terms).sum() if terms else embeddings.sum() * 0


@pytest.fixture(params=sorted(OBJECTIVES))
def name(request):
    return request.param


@pytest.fixture
def objective(name):
    torch.manual_seed(1)
    return OBJECTIVES[name]().double()


@pytest.fixture
def heads():
    torch.manual_seed(2)
    return Heads().double()


CASES = {
    "a class that occurs once": [0, 0, 1, 2, 2, 2],
    "a batch of one": [3],
    "one class only": [1, 1, 1, 1],
    "every class once": [0, 1, 2, 3],
}


@pytest.mark.parametrize("labels", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_value_and_gradient_are_finite(objective, heads, labels, dtype):
    embeddings, batch = batch_of(labels)
    embeddings = embeddings.detach().to(dtype).requires_grad_()
    loss = total(objective.to(dtype), heads.to(dtype), embeddings, batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 1e4])
def test_repeated_vectors_are_finite(objective, heads, value):
    same = torch.full((6, DIM), value, dtype=torch.float64)
    embeddings, batch = batch_of([0, 0, 1, 1, 2, 3], same)
    loss = total(objective, heads, embeddings, batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()


def test_the_order_of_rows_does_not_matter(objective, heads):
    embeddings, batch = batch_of([0, 0, 1, 1, 2, 3])
    turned = torch.tensor([3, 1, 5, 0, 4, 2])
    before = total(copy.deepcopy(objective), heads, embeddings, batch)
    after = total(objective, heads, embeddings[turned], batch.select(turned))
    assert after.item() == pytest.approx(before.item(), abs=1e-12)


def test_gradcheck(objective, heads):
    embeddings, batch = batch_of([0, 0, 1, 1, 2, 3])
    frozen = copy.deepcopy(objective.state_dict())

    def loss(values: torch.Tensor) -> torch.Tensor:
        objective.load_state_dict(frozen)
        return total(objective, heads, values, batch)

    assert torch.autograd.gradcheck(loss, embeddings)


def test_counts_are_what_the_means_are_over(objective, heads):
    """Micro-batches weighed by their counts give the whole batch, where rows are independent."""
    embeddings, batch = batch_of([0, 0, 1, 1, 2, 3])
    for phase in objective.phases():
        if phase.span == "batch" or phase.counts is None:
            continue
        whole = {term.name: term for term in phase.loss(heads(embeddings), batch, {}).terms}
        parts: dict[str, float] = {}
        for rows in (torch.tensor([0, 1, 2, 3]), torch.tensor([4, 5])):
            for term in phase.loss(heads(embeddings[rows]), batch.select(rows), {}).terms:
                parts[term.name] = parts.get(term.name, 0.0) + term.value.item() * term.count
        for name, term in whole.items():
            assert parts[name] / term.count == pytest.approx(term.value.item(), rel=1e-9)


def test_state_survives_save_and_load(name, objective, heads, tmp_path):
    embeddings, batch = batch_of([0, 0, 1, 1, 2, 3])
    objective.progress(0.5)
    total(objective, heads, embeddings, batch)
    torch.save(objective.state_dict(), tmp_path / "state.pt")
    expected = total(objective, heads, embeddings, batch)
    fresh = OBJECTIVES[name]().double()
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    fresh.progress(0.5)
    assert total(fresh, heads, embeddings, batch).item() == pytest.approx(expected.item())


def test_wrong_shapes_are_refused(objective, heads):
    embeddings, batch = batch_of([0, 0, 1])
    fewer = batch.select(torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="expected"):
        for phase in objective.phases():
            phase.loss(heads(embeddings), fewer, {})
