"""Masks over time and frequency of a spectrogram, for training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SpecAugment"]


class SpecAugment(nn.Module):
    """Replace random blocks of frames and of bins by zero (Park et al. 2019); nothing in eval.

    Each clip has its own masks, drawn by torch's generator of the CPU. A mask's width is uniform
    between 0 and its maximum; frames are drawn inside the clip's true length, and all masks over
    time together never pass ``max_share`` of it. Zero is the mean of a standardised input.

    Args:
        time_masks: number of masks over time.
        max_frames: largest width of one, in frames.
        frequency_masks: number of masks over frequency.
        max_bins: largest width of one, in bins.
        max_share: of a clip's frames that masks over time may take, in [0, 1].

    Example:
        >>> augment = SpecAugment(time_masks=0, frequency_masks=0)
        >>> augment(torch.ones(1, 3, 2), torch.tensor([3])).sum().item()
        6.0
    """

    def __init__(
        self,
        *,
        time_masks: int = 2,
        max_frames: int = 25,
        frequency_masks: int = 2,
        max_bins: int = 8,
        max_share: float = 0.3,
    ) -> None:
        super().__init__()
        if min(time_masks, max_frames, frequency_masks, max_bins) < 0 or not 0 <= max_share <= 1:
            raise ValueError(
                "spec_augment: expected numbers of at least 0 and max_share in [0, 1], got "
                f"{time_masks}, {max_frames}, {frequency_masks}, {max_bins} and {max_share}"
            )
        self.time_masks, self.max_frames = time_masks, max_frames
        self.frequency_masks, self.max_bins = frequency_masks, max_bins
        self.max_share = max_share

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(batch, frames, bins)`` with masks; ``lengths`` ``(batch,)`` in frames."""
        if not self.training:
            return features
        frames, bins = features.shape[1:]
        lengths = lengths.cpu()
        widest = (lengths * self.max_share / max(self.time_masks, 1)).floor()
        over_time = _blocks(self.time_masks, widest.clamp(max=self.max_frames), lengths, frames)
        limit = torch.full_like(lengths, min(self.max_bins, bins))
        over_bins = _blocks(self.frequency_masks, limit, torch.full_like(lengths, bins), bins)
        masked = over_time[:, :, None] | over_bins[:, None, :]
        return features.masked_fill(masked.to(features.device), 0)


def _blocks(number: int, widest: Tensor, within: Tensor, size: int) -> Tensor:
    """Return ``(batch, size)``, True in ``number`` random blocks of each row."""
    drawn = torch.rand(2, len(within), number)
    width = (drawn[0] * (widest[:, None] + 1)).floor()
    start = (drawn[1] * (within[:, None] - width + 1)).floor()
    place = torch.arange(size)
    inside = (place >= start[..., None]) & (place < (start + width)[..., None])
    return inside.any(dim=1)
