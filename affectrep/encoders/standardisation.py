"""Standardise the last axis of features by numbers from the training rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["Standardisation"]

SMALLEST_SD = 1e-5


class Standardisation(nn.Module):
    """Subtract a mean and divide by a standard deviation, both buffers; identity until fitted.

    Args:
        dim: width of the last axis.
        clip: largest magnitude of a result; None for no limit.

    Example:
        >>> standardise = Standardisation(1)
        >>> standardise.fit(torch.tensor([[1.0], [3.0]]))
        >>> standardise(torch.tensor([[3.0]])).tolist()
        [[1.0]]
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, dim: int, *, clip: float | None = None) -> None:
        super().__init__()
        if clip is not None and not clip > 0:
            raise ValueError(f"clip is {clip}, expected a number above 0 or null")
        self.clip = clip
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("sd", torch.ones(dim))

    def fit(self, clips: Iterable[NDArray[np.float32] | Tensor]) -> None:
        """Take mean and population standard deviation over all rows of all clips.

        A value that is the same in all rows keeps the standard deviation 1. Clips are read one
        by one, so that they need not be in memory together (Chan et al. 1979, eq. 2.1).

        Args:
            clips: ``(dim,)`` or ``(frames, dim)`` each.

        Raises:
            ValueError: if there are no rows, or of another width, or not finite.
        """
        count, mean, spread = 0, torch.zeros(len(self.mean)).double(), torch.zeros(()).double()
        for clip in clips:
            rows = self._rows(clip)
            shift = rows.mean(dim=0) - mean
            total = count + len(rows)
            within = (rows - rows.mean(dim=0)).square().sum(dim=0)
            spread = spread + within + shift.square() * (count * len(rows) / total)
            mean, count = mean + shift * (len(rows) / total), total
        if not count:
            raise ValueError("expected features of at least one clip to fit, got none")
        sd = (spread / count).sqrt()
        self.mean.copy_(mean)
        self.sd.copy_(torch.where(sd <= SMALLEST_SD * mean.abs().clamp(min=1), 1.0, sd))

    def _rows(self, clip: NDArray[np.float32] | Tensor) -> Tensor:
        rows = torch.as_tensor(clip).double().cpu()
        if rows.ndim not in (1, 2) or rows.shape[-1] != len(self.mean) or not rows.numel():
            raise ValueError(
                f"expected features (…, {len(self.mean)}) to fit, got {tuple(rows.shape)}"
            )
        if not rows.isfinite().all():
            raise ValueError("the features to fit hold a value that is no finite number")
        return rows.reshape(-1, len(self.mean))

    def forward(self, features: Tensor) -> Tensor:
        """Return the standardised features ``(…, dim)``."""
        found = (features - self.mean) / self.sd
        return found if self.clip is None else found.clamp(-self.clip, self.clip)
