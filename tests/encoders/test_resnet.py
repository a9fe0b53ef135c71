from __future__ import annotations

from typing import Any

import pytest
import torch

from affectrep.encoders.resnet import ResNet18Encoder


def pixels(side: int = 32, count: int = 4) -> dict[str, torch.Tensor]:
    drawn = torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))
    return {"pixels": drawn}


def count(encoder: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


def test_the_trunk_is_the_papers() -> None:
    encoder = ResNet18Encoder()
    assert (count(encoder), encoder.dim) == (11_176_512, 512)
    assert round(count(encoder) / 1e6, 2) == 11.18
    assert count(ResNet18Encoder(stem="small")) == 11_176_512 - 64 * 3 * (49 - 9)
    assert ResNet18Encoder(width=16).dim == 128


@pytest.mark.parametrize("channels_last", [False, True])
def test_it_agrees_with_torchvision_in_training_and_after(channels_last: bool) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    reference = models.resnet18(weights=None)
    encoder = ResNet18Encoder(channels_last=channels_last)
    state = {k: v for k, v in reference.state_dict().items() if not k.startswith("fc.")}
    encoder.load_state_dict(state)
    reference.fc = torch.nn.Identity()
    for network in (encoder, reference):
        network.double().train()
    batch = {"pixels": pixels()["pixels"].double()}
    found, expected = encoder(batch).embeddings, reference(batch["pixels"])
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-8)
    found.square().sum().backward()
    expected.square().sum().backward()
    grads = dict(reference.named_parameters())
    for name, value in encoder.named_parameters():
        own, other = value.grad, grads[name].grad
        assert own is not None
        assert (own - other).norm() < 1e-8 * other.norm()
    after, expected = encoder.eval()(batch).embeddings, reference.eval()(batch["pixels"])
    torch.testing.assert_close(after, expected, atol=1e-10, rtol=1e-8)


def test_first_values_are_those_of_he() -> None:
    torch.manual_seed(0)
    encoder = ResNet18Encoder()
    for layer, fan in ((encoder.conv1, 64 * 49), (encoder.layer4[1].conv2, 512 * 9)):
        assert abs(float(layer.weight.detach().std()) / (2 / fan) ** 0.5 - 1) < 0.05
    assert encoder.bn1.weight.eq(1).all()


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 2), ("pooled", 4), ("small", 8)])
def test_features_are_the_maps_before_pooling(stem: str, side: int) -> None:
    encoder = ResNet18Encoder(stem=stem, width=8).eval()
    output = encoder(pixels(64))
    assert output.features.shape == (4, 64, side, side)
    torch.testing.assert_close(output.embeddings, output.features.mean(dim=(2, 3)))


def test_the_memory_order_changes_nothing_but_rounding() -> None:
    encoders = []
    for channels_last in (False, True):
        torch.manual_seed(0)
        encoders.append(ResNet18Encoder(width=8, stem="small", channels_last=channels_last))
    plain, last = encoders
    assert last.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert all(v.is_contiguous() for v in last.weights().values())  # as a file holds them
    torch.testing.assert_close(
        last(pixels()).embeddings, plain(pixels()).embeddings, atol=1e-5, rtol=1e-4
    )


def test_bfloat16_is_near_float32() -> None:
    torch.manual_seed(0)
    encoder = ResNet18Encoder(width=16)
    encoder(pixels(48, 16))
    plain = encoder.eval()(pixels(48)).embeddings
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = encoder(pixels(48)).embeddings
    assert (half.float() - plain).norm() < 0.05 * plain.norm()


def test_it_learns_which_half_is_bright() -> None:
    torch.manual_seed(0)
    encoder, head = ResNet18Encoder(width=8, stem="small"), torch.nn.Linear(64, 2)
    labels = torch.arange(16) % 2
    images = torch.randn(16, 3, 16, 16)
    images[labels == 1, :, :8] += 1.0
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=2e-3)
    losses = []
    for _ in range(10):
        logits = head(encoder({"pixels": images}).embeddings)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stem": "cifar"}, "stem is 'cifar', expected one of imagenet, pooled, small"),
        ({"width": 0}, "width is 0, expected at least 1"),
        ({"preprocess": {"px": 3}}, r"unknown key encoder\.preprocess\.px"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResNet18Encoder(**settings)
