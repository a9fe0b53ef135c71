from __future__ import annotations

import pytest
import torch

from affectrep.heads import (
    HEAD_DEFAULTS,
    HEADS,
    Classifier,
    KernelClassifier,
    Projection,
    build_heads,
    check_heads,
    copy_outputs,
)


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


def test_the_head_of_the_paper() -> None:
    head = Classifier(16, 2, hidden=[64, 8], activation="relu", dropout=0.5)
    kinds = [type(layer).__name__ for layer in head.layers]
    assert kinds == [*("Dropout", "Linear", "ReLU") * 2, "Linear"]
    points = torch.randn(5, 16)
    hidden = points
    for index in (1, 4):
        layer = head.layers[index]
        hidden = (hidden @ layer.weight.T + layer.bias).clamp_min(0)
    expected = hidden @ head.last.weight.T + head.last.bias
    torch.testing.assert_close(head.eval()(points), expected)
    assert not head.train()(points).equal(head(points))


def test_one_hidden_layer_as_a_number_keeps_its_places() -> None:
    """Weights of models that were saved before several layers were possible still fit."""
    head = Classifier(4, 3, hidden=5)
    assert list(head.state_dict()) == [
        f"layers.{i}.{w}" for i in (1, 4) for w in ("weight", "bias")
    ]
    assert [type(layer).__name__ for layer in head.layers] == [
        *("Dropout", "Linear", "GELU"),
        *("Dropout", "Linear"),
    ]
    assert list(Classifier(4, 3).state_dict()) == ["layers.1.weight", "layers.1.bias"]


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
    assert copy_outputs(Classifier(4, 1, hidden=[2, 2]), ["joy"], other, ["joy"]) == []


def kernel(outputs: int, vectors: int = 6) -> KernelClassifier:
    head = KernelClassifier(3, outputs, vectors=vectors)
    generator = torch.Generator().manual_seed(0)
    for name in ("support_vectors", "coefficients", "intercepts"):
        buffer = head.get_buffer(name)
        buffer.copy_(torch.randn(buffer.shape, generator=generator, dtype=buffer.dtype))
    return head


def test_a_kernel_classifier_agrees_with_loops() -> None:
    head, points = kernel(4), torch.randn(20, 3, dtype=torch.float64)
    head.gamma.fill_(0.7)
    for point, scores in zip(points, head(points), strict=True):
        votes, sums, pair = [0.0] * 4, [0.0] * 4, 0
        for i in range(4):
            for j in range(i + 1, 4):
                value = float(head.intercepts[pair])
                for coefficient, vector in zip(
                    head.coefficients[pair], head.support_vectors, strict=True
                ):
                    distance = float((point - vector).square().sum())
                    value += float(coefficient) * 2.718281828459045 ** (-0.7 * distance)
                votes[i if value >= 0 else j] += 1
                sums[i] += value
                sums[j] -= value
                pair += 1
        expected = [v + s / (3 * (abs(s) + 1)) for v, s in zip(votes, sums, strict=True)]
        torch.testing.assert_close(scores.tolist(), expected)


def test_a_kernel_classifier_keeps_its_precision_beside_half_and_single() -> None:
    head, points = kernel(3), torch.randn(50, 3)
    assert head(points).dtype == torch.float32
    assert head(points.half()).dtype == torch.float32
    torch.testing.assert_close(head.pair_values(points), head.pair_values(points.double()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(head(points), kernel(3)(points))


@pytest.mark.parametrize("outputs", [2, 3, 4, 7])
def test_a_state_tells_the_sizes_of_a_kernel_classifier(outputs: int) -> None:
    head, points = kernel(outputs), torch.randn(5, 3)
    again = KernelClassifier.from_state(head.state_dict())
    assert again.outputs == outputs
    assert again(points).shape == (5, outputs)
    assert again(points).equal(head(points))
    with pytest.raises(ValueError, match="no state of a kernel classifier"):
        KernelClassifier.from_state(Classifier(3, outputs).state_dict())
    with pytest.raises(ValueError, match="no state of a kernel classifier"):
        KernelClassifier.from_state({**head.state_dict(), "coefficients": torch.zeros(1, 9)})
    with pytest.raises(ValueError, match="2 outputs or more"):
        KernelClassifier(3, 1, vectors=2)


@pytest.mark.parametrize("kind", HEADS)
def test_each_kind_of_the_table_is_accepted_and_built(kind: str) -> None:
    settings = {**HEAD_DEFAULTS, "kind": kind, "vectors": 5 if kind == "kernel" else None}
    check_heads(settings, "classification")
    head, _, _ = build_heads(8, 4, settings)
    assert type(head) is {"linear": Classifier, "kernel": KernelClassifier}[kind]
    with pytest.raises(ValueError, match="heads.kind is 'cubic', expected linear or kernel"):
        check_heads({**settings, "kind": "cubic"}, "classification")


def test_heads_are_built_as_their_settings_say() -> None:
    values = {"hidden": 5, "projection_dim": 2, "expressions": ["calm", "glad"]}
    classifier, projection, expression = build_heads(4, 3, {**HEAD_DEFAULTS, **values})
    assert expression(torch.zeros(1, 4)).shape == (1, 2)
    assert isinstance(classifier, Classifier)
    assert classifier.last.weight.shape == (3, 5)
    assert projection is not None
    paper = {**HEAD_DEFAULTS, "hidden": [5, 4], "activation": "relu"}
    deep = build_heads(4, 2, paper)[0]
    assert isinstance(deep, Classifier)
    assert isinstance(deep.layers[2], torch.nn.ReLU)
    assert deep.last.weight.shape == (2, 4)
    kernel_head, none, _ = build_heads(4, 3, {**HEAD_DEFAULTS, "kind": "kernel", "vectors": 6})
    assert isinstance(kernel_head, KernelClassifier)
    assert kernel_head.support_vectors.shape == (6, 4)
    assert none is None


@pytest.mark.parametrize(
    ("settings", "task", "message"),
    [
        ({"width": 3}, "classification", r"unknown key heads\.width; there are hidden"),
        ({"kind": "forest"}, "classification", "'forest', expected linear or kernel"),
        ({"hidden": []}, "regression", r"hidden is \[\], expected 0, a number of units or a list"),
        ({"hidden": [64, 0]}, "regression", r"hidden is \[64, 0\], expected 0"),
        ({"hidden": -1}, "regression", "hidden is -1, expected 0"),
        ({"activation": "tanh"}, "regression", "activation is 'tanh', expected one of gelu, relu"),
        ({"kind": "kernel"}, "classification", "kernel and heads.vectors None do not fit"),
        ({"vectors": 3}, "classification", "linear and heads.vectors 3 do not fit"),
        ({"kind": "kernel", "vectors": 3}, "multilabel", "one class a row, but task is multilabel"),
    ],
)
def test_settings_that_no_heads_have(settings: dict, task: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_heads(settings, task)


def test_a_kernel_classifier_shares_no_outputs() -> None:
    own, other = Classifier(3, 2), kernel(2)
    before = own.last.weight.clone()
    assert copy_outputs(own, ["a", "b"], other, ["a", "b"]) == []
    assert own.last.weight.equal(before)
