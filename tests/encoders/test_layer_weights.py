from __future__ import annotations

import pytest
import torch

from affectrep.encoders.layer_weights import LayerWeights


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_it_starts_as_the_mean_and_follows_its_formula(kind: str) -> None:
    states = [torch.randn(2, 3, 4) for _ in range(5)]
    layer = LayerWeights(5, kind=kind)
    torch.testing.assert_close(layer(states), torch.stack(states).mean(dim=0))
    with torch.no_grad():
        layer.logits.copy_(torch.tensor([0.0, 1.0, -2.0, 0.5, 3.0]))
    raw = layer.logits.exp() if kind == "softmax" else 1 / (1 + (-layer.logits).exp())
    expected = sum(g * s for g, s in zip(raw / raw.sum(), states, strict=True))
    torch.testing.assert_close(layer(states), expected)
    layer(states)[..., 0].sum().backward()
    assert layer.logits.grad is not None
    assert (layer.logits.grad != 0).all()


def test_gates_are_independent_and_a_softmax_competes() -> None:
    gates, shares = LayerWeights(2, kind="sigmoid"), LayerWeights(2, kind="softmax")
    for layer in (gates, shares):
        with torch.no_grad():
            layer.logits.copy_(torch.tensor([9.0, 12.0]))
    assert gates.values()[0].item() == pytest.approx(0.5, abs=0.001)  # both wide open
    assert shares.values()[0].item() < 0.05


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="expected one of softmax, sigmoid"):
        LayerWeights(2, kind="none")
    with pytest.raises(ValueError, match="layers is 0"):
        LayerWeights(0, kind="softmax")
    with pytest.raises(ValueError, match="expected 2 hidden states, got 1"):
        LayerWeights(2, kind="softmax")([torch.zeros(1, 1, 1)])
