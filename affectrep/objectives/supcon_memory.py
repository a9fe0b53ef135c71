"""Supervised contrast against rows of earlier batches, kept in a ring."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from affectrep.objectives.gather import gather_rows
from affectrep.objectives.supcon import (
    SupConOptions,
    anchors_with_positive,
    candidate_rows,
    check_supcon,
    contrast,
    unit_rows,
)
from affectrep.objectives.supcon_chunks import Pairs

__all__ = ["StoredRows", "SupConMemoryLoss", "supcon_memory_loss"]


@dataclass(frozen=True)
class StoredRows:
    """Rows of earlier batches, without a graph.

    Args:
        embeddings: ``(stored, dim)`` of length 1; no rows is allowed.
        labels: ``(stored,)`` int64.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> len(StoredRows(torch.eye(3), torch.tensor([0, 1, 2])).labels)
        3
    """

    embeddings: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or self.labels.shape != self.embeddings.shape[:1]:
            raise ValueError(
                f"expected stored embeddings (stored, dim) and labels (stored,), got "
                f"{tuple(self.embeddings.shape)} and {tuple(self.labels.shape)}"
            )


def supcon_memory_loss(
    embeddings: Tensor,
    labels: Tensor,
    stored: StoredRows,
    *,
    temperature: float = 0.1,
    gather: bool = False,
    options: SupConOptions | None = None,
) -> Tensor:
    """Supervised contrastive loss of a batch against itself and stored rows, in nats.

    As :func:`supcon_loss` with the stored rows among the positives and negatives of each anchor;
    they are no anchors and get no gradient. Without stored rows it is :func:`supcon_loss`.

    Args:
        embeddings: ``(batch, dim)``, normalised here, in float32 at least.
        labels: ``(batch,)`` int64.
        stored: rows of earlier batches, the same on all processes.
        temperature: divides the cosine, > 0.
        gather: also contrast against the batch rows of all processes.
        options: as in :func:`supcon_loss`.

    Raises:
        ValueError: if shapes do not fit, there are no rows, or the temperature is not positive.

    Source: Wang et al. 2020, Cross-Batch Memory for Embedding Learning, Sec. 3.3, with the loss
    of Khosla et al. 2020, Eq. 2.

    Example:
        >>> stored = StoredRows(torch.eye(2), torch.tensor([0, 1]))
        >>> one = supcon_memory_loss(torch.eye(2)[:1], torch.tensor([0]), stored, temperature=1.0)
        >>> round(one.item(), 6)  # log(e + 1) - 1
        0.313262
    """
    check_supcon(embeddings, labels, temperature)
    if stored.embeddings.shape[1] != embeddings.shape[1]:
        raise ValueError(
            f"expected stored rows of {embeddings.shape[1]} values like the batch's, "
            f"got {stored.embeddings.shape[1]}"
        )
    unit = unit_rows(embeddings)
    rows, row_labels, start = candidate_rows(unit, labels, gather=gather)
    candidates = torch.cat([rows, stored.embeddings.detach().to(unit)])
    pairs = Pairs(labels, torch.cat([row_labels, stored.labels.to(labels)]), start)
    return contrast(
        unit, candidates, pairs, temperature=temperature, options=options or SupConOptions()
    )


class SupConMemoryLoss(nn.Module):
    """Supervised contrast with a memory of the last rows; see :func:`supcon_memory_loss`.

    Use it when too few rows of a class fit in a batch and the encoder moves slowly: stored rows
    are stale by as many steps as the memory is batches long. Each forward in training mode
    contrasts first and stores its own rows (those of all processes with ``gather``) afterwards,
    so a batch never meets itself. Ring, pointer and fill are in the ``state_dict``.

    Args:
        size: rows kept, >= 1; a batch that is larger leaves its last rows.
        dim: values in a row, >= 1.
        temperature: divides the cosine, > 0.
        gather: share rows between all processes, whose memories are then the same.
        options: as in :func:`supcon_loss`.

    Raises:
        ValueError: if the size or dim is not positive.

    Example:
        >>> loss = SupConMemoryLoss(size=4, dim=2)
        >>> _ = loss(torch.eye(2), torch.tensor([0, 1]))
        >>> int(loss.pointer), loss.stored().labels.tolist()
        (2, [0, 1])
    """

    embeddings: Tensor
    labels: Tensor
    pointer: Tensor
    filled: Tensor

    def __init__(
        self,
        *,
        size: int,
        dim: int,
        temperature: float = 0.1,
        gather: bool = False,
        options: SupConOptions | None = None,
    ) -> None:
        super().__init__()
        if size < 1 or dim < 1:
            raise ValueError(f"expected a memory of at least one row and value, got {size}, {dim}")
        self.temperature = temperature
        self.gather = gather
        self.options = options or SupConOptions()
        self.register_buffer("embeddings", torch.zeros(size, dim))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("pointer", torch.tensor(0))
        self.register_buffer("filled", torch.tensor(0))
        self._met = self.labels[:0]

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss against batch and memory; in training mode, store the batch."""
        stored = self.stored()
        loss = supcon_memory_loss(
            embeddings,
            labels,
            stored,
            temperature=self.temperature,
            gather=self.gather,
            options=self.options,
        )
        self._met = stored.labels.clone()
        if self.training:
            self._store(unit_rows(embeddings.detach()), labels)
        return loss

    def count(self, labels: Tensor) -> float:
        """Return how many rows the mean of the last forward was over; call it afterwards."""
        if self.options.no_positive == "zero":
            return float(labels.numel())
        everyone = gather_rows(labels) if self.gather else [labels]
        met = torch.cat([*everyone, self._met.to(labels)])
        return float(anchors_with_positive(Pairs(labels, met)))

    def stored(self) -> StoredRows:
        """Return the rows in memory, in no order of time."""
        filled = int(self.filled)
        return StoredRows(self.embeddings[:filled], self.labels[:filled])

    @torch.no_grad()
    def _store(self, unit: Tensor, labels: Tensor) -> None:
        if self.gather:
            unit, labels = torch.cat(gather_rows(unit)), torch.cat(gather_rows(labels))
        size = len(self.labels)
        unit, labels = unit[-size:], labels[-size:]
        places = (self.pointer + torch.arange(len(labels), device=labels.device)) % size
        # new tensors, not writes in place: a graph may still need the old rows
        self.embeddings = self.embeddings.index_copy(0, places, unit.to(self.embeddings))
        self.labels = self.labels.index_copy(0, places, labels.to(self.labels))
        self.pointer = (self.pointer + len(labels)) % size
        self.filled = (self.filled + len(labels)).clamp(max=size)
