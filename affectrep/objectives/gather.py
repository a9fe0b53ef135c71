"""Differentiable gathering of rows from all processes, also when their numbers differ."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed

__all__ = ["gather_rows", "process_rank"]


def process_rank() -> int:
    """Return this process's rank, 0 without a process group."""
    return distributed.get_rank() if _active() else 0


def gather_rows(rows: Tensor) -> list[Tensor]:
    """Return the rows of every process, in rank order; gradients flow back to their owners.

    Each process's backward must be of its own share of one global sum; the gradients that the
    processes hold for one another's rows are then added, which gives the single-process gradient.

    Args:
        rows: ``(batch, ...)``; the batch may differ between processes, the rest may not.

    Example:
        >>> [part.shape for part in gather_rows(torch.zeros(3, 2))]
        [torch.Size([3, 2])]
    """
    if not _active():
        return [rows]
    sizes = _sizes(rows)
    gathered = _Gather.apply(rows, sizes)  # type: ignore[no-untyped-call]
    return list(torch.split(gathered, sizes))


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: list[int]) -> Tensor:
        ctx.sizes = sizes
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: rows.shape[0]] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        total = grads[0].contiguous()
        distributed.all_reduce(total)
        return torch.split(total, ctx.sizes)[distributed.get_rank()].contiguous(), None


def _sizes(rows: Tensor) -> list[int]:
    own = torch.tensor([rows.shape[0]], device=rows.device)
    parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, own)
    return [int(part) for part in parts]


def _active() -> bool:
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )
