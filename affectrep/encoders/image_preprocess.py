"""What an encoder of faces expects of an image: its size, its normalisation, how it was cut out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from affectrep.encoders.stored_preprocess import StoredPreprocess

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "ImagePreprocess"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ImagePreprocess(StoredPreprocess):
    """Centre crop and normalisation; two are equal when all their settings are.

    The paper's setting is ``size_px=224, resize_px=256`` (Kim and Song 2021, CAF); small faces of
    48 to 64 px are quick and need no other. ``version`` counts up whenever the same settings give
    other pixels.

    Args:
        size_px: side of what the encoder reads.
        resize_px: side of the images before the crop; 0 takes ``size_px``.
        mean: of red, green and blue on the scale [0, 1].
        std: standard deviation, likewise.
        frames: images of one clip; 1 for single images.
        detector: how faces are found at inference: none, cascade or yunet:<file>.
        margin: share of a face's side that was added on each edge.

    Raises:
        ValueError: if a value is out of range.

    Example:
        >>> preprocess = ImagePreprocess(size_px=48, resize_px=56)
        >>> preprocess([torch.zeros(3, 56, 56, dtype=torch.uint8)])["pixels"].shape
        torch.Size([1, 3, 48, 48])
    """

    kind: ClassVar[str] = "image"

    size_px: int = 224
    resize_px: int = 0
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    frames: int = 1
    detector: str = "none"
    margin: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "resize_px", self.resize_px or self.size_px)
        object.__setattr__(self, "margin", float(self.margin))  # 0 and 0.0 have one key
        for name in ("mean", "std"):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        _require(self.size_px >= 8, "size_px", self.size_px, "at least 8")
        enough = self.resize_px >= self.size_px
        _require(enough, "resize_px", self.resize_px, f"at least size_px, {self.size_px}")
        _require(len(self.mean) == 3, "mean", self.mean, "one value for red, green and blue")
        positive = len(self.std) == 3 and min(self.std) > 0
        _require(positive, "std", self.std, "a value above 0 for red, green and blue")
        _require(self.frames >= 1, "frames", self.frames, "at least 1")
        _require(self.margin >= 0, "margin", self.margin, "at least 0")

    @classmethod
    def from_settings(cls, settings: dict[str, Any] | None) -> Self:
        """Build one from JSON values; what is None keeps its default.

        Raises:
            ValueError: if a key is unknown or a value out of range.
        """
        given = {key: value for key, value in (settings or {}).items() if value is not None}
        return super().from_settings(given)

    def __call__(self, images: Sequence[Tensor]) -> dict[str, Tensor]:
        """Cut out the centre of images that are larger, and normalise.

        Args:
            images: uint8 RGB, ``(3, height, width)`` each, or ``(frames, 3, height, width)``.

        Returns:
            ``pixels`` float32 ``(batch, 3, size, size)``, of clips
            ``(batch, 3, frames, size, size)``.

        Raises:
            ValueError: if there are none, or one has another type or shape or is too small.
        """
        if not images:
            raise ValueError("expected at least one image")
        stacked = torch.stack([self._centre(image) for image in images])
        shape = (3, 1, 1)
        mean = torch.tensor(self.mean).mul(255).view(shape)
        scale = torch.tensor(self.std).mul(255).reciprocal().view(shape)
        pixels = (stacked - mean).mul_(scale)
        if self.frames > 1:  # 3-D convolutions want the channels before the frames
            pixels = pixels.transpose(1, 2).contiguous()
        return {"pixels": pixels}

    def _centre(self, image: Tensor) -> Tensor:
        lead = (3,) if self.frames == 1 else (self.frames, 3)
        fits = image.dtype == torch.uint8 and image.shape[:-2] == lead
        if not fits or min(image.shape[-2:]) < self.size_px:
            expected = (*lead, self.size_px, self.size_px)
            raise ValueError(
                f"expected uint8 images of shape {expected} or larger, got {image.dtype} of shape "
                f"{tuple(image.shape)}"
            )
        top, left = ((side - self.size_px) // 2 for side in image.shape[-2:])
        return image[..., top : top + self.size_px, left : left + self.size_px]


def _require(fits: bool, name: str, value: object, expected: str) -> None:
    if not fits:
        raise ValueError(f"encoder.preprocess.{name} is {value}, expected {expected}")
