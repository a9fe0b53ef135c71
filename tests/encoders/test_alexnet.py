from __future__ import annotations

import pytest
import torch

from affectrep.encoders.alexnet import AlexNetTunedEncoder
from affectrep.heads import Classifier
from affectrep.objectives.critic_head import CriticHead


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_the_papers() -> None:
    encoder = AlexNetTunedEncoder()
    head = Classifier(encoder.dim, 2, hidden=[64, 8], activation="relu", dropout=0.5)
    critic = CriticHead(encoder.dim)
    assert (count(encoder), count(head), count(critic)) == (2_469_696, 590_426, 592_496)
    assert round((count(encoder) + count(head)) / 1e6, 2) == 3.06
    assert round((count(encoder) + count(head) + count(critic)) / 1e6, 2) == 3.65


@pytest.mark.parametrize("side", [63, 224])
def test_it_agrees_with_torchvision(side: int) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    reference = models.alexnet(weights=None)
    encoder = AlexNetTunedEncoder(preprocess={"size_px": side})
    kept = {k: v for k, v in reference.state_dict().items() if k.startswith("features.")}
    encoder.load_state_dict(kept)
    pixels = torch.randn(2, 3, side, side)
    output = encoder({"pixels": pixels})
    expected = reference.avgpool(reference.features(pixels))
    torch.testing.assert_close(output.features, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(output.embeddings, expected.flatten(1), atol=1e-5, rtol=1e-4)
    assert output.embeddings.shape == (2, encoder.dim)


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="size_px is 48, but alexnet_tuned reads at least 63 px"):
        AlexNetTunedEncoder(preprocess={"size_px": 48})
