"""Which rows go into one batch: a plan that depends on the seed and the epoch only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["BatchSampler", "Sampler", "micro_batches", "rank_share"]

_CHUNK_BATCHES = 64


class Sampler(Protocol):
    """What a loader needs of a sampler: a plan that depends on the epoch alone."""

    def epoch(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch, each a list of row indices."""


class BatchSampler:
    """Shuffled batches of row indices, of similar length where lengths are given.

    The rows are shuffled, cut into chunks of 64 batches, sorted by length inside a chunk and cut
    into batches, whose order is shuffled again. Rows that do not fill a batch are drawn at random
    and come last. A single one of them joins the batch before it, because contrast and batch
    normalisation have no use for a batch of one. The plan is a pure function of seed and epoch,
    so a run that starts again in the middle of an epoch finds the same batches.

    Args:
        lengths: one length per row (tokens or samples); None for no bucketing.
        size: number of rows.
        batch_size: rows per batch, over all processes.
        seed: of every draw.
        bucket_by_length: False keeps batches of mixed length.

    Raises:
        ValueError: if a size is not positive, or there is not one length per row.

    Example:
        >>> sampler = BatchSampler([3, 9, 4, 8], 4, batch_size=2, seed=0)
        >>> sorted(sorted(batch) for batch in sampler.epoch(0))
        [[0, 2], [1, 3]]
    """

    def __init__(
        self,
        lengths: Sequence[int] | None,
        size: int,
        *,
        batch_size: int,
        seed: int,
        bucket_by_length: bool = True,
    ) -> None:
        if size < 1 or batch_size < 1:
            raise ValueError(f"expected positive sizes, got {size} rows in batches of {batch_size}")
        if lengths is not None and len(lengths) != size:
            raise ValueError(f"expected {size} lengths, one per row, got {len(lengths)}")
        bucketed = lengths is not None and bucket_by_length
        self.lengths = np.asarray(lengths, dtype=np.int64) if bucketed else None
        self.size = size
        self.batch_size = batch_size
        self.seed = seed

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        full, rest = divmod(self.size, self.batch_size)
        return full + int(rest > 1 or full == 0)

    def epoch(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch, counted from 0; every row occurs once."""
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(self.size)
        whole = self.size - self.size % self.batch_size
        full = self._sorted_in_chunks(order[:whole]).reshape(-1, self.batch_size)
        batches: list[list[int]] = full[generator.permutation(len(full))].tolist()
        rest: list[int] = order[whole:].tolist()
        if len(rest) == 1 and batches:
            batches[-1] += rest
        elif rest:
            batches.append(rest)
        return batches

    def _sorted_in_chunks(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.lengths is None:
            return order
        chunk = _CHUNK_BATCHES * self.batch_size
        parts = [order[start : start + chunk] for start in range(0, len(order), chunk)]
        ordered = [part[np.argsort(self.lengths[part], kind="stable")] for part in parts]
        return np.concatenate(ordered) if ordered else order


def micro_batches(
    indices: Sequence[int], lengths: Sequence[int] | None, max_tokens: int | None
) -> list[list[int]]:
    """Split a batch so that no part holds more than ``max_tokens`` padded tokens.

    Rows are taken from short to long. A row that is longer than the budget goes alone. Without
    lengths or budget the batch stays whole.

    Args:
        indices: the batch's row indices.
        lengths: one length per row of the split (not of the batch), in tokens.
        max_tokens: rows times the longest row, at most.

    Example:
        >>> micro_batches([0, 1, 2], [4, 2, 9], 8)
        [[1, 0], [2]]
    """
    if max_tokens is None or lengths is None or not len(indices):
        return [list(indices)] if len(indices) else []
    parts: list[list[int]] = [[]]
    for index in sorted(indices, key=lambda row: lengths[row]):
        if parts[-1] and (len(parts[-1]) + 1) * lengths[index] > max_tokens:
            parts.append([])
        parts[-1].append(index)
    return parts


def rank_share(indices: Sequence[int], rank: int, world: int) -> list[int]:
    """Return the rows of a global batch that one of ``world`` processes takes.

    Every row goes to one process. Shares differ by at most one row, and may be empty when there
    are fewer rows than processes.

    Raises:
        ValueError: if the rank is not below the number of processes.

    Example:
        >>> rank_share([5, 6, 7], 0, 2), rank_share([5, 6, 7], 1, 2)
        ([5, 7], [6])
    """
    if not 0 <= rank < world:
        raise ValueError(f"expected a rank below {world}, got {rank}")
    return list(indices[rank::world])
