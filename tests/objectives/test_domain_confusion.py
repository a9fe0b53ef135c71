"""Confusion and entropy losses against golden values, a naive loop and gradcheck."""

from __future__ import annotations

import math

import pytest
import torch

from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss

LOGITS = torch.tensor(
    [[-0.2, -0.45, 0.7], [0.29, 0.15, 0.12], [0.16, 0.54, -0.74]], dtype=torch.float64
)
ALLOWED = torch.tensor([[True, True, False], [False, False, True], [True, True, True]])
LOSSES = [domain_confusion_loss, domain_entropy_loss]


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_golden_confusion_and_entropy(dtype, atol):
    logits = LOGITS.to(dtype)
    assert domain_confusion_loss(logits).item() == pytest.approx(1.1853876741953318, abs=atol)
    assert domain_entropy_loss(logits).item() == pytest.approx(-1.0171336050586748, abs=atol)
    least = domain_confusion_loss(torch.zeros_like(logits)).item()
    assert least == pytest.approx(1.0986122886681098, abs=atol)


def test_masked_confusion_is_that_of_the_allowed_classes():
    allowed = torch.tensor([[True, True, False]] * 2 + [[False] * 3])
    both = LOGITS[:2, :2]
    for loss in (domain_confusion_loss, domain_entropy_loss):
        assert loss(LOGITS, allowed=allowed).item() == pytest.approx(loss(both).item(), abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_equals_the_naive_loop(loss):
    rows = []
    for row, allowed in zip(LOGITS.tolist(), ALLOWED.tolist(), strict=True):
        kept = [value for value, here in zip(row, allowed, strict=True) if here]
        shares = [math.exp(value) / sum(map(math.exp, kept)) for value in kept]
        if loss is domain_confusion_loss:
            rows.append(-sum(map(math.log, shares)) / len(shares))
        else:
            rows.append(sum(share * math.log(share) for share in shares))
    found = loss(LOGITS, allowed=ALLOWED).item()
    assert found == pytest.approx(sum(rows) / len(rows), abs=1e-12)


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradcheck(loss, allowed):
    points = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, allowed=allowed), points)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", LOSSES)
def test_always_finite(loss, dtype):
    for allowed in (ALLOWED, torch.zeros_like(ALLOWED)):
        logits = (1e4 * LOGITS).to(dtype).requires_grad_()
        value = loss(logits, allowed=allowed)
        value.backward()
        assert value.isfinite()
        assert logits.grad.isfinite().all()
        assert allowed.any() or value.item() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: domain_confusion_loss(LOGITS[:0]), "at least one row"),
        (lambda: domain_entropy_loss(LOGITS[0]), "batch, classes"),
        (lambda: domain_confusion_loss(LOGITS, allowed=torch.ones(3, 3)), "bool"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
