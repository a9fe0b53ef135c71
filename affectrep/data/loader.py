"""Rows in batches: the steps of an epoch for training, one pass in order for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from affectrep.batch import Batch
from affectrep.data.samplers import Sampler, micro_batches, rank_share

__all__ = ["Collate", "InOrder", "StepLoader"]

Collate = Callable[[list[Any]], Batch]


class _Steps(Dataset[list[Batch]]):
    """Each item is a step: the micro-batches of one batch."""

    def __init__(self, rows: Any, plan: Sequence[list[list[int]]], collate: Collate) -> None:
        self.rows, self.plan, self.collate = rows, plan, collate

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> list[Batch]:
        return [self.collate([self.rows[i] for i in part]) for part in self.plan[index]]


class StepLoader:
    """The micro-batches of every step of an epoch; any epoch can be entered at any step.

    Args:
        rows: indexable rows.
        sampler: the plan of an epoch, over all processes.
        collate: rows -> Batch.
        budget: lengths of all rows and the padded length units (tokens, frames or samples) that
            a micro-batch may hold; None makes one micro-batch of each step.
        share: this process's rank and how many there are.
        workers: decoding processes.
    """

    def __init__(
        self,
        rows: Any,
        sampler: Sampler,
        collate: Collate,
        *,
        budget: tuple[Sequence[int], int] | None = None,
        share: tuple[int, int] = (0, 1),
        workers: int = 0,
    ) -> None:
        self.rows, self.sampler, self.collate = rows, sampler, collate
        self.lengths = None if budget is None else budget[0]
        self.max_tokens = None if budget is None else budget[1]
        self.rank, self.world = share
        self.workers = workers

    def __len__(self) -> int:
        return len(self._batches(0))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """Yield the steps of an epoch from step ``start`` on."""
        if hasattr(self.rows, "set_epoch"):  # crops and effects of this epoch
            self.rows.set_epoch(epoch)
        plan = [
            micro_batches(rank_share(batch, self.rank, self.world), self.lengths, self.max_tokens)
            for batch in self._batches(epoch)[start:]
        ]
        # its own generator: a loader draws a number when it starts, which a resumed run would
        # draw once more than an uninterrupted one
        return iter(
            DataLoader(
                _Steps(self.rows, plan, self.collate),
                batch_size=None,
                num_workers=self.workers,
                generator=torch.Generator().manual_seed(epoch),
            )
        )

    def _batches(self, epoch: int) -> list[list[int]]:
        """Leave out a last batch with fewer rows than processes: one would have none."""
        return [batch for batch in self.sampler.epoch(epoch) if len(batch) >= self.world]


class InOrder:
    """Every row once, in order; can be walked through again and again.

    Args:
        rows: indexable rows.
        collate: rows -> Batch.
        batch_size: rows per batch.
        lengths: lets rows of similar length share a batch; the order of batches then follows
            length, and ids tell which row is which.
        max_units: padded length units that a batch may hold, see `StepLoader`; None: any number.

    Example:
        >>> collate = lambda rows: Batch({"x": torch.tensor(rows)}, torch.tensor(rows),
        ...                              [str(row) for row in rows])
        >>> [batch.ids for batch in InOrder([7, 8, 9], collate, batch_size=2)]
        [['7', '8'], ['9']]
    """

    def __init__(
        self,
        rows: Any,
        collate: Collate,
        *,
        batch_size: int,
        lengths: Sequence[int] | None = None,
        max_units: int | None = None,
    ) -> None:
        self.rows, self.collate = rows, collate
        order = list(range(len(rows)))
        if lengths is not None:
            order.sort(key=lambda row: lengths[row])
        self.batches = [
            part
            for start in range(0, len(order), batch_size)
            for part in micro_batches(order[start : start + batch_size], lengths, max_units)
        ]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for part in self.batches:
            yield self.collate([self.rows[i] for i in part])
