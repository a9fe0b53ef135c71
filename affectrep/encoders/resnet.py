"""ResNet-18 on single images, trained from scratch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from affectrep.encoders.image_encoder import ImageEncoder

__all__ = ["ResNet18Encoder"]

STEMS = ("imagenet", "pooled", "small")


class ResNet18Encoder(ImageEncoder):
    """Eight residual blocks (He et al. 2016) and the mean over the last maps.

    With 64 channels it has 11.18 million weights, under the names that torchvision's ResNet-18
    gives them. Needs torch alone.

    Args:
        preprocess: settings of `ImagePreprocess`, by its argument names; None for its defaults.
        stem: imagenet (7 x 7, stride 2, max pooling: a map is 1/32 of the image), pooled (3 x 3
            with stride 1, max pooling: 1/16) or small (3 x 3 with stride 1 alone: 1/8), which is
            best and slowest on faces of 48 to 64 px.
        width: channels of the first stage; fewer than 64 narrow all stages.
        channels_last: keep maps in that memory order: the same outputs to rounding, a tenth
            less time on a CPU, a quarter less with the small stem.

    Raises:
        ValueError: if a setting is unknown or out of range.

    Source: He et al. 2016, Table 1; He et al. 2015 for the first values.

    Example:
        >>> encoder = ResNet18Encoder(width=8, stem="small", preprocess={"size_px": 32}).eval()
        >>> output = encoder({"pixels": torch.zeros(2, 3, 32, 32)})
        >>> output.embeddings.shape, output.features.shape
        (torch.Size([2, 64]), torch.Size([2, 64, 4, 4]))
    """

    def __init__(
        self,
        *,
        preprocess: dict[str, Any] | None = None,
        stem: str = "imagenet",
        width: int = 64,
        channels_last: bool = True,
    ) -> None:
        super().__init__(preprocess)
        if stem not in STEMS:
            raise ValueError(f"encoder.stem is {stem!r}, expected one of {', '.join(STEMS)}")
        if width < 1:
            raise ValueError(f"encoder.width is {width}, expected at least 1")
        large = stem == "imagenet"
        self.conv1 = _convolution(3, width, size=7 if large else 3, stride=2 if large else 1)
        self.bn1 = nn.BatchNorm2d(width)
        pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.maxpool = nn.Identity() if stem == "small" else pool
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.dim = 8 * width
        self.memory = torch.channels_last if channels_last else torch.contiguous_format
        self.to(memory_format=self.memory)  # type: ignore[call-overload]  # known for convolutions

    def maps(self, pixels: Tensor) -> Tensor:
        """Return the last maps ``(batch, dim, height, width)``."""
        pixels = pixels.contiguous(memory_format=self.memory)
        maps: Tensor = self.maxpool(self.bn1(self.conv1(pixels)).relu_())
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = stage(maps)
        return maps


class _Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, outputs, size=3, stride=stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _convolution(outputs, outputs, size=3, stride=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1:
            shortcut = _convolution(inputs, outputs, size=1, stride=stride)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.bn1(self.conv1(maps)).relu_()
        joined: Tensor = self.bn2(self.conv2(inner)) + self.downsample(maps)
        return joined.relu_()


def _stage(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    first = _Block(inputs, outputs, stride=stride)
    return nn.Sequential(first, _Block(outputs, outputs, stride=1))


def _convolution(inputs: int, outputs: int, *, size: int, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
