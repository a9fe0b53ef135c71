"""The critic's network: sizes, outputs and their bounds, safe values."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from affectrep.objectives.critic_head import CriticHead

OUTPUTS = ("sigmoid", "linear", "normalised", "tanh")


def test_the_critic_of_alexnet_has_the_papers_parameters():
    critic = CriticHead(256, grid=6)
    assert sum(parameter.numel() for parameter in critic.parameters()) == 592_496
    assert critic(torch.zeros(3, 256, 13, 13)).shape == (3, 16)


def test_values_are_those_of_the_layers():
    torch.manual_seed(0)
    critic = CriticHead(5).double().eval()
    points = torch.randn(7, 5, dtype=torch.float64)
    (w1, b1, w2, b2, w3, b3) = critic.parameters()
    expected = (points @ w1.T + b1).clamp_min(0)
    expected = (expected @ w2.T + b2).clamp_min(0)
    expected = 1 / (1 + (-(expected @ w3.T + b3)).exp())
    torch.testing.assert_close(critic(points), expected, rtol=1e-12, atol=1e-12)


def test_the_released_code_has_no_activation_after_the_first_layer():
    torch.manual_seed(0)
    usual = CriticHead(5, output="linear").double().eval()
    torch.manual_seed(0)
    critic = CriticHead(5, output="linear", first_activation="none").double().eval()
    kinds = [type(layer).__name__ for layer in critic.layers]
    assert kinds == ["Linear", "Linear", "Dropout", "ReLU", "Linear"]
    points = torch.randn(7, 5, dtype=torch.float64)
    (w1, b1, w2, b2, w3, b3) = critic.parameters()
    for own, other in zip(critic.parameters(), usual.parameters(), strict=True):
        assert torch.equal(own, other)
    expected = ((points @ w1.T + b1) @ w2.T + b2).clamp_min(0) @ w3.T + b3
    torch.testing.assert_close(critic(points), expected, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(critic(points), usual(points))


@pytest.mark.parametrize("widths", [(3,), (4, 3)])
def test_two_layers_without_an_activation_are_linear(widths):
    torch.manual_seed(0)
    critic = CriticHead(5, widths=widths, output="linear", first_activation="none").double()
    one, other = torch.randn(2, 6, 5, dtype=torch.float64)
    middle = (critic(one) + critic(other)) / 2
    torch.testing.assert_close(critic((one + other) / 2), middle)


def test_maps_are_pooled_to_the_grid():
    torch.manual_seed(0)
    pooled, flat = CriticHead(3, grid=2, dropout=0.0), CriticHead(12, dropout=0.0)
    flat.load_state_dict(pooled.state_dict())
    maps = torch.randn(4, 3, 8, 8)
    means = maps.reshape(4, 3, 2, 4, 2, 4).mean(dim=(3, 5)).flatten(1)
    torch.testing.assert_close(pooled(maps), flat(means))


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_two_outputs_are_farther_apart_than_promised(output):
    torch.manual_seed(0)
    critic = CriticHead(4, output=output)
    points = critic(100 * torch.randn(200, 4))
    if output == "linear":
        assert math.isinf(critic.largest_distance)
        assert torch.cdist(points, points).max() > 4
    else:
        assert critic.largest_distance == {"sigmoid": 16, "tanh": 64, "normalised": 4}[output]
        assert torch.cdist(points, points).max() ** 2 <= critic.largest_distance + 1e-4
    if output == "normalised":
        torch.testing.assert_close(points.norm(dim=1), torch.ones(200))


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_layers_are_followed_by_the_output(output):
    torch.manual_seed(0)
    raw = CriticHead(4, output="linear", dropout=0.0)
    critic = CriticHead(4, output=output, dropout=0.0)
    critic.load_state_dict(raw.state_dict())
    points = torch.randn(6, 4)
    expected = {
        "sigmoid": torch.sigmoid,
        "linear": lambda x: x,
        "normalised": lambda x: x / x.norm(dim=1, keepdim=True),
        "tanh": torch.tanh,
    }[output](raw(points))
    torch.testing.assert_close(critic(points), expected)


def test_spectral_norm_makes_every_layer_of_norm_one():
    torch.manual_seed(0)
    critic = CriticHead(8, spectral=True)
    for _ in range(100):
        critic(torch.randn(2, 8))
    layers = [layer for layer in critic.layers if isinstance(layer, nn.Linear)]
    assert len(layers) == 3
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1.0, abs=1e-2)


def test_dropout_is_off_in_evaluation():
    torch.manual_seed(0)
    critic, points = CriticHead(8, dropout=0.5), torch.randn(4, 8)
    assert not torch.equal(critic(points), critic(points))
    critic.eval()
    assert torch.equal(critic(points), critic(points))


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("output", OUTPUTS)
def test_values_and_gradients_are_finite(output, dtype, spectral):
    torch.manual_seed(0)
    critic = CriticHead(4, output=output, spectral=spectral).to(dtype)
    largest = torch.finfo(dtype).max
    points = torch.tensor([[0.0] * 4, [largest] * 4, [-largest, largest, 0, 1]], dtype=dtype)
    points.requires_grad_()
    found = critic(points)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    found.square().sum().backward()
    assert torch.isfinite(found).all()
    assert torch.isfinite(points.grad).all()


def test_half_weights_are_used_in_float32():
    torch.manual_seed(0)
    critic = CriticHead(4, dropout=0.0).to(torch.bfloat16)
    wide = CriticHead(4, dropout=0.0)
    wide.load_state_dict(critic.state_dict())
    points = torch.randn(5, 4)
    torch.testing.assert_close(critic(points), wide(points))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(wide(points), critic(points))


@pytest.mark.parametrize("output", OUTPUTS)
def test_gradcheck(output):
    torch.manual_seed(3)
    critic = CriticHead(3, widths=(5, 4, 2), output=output, dropout=0.0).double()
    assert torch.autograd.gradcheck(critic, torch.randn(4, 3).double().requires_grad_())


def test_no_rows_give_no_outputs():
    assert CriticHead(4)(torch.zeros(0, 4)).shape == (0, 16)
    assert CriticHead(4, grid=6)(torch.zeros(0, 4, 6, 6)).shape == (0, 16)


@pytest.mark.parametrize(
    "options",
    [
        {"widths": ()},
        {"widths": (4, 0)},
        {"output": "softmax"},
        {"dropout": 1.0},
        {"grid": -1},
        {"first_activation": "gelu"},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match="expected"):
        CriticHead(4, **options)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"expected values \(batch, 4\), got \(2, 5\)"):
        CriticHead(4)(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="height, width"):
        CriticHead(4, grid=6)(torch.zeros(2, 4))
