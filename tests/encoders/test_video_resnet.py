from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from affectrep.encoders.video_resnet import VideoResNetEncoder


@pytest.mark.parametrize(("kind", "weights"), [("r3d_18", 33_166_272), ("r2plus1d_18", 31_300_125)])
def test_it_agrees_with_torchvision(kind: str, weights: int) -> None:
    video = pytest.importorskip("torchvision.models.video")
    encoder = VideoResNetEncoder(kind=kind, preprocess={"size_px": 16, "frames": 8}).eval()
    assert sum(parameter.numel() for parameter in encoder.parameters()) == weights
    reference = getattr(video, kind)(weights=None).eval()
    for index, part in enumerate(("stem", "layer1", "layer2", "layer3", "layer4")):
        getattr(reference, part).load_state_dict(encoder.network[index].state_dict())
    reference.fc = torch.nn.Identity()
    pixels = torch.randn(2, 3, 8, 16, 16)
    with torch.no_grad():
        output, expected = encoder({"pixels": pixels}), reference(pixels)
    torch.testing.assert_close(output.embeddings, expected, atol=1e-5, rtol=1e-4)
    assert output.features is not None
    assert output.features.shape == (2, 512, 1, 1, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "c3d"}, "kind is 'c3d', expected one of r3d_18, r2plus1d_18"),
        ({"preprocess": {"frames": 1}}, "frames is 1, but video_resnet reads clips of at least 2"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VideoResNetEncoder(**settings)


def test_without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models.video", None)
    with pytest.raises(ValueError, match=r"pip install 'affectrep\[face\]'"):
        VideoResNetEncoder()
