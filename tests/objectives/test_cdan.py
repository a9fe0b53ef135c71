"""CDAN's conditioning against a loop over rows, and the state of its random maps."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.cdan import ConditionalDomainAdversary, conditioned_embeddings
from affectrep.objectives.domain_adversary import Adversary, DomainClasses
from affectrep.objectives.gradient_reversal import ReversalSchedule

GENERATOR = torch.Generator().manual_seed(0)
EMBEDDINGS = torch.randn(5, 3, generator=GENERATOR, dtype=torch.float64)
PREDICTIONS = torch.randn(5, 2, generator=GENERATOR, dtype=torch.float64)
DOMAINS = torch.tensor([0, 1, 1, -1, 0])


def test_equals_the_outer_product_of_each_row():
    found = conditioned_embeddings(EMBEDDINGS, PREDICTIONS)
    for row, embedding, logits in zip(found, EMBEDDINGS, PREDICTIONS, strict=True):
        expected = torch.outer(embedding, logits.softmax(dim=0)).flatten()
        torch.testing.assert_close(row, expected)


def test_random_maps_keep_inner_products_on_average():
    exact = conditioned_embeddings(EMBEDDINGS, PREDICTIONS)
    generator = torch.Generator().manual_seed(1)
    maps = tuple(torch.randn(n, 200_000, generator=generator).double() for n in (3, 2))
    found = conditioned_embeddings(EMBEDDINGS, PREDICTIONS, maps=maps)
    torch.testing.assert_close(found @ found.T, exact @ exact.T, atol=0.1, rtol=0.05)


def test_gradcheck_and_no_gradient_to_predictions():
    points = EMBEDDINGS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: conditioned_embeddings(x, PREDICTIONS), points)
    predictions = PREDICTIONS.clone().requires_grad_()
    assert not conditioned_embeddings(EMBEDDINGS, predictions).requires_grad


@pytest.mark.parametrize("width", [0, 16])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_reversal_maps_and_progress_survive_save_and_load(width, dtype):
    how = Adversary(schedule=ReversalSchedule("warmup", end=0.5))
    first, second = (
        ConditionalDomainAdversary(3, 2, DomainClasses(2), how, width=width).to(dtype).eval()
        for _ in range(2)
    )
    first.progress(0.25)
    second.load_state_dict(first.state_dict())
    points = EMBEDDINGS.to(dtype, copy=True).requires_grad_()
    loss = second(points, PREDICTIONS.to(dtype), DOMAINS)
    loss.backward()
    assert loss.item() == first(points, PREDICTIONS.to(dtype), DOMAINS).item()
    assert second.domain.reversal.coefficient == pytest.approx(0.15)
    assert second.count(DOMAINS) == 4
    assert points.grad.isfinite().all()
    assert points.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conditioned_embeddings(EMBEDDINGS, PREDICTIONS[:2]), "embeddings"),
        (
            lambda: conditioned_embeddings(
                EMBEDDINGS, PREDICTIONS, maps=(torch.ones(3, 4), torch.ones(2, 5))
            ),
            "one width",
        ),
        (lambda: ConditionalDomainAdversary(0, 2, DomainClasses(2)), "dim"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
