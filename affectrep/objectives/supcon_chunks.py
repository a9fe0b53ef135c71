"""Supervised contrast a tile at a time: memory grows with the rows, not with their square."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["Pairs", "chunked_losses", "plain_losses"]

_CACHED = 512  # rows of a tile that a CPU's cache still holds; larger ones took 1.1 to 1.3 times


@dataclass(frozen=True)
class Pairs:
    """Which candidates attract which anchors, and how strongly; asked for a tile at a time.

    Args:
        labels: ``(batch,)`` of the anchors.
        candidate_labels: ``(candidates,)``.
        start: the candidate that anchor 0 itself is; anchor i is candidate ``start + i``.
        domains: ``(batch,)`` and ``(candidates,)``, -1 where unknown, or None for equal weights.
        weight: of a positive from another (known) domain; all others weigh 1.
        normaliser: divide an anchor's sum by its weights' "sum" or by its positives' "count".

    Example:
        >>> pairs = Pairs(torch.tensor([0, 0]), torch.tensor([0, 0, 1]))
        >>> pairs.tile(slice(None), slice(None), torch.float32)[1].tolist()
        [[False, True, False], [True, False, False]]
    """

    labels: Tensor
    candidate_labels: Tensor
    start: int = 0
    domains: tuple[Tensor, Tensor] | None = None
    weight: float = 1.0
    normaliser: Literal["sum", "count"] = "sum"

    def tile(self, rows: slice, columns: slice, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return ``(rows, columns)`` tensors: "is itself", and the weight as a positive or 0.

        Weights are of ``dtype``, or bool where all are alike.
        """
        index = torch.arange(len(self.candidate_labels), device=self.labels.device)
        own = index[self.start : self.start + len(self.labels)][rows]
        itself = own[:, None] == index[columns][None, :]
        positives = self.labels[rows, None] == self.candidate_labels[None, columns]
        positives = positives & ~itself
        if self.domains is None:
            return itself, positives
        anchor, candidate = self.domains[0][rows, None], self.domains[1][None, columns]
        other = (anchor != candidate) & (anchor >= 0) & (candidate >= 0)
        return itself, positives.to(dtype).masked_fill_(other & positives, self.weight)

    def classes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return class codes below ``candidates`` of anchors and candidates, and positives.

        The last is how many positives an anchor has; all in memory linear in the rows.
        """
        known, own = self.candidate_labels.sort().values, self.labels.contiguous()
        first = torch.searchsorted(known, own)
        positives = torch.searchsorted(known, own, right=True) - first - 1
        return first, torch.searchsorted(known, self.candidate_labels.contiguous()), positives

    def divisor(self, weights: Tensor, counts: Tensor) -> Tensor:
        """Return what an anchor's sum is divided by, 1 where it has no positive; ``(batch,)``."""
        divisor = weights if self.normaliser == "sum" else counts.to(weights.dtype)
        return torch.where(counts > 0, divisor, 1.0)


def plain_losses(
    unit: Tensor, candidates: Tensor, pairs: Pairs, *, temperature: float, chunk: int | None
) -> Tensor:
    """Return each anchor's unweighted L_out in nats, 0 without a positive; ``(batch,)``.

    The mean over positives is a product with the sum of their class, so only the denominator
    looks at all pairs: a tile at a time, or with ``chunk=None`` all at once (and then with a second
    derivative). Where ``candidates`` is the very tensor ``unit``, a tile serves its rows and its
    columns, in about half the time, unless the temperature is so low that a bare exponential could
    overflow (below 0.0226 in float32, 0.0029 in float64).

    Source: Khosla et al. 2020, Eq. 2; tiles after Cheng et al. 2024 (Inf-CL, 2410.17243).

    Example:
        >>> pairs = Pairs(torch.tensor([0, 0]), torch.tensor([0, 0]))
        >>> plain_losses(torch.eye(2), torch.eye(2), pairs, temperature=1.0, chunk=1).tolist()
        [0.0, 0.0]
    """
    own, codes, positives = pairs.classes()
    sums = torch.zeros_like(candidates).index_add(0, codes, candidates)
    attraction = (unit * (sums[own] - unit)).sum(dim=1) / positives.clamp(min=1) / temperature
    repulsion: Tensor
    if chunk is not None and candidates is unit and _exponent_is_safe(temperature, unit.dtype):
        repulsion = _SymmetricLogSumExp.apply(unit, temperature, chunk)  # type: ignore[no-untyped-call]
    elif chunk is not None:
        setting = (pairs.start, temperature, chunk)
        repulsion = _LogSumExp.apply(unit, candidates, setting)  # type: ignore[no-untyped-call]
    else:
        logits = unit @ candidates.T / temperature
        # a row that is alone keeps its own entry: an empty denominator would not be finite
        itself = torch.zeros_like(logits, dtype=torch.bool)
        itself.diagonal(pairs.start).fill_(len(candidates) > 1)
        repulsion = logits.masked_fill(itself, -torch.inf).logsumexp(dim=1)
    return (repulsion - attraction).where(positives > 0, 0.0)


class _LogSumExp(torch.autograd.Function):
    """``log sum_{a != i} exp(s_ia / t)`` over tiles; -inf where nothing but itself is there."""

    @staticmethod
    def forward(
        ctx: Any, unit: Tensor, candidates: Tensor, setting: tuple[int, float, int]
    ) -> Tensor:
        start, temperature, chunk = setting
        scaled, result = unit / temperature, unit.new_full((len(unit),), -torch.inf)
        for rows in _slices(len(unit), chunk):
            for columns in _slices(len(candidates), chunk):
                logits = scaled[rows] @ candidates[columns].T
                logits.diagonal(start + rows.start - columns.start).fill_(-torch.inf)
                result[rows] = torch.logaddexp(result[rows], logits.logsumexp(dim=1))
        ctx.setting = setting
        ctx.save_for_backward(unit, candidates, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        unit, candidates, result = ctx.saved_tensors
        start, temperature, chunk = ctx.setting
        scaled, slope = unit / temperature, grad[:, None] / temperature
        grad_unit, grad_candidates = torch.zeros_like(unit), torch.zeros_like(candidates)
        for rows in _slices(len(unit), chunk):
            for columns in _slices(len(candidates), chunk):
                share = scaled[rows] @ candidates[columns].T
                share.sub_(result[rows, None]).exp_()
                share.diagonal(start + rows.start - columns.start).fill_(0.0)
                grad_unit[rows] += slope[rows] * (share @ candidates[columns])
                grad_candidates[columns] += share.T @ (slope[rows] * unit[rows])
        return grad_unit, grad_candidates, None


def _exponent_is_safe(temperature: float, dtype: torch.dtype) -> bool:
    # half of the exponents on either side are left for sums, their inverses and the gradient
    return 1 / temperature <= math.log(torch.finfo(dtype).max) / 2


class _SymmetricLogSumExp(torch.autograd.Function):
    """``log sum_{a != i} exp(s_ia / t)`` of rows among themselves, from half of the tiles."""

    @staticmethod
    def forward(ctx: Any, unit: Tensor, temperature: float, chunk: int) -> Tensor:
        side = min(chunk, _CACHED) if unit.device.type == "cpu" else chunk
        scaled, total, tiles = unit / temperature, unit.new_zeros(len(unit)), []
        for rows, columns in _upper_tiles(len(unit), side):
            tile = _exponentials(scaled, unit, rows, columns)
            total[rows] += tile.sum(dim=1)
            if rows != columns:
                total[columns] += tile.sum(dim=0)
            if len(unit) <= chunk:  # all of them are no more than the one tile allowed
                tiles.append(tile)
        ctx.temperature, ctx.side = temperature, side
        ctx.save_for_backward(unit, total, *tiles)
        return total.log()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        unit, total, *tiles = ctx.saved_tensors
        # a row that is alone has an empty sum, and no gradient
        weight = grad / total.clamp(min=torch.finfo(total.dtype).tiny) / ctx.temperature
        scaled, result = unit / ctx.temperature, torch.zeros_like(unit)
        for index, (rows, columns) in enumerate(_upper_tiles(len(unit), ctx.side)):
            slope = weight[rows, None] + weight[None, columns]
            slope *= tiles[index] if tiles else _exponentials(scaled, unit, rows, columns)
            result[rows].addmm_(slope, unit[columns])
            if rows != columns:
                result[columns].addmm_(slope.T, unit[rows])
        return result, None, None


def _upper_tiles(length: int, side: int) -> Iterator[tuple[slice, slice]]:
    slices = list(_slices(length, side))
    return ((rows, columns) for i, rows in enumerate(slices) for columns in slices[i:])


def _exponentials(scaled: Tensor, unit: Tensor, rows: slice, columns: slice) -> Tensor:
    tile = (scaled[rows] @ unit[columns].T).exp_()
    return tile.fill_diagonal_(0.0) if rows == columns else tile


@dataclass(frozen=True)
class _Reading:
    pairs: Pairs
    temperature: float
    inside: bool
    chunk: int

    def row_tiles(self) -> Iterator[slice]:
        return _slices(len(self.pairs.labels), self.chunk)

    def column_tiles(self) -> Iterator[slice]:
        return _slices(len(self.pairs.candidate_labels), self.chunk)


def chunked_losses(
    unit: Tensor,
    candidates: Tensor,
    pairs: Pairs,
    *,
    temperature: float,
    inside: bool = False,
    chunk: int = 1024,
) -> Tensor:
    """Return each anchor's supervised contrastive loss in nats, 0 without a positive; ``(batch,)``.

    Same value and gradient as the dense form; the backward pass computes every tile again, so it
    takes about half as many operations more and never holds more than a few tiles. No second
    derivative.

    Args:
        unit: ``(batch, dim)`` anchors of length 1.
        candidates: ``(candidates, dim)`` of length 1.
        pairs: who attracts whom.
        temperature: divides the cosine, > 0.
        inside: L_in instead of L_out.
        chunk: side of a tile in rows, >= 1.

    Source: Khosla et al. 2020, Eq. 2 and 3; tiles after Cheng et al. 2024 (Inf-CL, 2410.17243).

    Example:
        >>> pairs = Pairs(torch.tensor([0, 0]), torch.tensor([0, 0]))
        >>> chunked_losses(torch.eye(2), torch.eye(2), pairs, temperature=1.0, chunk=1).tolist()
        [0.0, 0.0]
    """
    reading = _Reading(pairs, temperature, inside, chunk)
    losses: Tensor = _Chunked.apply(unit, candidates, reading)  # type: ignore[no-untyped-call]
    return losses


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, unit: Tensor, candidates: Tensor, reading: _Reading) -> Tensor:
        parts = [_forward_rows(unit, candidates, reading, rows) for rows in reading.row_tiles()]
        repulsion, attraction, weights, counts = (
            torch.cat(part) for part in zip(*parts, strict=True)
        )
        divisor = reading.pairs.divisor(weights, counts)
        if reading.inside:
            losses, ratio = repulsion - attraction + divisor.log(), torch.ones_like(divisor)
        else:
            ratio = weights / divisor
            losses = repulsion * ratio - attraction / divisor
        valid = counts > 0
        # an anchor without a positive: exp(s - inf) = 0 takes it out of the backward pass
        repulsion, attraction = (x.where(valid, torch.inf) for x in (repulsion, attraction))
        ctx.reading = reading
        ctx.save_for_backward(unit, candidates, repulsion, attraction, ratio, divisor)
        return losses.where(valid, 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        unit, candidates, repulsion, attraction, ratio, divisor = ctx.saved_tensors
        reading: _Reading = ctx.reading
        grad_unit, grad_candidates = torch.zeros_like(unit), torch.zeros_like(candidates)
        grad = grad / reading.temperature
        for rows in reading.row_tiles():
            for columns in reading.column_tiles():
                logits = unit[rows] @ candidates[columns].T / reading.temperature
                itself, weights = reading.pairs.tile(rows, columns, logits.dtype)
                pull = (
                    weights * (logits - attraction[rows, None]).exp()
                    if reading.inside
                    else weights / divisor[rows, None]
                )
                push = logits.sub_(repulsion[rows, None]).exp_().masked_fill_(itself, 0.0)
                slope = push.mul_(ratio[rows, None]).sub_(pull).mul_(grad[rows, None])
                grad_unit[rows] += slope @ candidates[columns]
                grad_candidates[columns] += slope.T @ unit[rows]
        return grad_unit, grad_candidates, None


def _forward_rows(
    unit: Tensor, candidates: Tensor, reading: _Reading, rows: slice
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    anchors = unit[rows]
    repulsion = anchors.new_full((len(anchors),), -torch.inf)
    attraction = repulsion.clone() if reading.inside else torch.zeros_like(repulsion)
    total, counts = torch.zeros_like(repulsion), torch.zeros_like(repulsion, dtype=torch.int64)
    for columns in reading.column_tiles():
        logits = anchors @ candidates[columns].T / reading.temperature
        itself, weights = reading.pairs.tile(rows, columns, logits.dtype)
        total += weights.sum(dim=1)
        counts += (weights > 0).sum(dim=1)
        weights = weights.to(logits.dtype)
        if reading.inside:
            pull = (logits + weights.log()).logsumexp(dim=1)
            attraction = torch.logaddexp(attraction, pull)
        else:
            attraction += (logits * weights).sum(dim=1)
        push = logits.masked_fill_(itself, -torch.inf).logsumexp(dim=1)
        repulsion = torch.logaddexp(repulsion, push)
    return repulsion, attraction, total, counts


def _slices(length: int, chunk: int) -> Iterator[slice]:
    # a process without rows still has one (empty) tile
    return (slice(start, start + chunk) for start in range(0, max(length, 1), chunk))
