from __future__ import annotations

import pytest
import torch

from affectrep.heads import HEADS, Classifier, Projection, copy_outputs


def test_a_linear_classifier_is_a_matrix() -> None:
    head = Classifier(4, 3).eval()
    points = torch.randn(2, 4)
    torch.testing.assert_close(head(points), points @ head.last.weight.T + head.last.bias)
    assert sum(value.numel() for value in head.parameters()) == 4 * 3 + 3


def test_a_hidden_layer_and_dropout() -> None:
    head = Classifier(4, 3, hidden=5, dropout=0.5)
    points = torch.ones(64, 4)
    assert head(points).shape == (64, 3)
    assert not head.train()(points).equal(head(points))
    assert head.eval()(points).equal(head(points))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_projections_have_length_one(dtype: torch.dtype) -> None:
    head = Projection(8, 4).to(dtype)
    points = head(torch.randn(16, 8, dtype=dtype) * 50)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    assert points.dtype == wide
    torch.testing.assert_close(points.norm(dim=1), torch.ones(16, dtype=wide))


def test_a_zero_projection_has_finite_gradients() -> None:
    head = Projection(3, 2)
    for value in head.parameters():
        torch.nn.init.zeros_(value)
    head(torch.zeros(1, 3)).sum().backward()
    assert all(
        value.grad is not None and value.grad.isfinite().all() for value in head.parameters()
    )


def test_outputs_are_copied_by_name() -> None:
    own, other = Classifier(4, 3, hidden=2), Classifier(4, 2, hidden=2)
    fresh = own.last.weight[1].clone()
    assert copy_outputs(own, ["joy", "awe", "fear"], other, ["fear", "joy"]) == ["joy", "fear"]
    assert own.last.weight[0].equal(other.last.weight[1])
    assert own.last.weight[2].equal(other.last.weight[0])
    assert own.last.weight[1].equal(fresh)
    first, second = own.layers[1], other.layers[1]
    assert isinstance(first, torch.nn.Linear)
    assert isinstance(second, torch.nn.Linear)
    assert first.weight.equal(second.weight)
    assert copy_outputs(Classifier(4, 1), ["joy"], other, ["joy"]) == []


def test_the_table_of_heads() -> None:
    assert [HEADS["classifier"], HEADS["projection"]] == [Classifier, Projection]
