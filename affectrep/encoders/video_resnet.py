"""ResNets of 18 layers over space and time on clips, trained from scratch."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from torch import Tensor, nn

from affectrep.encoders.image_encoder import ImageEncoder

__all__ = ["VideoResNetEncoder"]

KINDS = ("r3d_18", "r2plus1d_18")


class VideoResNetEncoder(ImageEncoder):
    """torchvision's video ResNets without their classifier, the temporal comparators of CAF.

    r3d_18 convolves over space and time at once (33.2 million weights), r2plus1d_18 over space and
    then over time (31.3 million). Time is halved three times.

    Args:
        preprocess: settings of `ImagePreprocess`; None for 16 frames of 112 px.
        kind: r3d_18 or r2plus1d_18.

    Raises:
        ValueError: if a setting is unknown or out of range, or torchvision is not installed.

    Source: Tran et al. 2018, A Closer Look at Spatiotemporal Convolutions; the CAF paper's Table 2.

    Example:
        >>> encoder = VideoResNetEncoder(preprocess={"frames": 8})  # doctest: +SKIP
        >>> encoder.preprocess.size_px, encoder.dim  # doctest: +SKIP
        (112, 512)
    """

    defaults: ClassVar[dict[str, Any]] = {"frames": 16, "size_px": 112}
    dim = 512

    def __init__(self, *, preprocess: dict[str, Any] | None = None, kind: str = "r3d_18") -> None:
        super().__init__(preprocess)
        if kind not in KINDS:
            raise ValueError(f"encoder.kind is {kind!r}, expected one of {', '.join(KINDS)}")
        if self.preprocess.frames < 2:
            raise ValueError(
                f"encoder.preprocess.frames is {self.preprocess.frames}, but video_resnet reads "
                "clips of at least 2"
            )
        try:
            video = import_module("torchvision.models.video")
        except ImportError as error:
            raise ValueError("video_resnet needs torchvision: pip install 'affectrep[face]'") from (
                error
            )
        network = getattr(video, kind)(weights=None)
        parts = ("stem", "layer1", "layer2", "layer3", "layer4")
        self.network = nn.Sequential(*(getattr(network, part) for part in parts))

    def maps(self, pixels: Tensor) -> Tensor:
        """Return the last maps ``(batch, 512, frames / 8, height / 16, width / 16)``."""
        maps: Tensor = self.network(pixels)
        return maps
