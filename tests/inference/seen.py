"""Pictures with bright squares for faces, videos of them, and models that look at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affectrep.encoders import ENCODERS
from affectrep.encoders.image_preprocess import ImagePreprocess
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.resnet import ResNet18Encoder
from affectrep.model import AffectModel

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float]
CLASSES = ["joy", "anger", "fear"]


def picture(*faces: tuple[int, int, int, int], size: tuple[int, int] = (60, 80)) -> Pixels:
    """A dark picture with grey squares (left, top, side, brightness of at least 100)."""
    pixels = np.full((*size, 3), 20, np.uint8)
    for left, top, side, bright in faces:
        pixels[top : top + side, left : left + side] = bright
    return pixels


def drawn(seed: int = 0, size: tuple[int, int] = (40, 40)) -> Pixels:
    """Smooth noise in colour, which a crop or a mirror changes."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (*(side // 10 for side in size), 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((10, 10, 1), np.uint8))


def write_picture(path: Path, pixels: NDArray[Any], **options: Any) -> str:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, **options)
    return str(path)


def write_video(path: Path, frames: Sequence[Pixels], *, rate_hz: float = 10.0) -> str:
    import cv2

    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), code, rate_hz, (width, height))
    assert video.isOpened()
    for frame in frames:
        video.write(np.ascontiguousarray(frame[:, :, ::-1]))
    video.release()
    return str(path)


def bright_squares(name: str) -> Callable[[Pixels], list[Box]]:
    """A detector: the bounding squares of bright columns that touch, the largest first."""
    if name != "cascade":
        raise ValueError(f"there is no detector {name!r}")

    def find(pixels: Pixels) -> list[Box]:
        bright = pixels[:, :, 0] > 60
        edges = np.flatnonzero(np.diff(np.concatenate([[0], bright.any(0), [0]])))
        boxes = []
        for left, right in edges.reshape(-1, 2).tolist():
            top = int(np.flatnonzero(bright[:, left:right].any(1))[0])
            boxes.append((float(left), float(top), float(right - left)))
        return sorted(boxes, key=lambda box: -box[2])

    return find


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectrep.data.face_boxes.faces_finder", bright_squares)


class Brightness(nn.Module):
    """The brightness of the face's middle, from 0 to 1, and its change within the clip.

    The edge is left out: antialiasing mixes it with what is outside.
    """

    dim = 2

    def __init__(self, **preprocess: Any) -> None:
        super().__init__()
        settings = {"size_px": 8, "mean": (0, 0, 0), "std": (1, 1, 1), **preprocess}
        self.preprocess = ImagePreprocess(**settings)

    def forward(self, inputs: dict[str, Tensor]) -> EncoderOutput:
        pixels = inputs["pixels"][..., 2:-2, 2:-2]
        if pixels.ndim == 4:
            pixels = pixels.unsqueeze(2)
        levels = pixels.mean(dim=(1, 3, 4))  # one a frame
        return EncoderOutput(torch.stack([levels[:, -1], levels[:, -1] - levels[:, 0]], dim=1))


def bright_model(*, meta: dict[str, Any] | None = None, **preprocess: Any) -> AffectModel:
    """Valence is the brightness of the face, arousal its change within the clip."""
    encoder = {"name": "brightness"}
    model = AffectModel(
        encoder=encoder, task="regression", meta=meta, built=Brightness(**preprocess)
    )
    identity(model)
    return model


def bright_classes() -> AffectModel:
    """The first class the more probable the brighter, the second the more it changes."""
    model = AffectModel(
        encoder={"name": "brightness"}, classes=["light", "moves"], built=Brightness()
    )
    identity(model)
    return model


def identity(model: AffectModel) -> None:
    state: Any = model.classifier.last
    state.weight.data, state.bias.data = torch.eye(2), torch.zeros(2)


@pytest.fixture
def resnet(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AffectModel]:
    """A narrow ResNet-18 of drawn weights."""
    monkeypatch.setitem(ENCODERS, "resnet18", "affectrep.encoders.resnet:ResNet18Encoder")

    def build(**changes: Any) -> AffectModel:
        torch.manual_seed(0)
        settings = {"width": 4, "stem": "small", "preprocess": {"size_px": 24, "resize_px": 32}}
        return AffectModel(
            encoder={"name": "resnet18", **settings},
            **{"task": "regression", **changes},
            built=ResNet18Encoder(**settings),  # type: ignore[arg-type]
        ).eval()

    return build
