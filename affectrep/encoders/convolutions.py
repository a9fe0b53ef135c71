"""Convolution blocks over a spectrogram in which padding has no say."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["NORMS", "ConvolutionBlock", "frame_mask"]

NORMS = ("batch", "group")
GROUPS = 8


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """Return ``(batch, frames)``, True inside each row's length.

    Example:
        >>> frame_mask(torch.tensor([1, 2]), 2).tolist()
        [[True, False], [True, True]]
    """
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


class ConvolutionBlock(nn.Module):
    """3 × 3 convolution, normalisation, maximum over blocks of time and frequency, and ReLU.

    Frames beyond a row's length are zero before and after, as a convolution at the end of the
    clip would find them, and count in no statistic: padding changes nothing, in training neither.
    ReLU comes last because it is the same before and after a maximum, and cheaper after. Maps
    are kept in torch's channels-last layout.

    Args:
        inputs: channels that come in.
        outputs: channels that go out; divisible by 8 for norm ``group``.
        norm: batch or group.
        pool: frames and bins that become one; a last, smaller block is kept.

    Example:
        >>> block = ConvolutionBlock(1, 8, pool=(2, 2))
        >>> maps, lengths = block(torch.zeros(2, 1, 5, 4), torch.tensor([5, 2]))
        >>> maps.shape, lengths.tolist()
        (torch.Size([2, 8, 3, 2]), [3, 1])
    """

    def __init__(
        self, inputs: int, outputs: int, *, norm: str = "batch", pool: tuple[int, int] = (2, 2)
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"encoder.norm is {norm!r}, expected one of {', '.join(NORMS)}")
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = MaskedBatchNorm(outputs) if norm == "batch" else MaskedGroupNorm(outputs)
        self.pool = nn.MaxPool2d(pool, ceil_mode=True)
        self.stride = pool[0]

    def forward(self, maps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps ``(batch, outputs, frames, bins)`` and lengths ``(batch,)`` after pooling.

        Args:
            maps: ``(batch, inputs, frames, bins)``, zero beyond the lengths.
            lengths: ``(batch,)`` in frames.
        """
        mask = frame_mask(lengths, maps.shape[2])
        maps = self.convolution(maps.contiguous(memory_format=torch.channels_last))
        # zero padding may win the maximum, and no harm: what it wins from, ReLU makes zero as well
        maps = self.pool(self.norm(maps, mask)).relu()
        return maps, (lengths + self.stride - 1) // self.stride


class MaskedBatchNorm(nn.Module):
    """Batch normalisation over the frames that are not padding.

    Args:
        channels: of the maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor, mask: Tensor) -> Tensor:
        """Return normalised ``(batch, channels, frames, bins)``, zero where masked."""
        if not self.training:  # running statistics see no row, so padding need not be cut out
            found: Tensor = self.norm(maps)
            return found.masked_fill(~mask[:, None, :, None], 0)
        batch, channels, frames, bins = maps.shape
        # channels last: a frame is one piece of memory, and cutting padding out is copying rows
        rows = maps.permute(0, 2, 3, 1).reshape(batch * frames, bins * channels)
        places = mask.flatten().nonzero()[:, 0]
        kept = rows.index_select(0, places).view(-1, bins, 1, channels).permute(0, 3, 1, 2)
        kept = self.norm(kept).permute(0, 2, 3, 1).reshape(-1, bins * channels)
        rows = torch.zeros_like(rows, dtype=kept.dtype).index_copy(0, places, kept)
        return rows.view(batch, frames, bins, channels).permute(0, 3, 1, 2)


class MaskedGroupNorm(nn.Module):
    """Group normalisation of each clip over the frames that are not padding.

    Args:
        channels: of the maps; divisible by 8.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % GROUPS:
            raise ValueError(f"group norm needs channels divisible by {GROUPS}, got {channels}")
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor, mask: Tensor) -> Tensor:
        """Return normalised ``(batch, channels, frames, bins)``, zero where masked."""
        batch, channels, frames, bins = maps.shape
        # sums over thousands of values need float32 also where the maps are half precision
        grouped = maps.float().reshape(batch, GROUPS, channels // GROUPS, frames, bins)
        kept = mask[:, None, None, :, None]
        count = mask.sum(dim=1).clamp(min=1) * (bins * (channels // GROUPS))
        count = count.view(-1, 1, 1, 1, 1)
        mean = (grouped * kept).sum(dim=(2, 3, 4), keepdim=True) / count
        centred = grouped - mean
        variance = (centred.square() * kept).sum(dim=(2, 3, 4), keepdim=True) / count
        normalised = (centred * (variance + 1e-5).rsqrt()).view(maps.shape)
        normalised = normalised * self.weight[:, None, None] + self.bias[:, None, None]
        return normalised.masked_fill(~mask[:, None, :, None], 0)
