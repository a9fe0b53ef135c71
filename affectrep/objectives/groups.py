"""What the losses of two groups share: checks, safe values, exact distances."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["bounded", "check_groups", "squared_distances"]

LARGEST = 1e15  # coordinates beyond this would overflow float32 when squared


def bounded(values: Tensor, largest: float = LARGEST) -> Tensor:
    """Return the values in float32 at least, clamped so that squares stay finite.

    Example:
        >>> bounded(torch.ones(1, dtype=torch.bfloat16))
        tensor([1.])
    """
    values = values if values.dtype == torch.float64 else values.float()
    return values.clamp(-largest, largest)


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Return ``(first, second)`` squared Euclidean distances, exact also for near points.

    Example:
        >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        tensor([[25.]])
    """
    return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist").square()


def check_groups(strong: Tensor, weak: Tensor) -> None:
    """Raise ValueError unless both are ``(rows, dim)`` of one dim and there is a row."""
    if strong.ndim != 2 or weak.ndim != 2 or strong.shape[1] != weak.shape[1]:
        raise ValueError(
            f"expected strong (rows, dim) and weak (rows, dim), got {tuple(strong.shape)} and "
            f"{tuple(weak.shape)}"
        )
    if len(strong) + len(weak) == 0 or strong.shape[1] == 0:
        raise ValueError("expected at least one row and one dimension, got none")
