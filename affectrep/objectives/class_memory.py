"""A bounded memory of earlier rows, class by class, for mining pairs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ClassMemory", "MemoryRows"]


class MemoryRows(NamedTuple):
    """Rows of earlier batches, without a graph.

    ``embeddings`` (rows, dim); ``labels`` (rows,) int64, or (rows, classes) float multi-label;
    ``ids`` (rows,) int64, -1 where unknown; ``ages`` (rows,) int64 in pushes, 0 for the last.
    """

    embeddings: Tensor
    labels: Tensor
    ids: Tensor
    ages: Tensor


class ClassMemory(nn.Module):
    """First in, first out memory of a fixed number of rows a class.

    Use it where a batch holds too few rows of a class to find hard pairs. Its neighbour
    :class:`SupConMemoryLoss` keeps the last rows whatever their class; here a frequent class
    never drives out a rare one. A row that comes again takes the place of its older copy. A
    multi-label row is kept once, under the one of its classes that has come least often so far.
    Rows without a known class (label below 0, no label set) are not kept. Under several processes
    each keeps its own rows. Rows, ids and ages are in the ``state_dict``.

    Args:
        classes: number of classes, >= 1.
        dim: values of an embedding, >= 1.
        per_class: most rows kept of a class, >= 1.
        max_age: rows older than this many pushes (a push is a training step) are dropped, >= 0.
        multilabel: labels are (batch, classes) float in {0, 1}.

    Raises:
        ValueError: if a size is not positive.

    Source: our design after Wang et al. 2020, Cross-Batch Memory for Embedding Learning, Sec. 3.3.

    Example:
        >>> memory = ClassMemory(2, 3, per_class=1)
        >>> memory.push(torch.eye(3), torch.tensor([0, 1, 1]), torch.tensor([7, 8, 9]))
        >>> memory.rows().ids.tolist()
        [7, 9]
    """

    embeddings: Tensor
    label_sets: Tensor
    ids: Tensor
    steps: Tensor
    pushed: Tensor
    clock: Tensor

    def __init__(
        self,
        classes: int,
        dim: int,
        *,
        per_class: int = 64,
        max_age: int = 200,
        multilabel: bool = False,
    ) -> None:
        super().__init__()
        if min(classes, dim, per_class) < 1 or max_age < 0:
            raise ValueError(
                f"expected classes, dim and per_class of at least 1 and max_age of at least 0, "
                f"got {classes}, {dim}, {per_class}, {max_age}"
            )
        self.classes, self.per_class, self.max_age = classes, per_class, max_age
        self.multilabel = multilabel
        places = classes * per_class
        self.register_buffer("embeddings", torch.zeros(places, dim))
        self.register_buffer("label_sets", torch.zeros(places if multilabel else 0, classes))
        self.register_buffer("ids", torch.full((places,), -1))
        self.register_buffer("steps", torch.full((places,), -1))  # -1: the place is empty
        self.register_buffer("pushed", torch.zeros(classes, dtype=torch.int64))
        self.register_buffer("clock", torch.tensor(0))

    def __len__(self) -> int:
        return int(self._fresh().sum())

    @torch.no_grad()
    def push(self, embeddings: Tensor, labels: Tensor, ids: Tensor | None = None) -> None:
        """Store a batch, drop what it drives out; the memory's clock goes on by one.

        Args:
            embeddings: ``(batch, dim)``, stored as float32.
            labels: ``(batch,)`` int64, or ``(batch, classes)`` for a multi-label memory.
            ids: ``(batch,)`` int64, one a row of the corpus; -1 or None where unknown.

        Raises:
            ValueError: if shapes do not fit or a label is no class of the memory.
        """
        ids = torch.full_like(self.ids[:1], -1).expand(len(labels)) if ids is None else ids
        self._check(embeddings, labels, ids)
        self.clock += 1
        known = labels.sum(dim=1) > 0 if self.multilabel else labels >= 0
        embeddings, labels, ids = embeddings[known], labels[known], ids[known]
        self.steps[torch.isin(self.ids, ids[ids >= 0])] = -1
        keys = self._keys(labels)
        rank, counts = _rank_in_class(keys, self.classes)
        kept = rank >= counts[keys] - self.per_class
        kept &= ~_comes_again(ids)
        places = (keys * self.per_class + (self.pushed[keys] + rank) % self.per_class)[kept]
        self.embeddings[places] = embeddings[kept].to(self.embeddings)
        self.ids[places], self.steps[places] = ids[kept], self.clock
        if self.multilabel:
            self.label_sets[places] = labels[kept].to(self.label_sets)
        self.pushed += counts

    def rows(self) -> MemoryRows:
        """Return the rows that are not too old, class by class, in no order of time."""
        places = self._fresh().nonzero()[:, 0]
        labels = self.label_sets[places] if self.multilabel else places // self.per_class
        ages = self.clock - self.steps[places]
        return MemoryRows(self.embeddings[places], labels, self.ids[places], ages)

    def logs(self) -> dict[str, float]:
        """Return rows held, and their mean and highest age in pushes; zeros when empty.

        Example:
            >>> ClassMemory(2, 3).logs()
            {'memory_rows': 0.0, 'memory_age': 0.0, 'memory_age_highest': 0.0}
        """
        ages = self.rows().ages.float()
        mean, highest = (float(ages.mean()), float(ages.max())) if len(ages) else (0.0, 0.0)
        return {
            "memory_rows": float(len(ages)),
            "memory_age": mean,
            "memory_age_highest": highest,
        }

    def _fresh(self) -> Tensor:
        return (self.steps >= 0) & (self.clock - self.steps <= self.max_age)

    def _keys(self, labels: Tensor) -> Tensor:
        if not self.multilabel:
            return labels
        absent = torch.iinfo(torch.int64).max
        return self.pushed.expand(len(labels), -1).masked_fill(labels == 0, absent).argmin(dim=1)

    def _check(self, embeddings: Tensor, labels: Tensor, ids: Tensor) -> None:
        batch, dim = len(embeddings), self.embeddings.shape[1]
        shape = (batch, self.classes) if self.multilabel else (batch,)
        if embeddings.shape != (batch, dim) or labels.shape != shape or ids.shape != (batch,):
            raise ValueError(
                f"expected embeddings ({batch}, {dim}), labels {shape} and ids ({batch},), got "
                f"{tuple(embeddings.shape)}, {tuple(labels.shape)} and {tuple(ids.shape)}"
            )
        if not self.multilabel and batch and int(labels.max()) >= self.classes:
            raise ValueError(
                f"expected labels below {self.classes} classes, got {int(labels.max())}"
            )


def _rank_in_class(keys: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return which of its class in the batch each row is, from 0, and the rows of each class."""
    one_hot = functional.one_hot(keys, classes)
    rank = one_hot.cumsum(dim=0).gather(1, keys[:, None])[:, 0] - 1
    return rank, one_hot.sum(dim=0)


def _comes_again(ids: Tensor) -> Tensor:
    """Return which rows have a later copy in the same batch; only the last one is kept."""
    same = (ids[:, None] == ids[None, :]) & (ids >= 0)[:, None]
    return same.triu(1).any(dim=1)
