"""AlexNet's convolutions on single images, trained from scratch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from affectrep.encoders.image_encoder import ImageEncoder

__all__ = ["AlexNetTunedEncoder"]

SMALLEST_PX = 63


class AlexNetTunedEncoder(ImageEncoder):
    """The five convolutions of AlexNet, pooled to 6 x 6 and flattened.

    They have 2,469,696 weights, under the names that torchvision's AlexNet gives them; with the
    light head of 64 and 8 units the CAF paper calls this "AlexNet (tuned)", 3.06 million. Needs
    torch alone.

    Args:
        preprocess: settings of `ImagePreprocess`, by its argument names; None for its defaults.
        channels_last: keep maps in that memory order: the same outputs to rounding, a tenth
            less time on a CPU.

    Raises:
        ValueError: if a setting is unknown or out of range, or images are too small for it.

    Source: Krizhevsky 2014, arXiv 1404.5997; Kim and Song 2021 (CAF).

    Example:
        >>> encoder = AlexNetTunedEncoder(preprocess={"size_px": 64}).eval()
        >>> output = encoder({"pixels": torch.zeros(2, 3, 64, 64)})
        >>> output.embeddings.shape, output.features.shape
        (torch.Size([2, 9216]), torch.Size([2, 256, 6, 6]))
    """

    dim = 9216
    channels = 256  # of the maps, for a critic that reads them

    def __init__(
        self, *, preprocess: dict[str, Any] | None = None, channels_last: bool = True
    ) -> None:
        super().__init__(preprocess)
        if self.preprocess.size_px < SMALLEST_PX:
            raise ValueError(
                f"encoder.preprocess.size_px is {self.preprocess.size_px}, but alexnet_tuned reads "
                f"at least {SMALLEST_PX} px"
            )
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2),
        )
        self.memory = torch.channels_last if channels_last else torch.contiguous_format
        self.to(memory_format=self.memory)  # type: ignore[call-overload]  # known for convolutions

    def maps(self, pixels: Tensor) -> Tensor:
        """Return the maps pooled to ``(batch, 256, 6, 6)``."""
        maps = self.features(pixels.contiguous(memory_format=self.memory))
        return nn.functional.adaptive_avg_pool2d(maps, 6)

    def pool(self, maps: Tensor) -> Tensor:
        """Return the values of all maps ``(batch, 9216)``."""
        return maps.flatten(1)
