"""The two values that travel between layers: a Batch goes in, an Output comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

__all__ = ["Batch", "Output"]


@dataclass(frozen=True)
class Batch:
    """Rows that go through the model together.

    Args:
        inputs: tensors for the encoder, each with the rows in the first dimension.
        labels: ``(batch,)`` int64 classes, ``(batch, classes)`` float multi-label targets in
            {0, 1}, or ``(batch, 2)`` float valence and arousal in [-1, 1].
        ids: one row id per row.
        domains: ``(batch,)`` int64 each (speaker, subject, language, corpus); -1 where unknown.
        lengths: ``(batch,)`` int64 where rows have a length (tokens, samples).

    Raises:
        ValueError: if a tensor does not have one entry per row.

    Example:
        >>> batch = Batch({"x": torch.zeros(2, 3)}, torch.tensor([0, 1]), ["a", "b"])
        >>> len(batch), batch.select(torch.tensor([False, True])).ids
        (2, ['b'])
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    ids: list[str]
    domains: dict[str, Tensor] = field(default_factory=dict)
    lengths: Tensor | None = None

    def __post_init__(self) -> None:
        tensors = {**self.inputs, "labels": self.labels, **self.domains}
        if self.lengths is not None:
            tensors["lengths"] = self.lengths
        for name, tensor in tensors.items():
            if tensor.ndim == 0 or tensor.shape[0] != len(self.ids):
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}, expected {len(self.ids)} rows"
                )

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch with every tensor on ``device``."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return replace(
            self,
            inputs={key: move(value) for key, value in self.inputs.items()},
            labels=move(self.labels),
            domains={key: move(value) for key, value in self.domains.items()},
            lengths=None if self.lengths is None else move(self.lengths),
        )

    def select(self, rows: Tensor) -> Batch:
        """Return the rows named by a boolean mask ``(batch,)`` or by indices ``(rows,)``."""
        index = rows.nonzero(as_tuple=True)[0] if rows.dtype == torch.bool else rows
        return Batch(
            inputs={key: value[index] for key, value in self.inputs.items()},
            labels=self.labels[index],
            ids=[self.ids[i] for i in index.tolist()],
            domains={key: value[index] for key, value in self.domains.items()},
            lengths=None if self.lengths is None else self.lengths[index],
        )

    @staticmethod
    def concatenate(batches: Sequence[Batch]) -> Batch:
        """Join labels, ids, domains and lengths; the inputs are dropped, they may be padded apart.

        Raises:
            ValueError: if there is no batch.
        """
        if not batches:
            raise ValueError("expected at least one batch to concatenate")
        first = batches[0]
        lengths = [batch.lengths for batch in batches if batch.lengths is not None]
        return Batch(
            inputs={},
            labels=torch.cat([batch.labels for batch in batches]),
            ids=[row for batch in batches for row in batch.ids],
            domains={
                key: torch.cat([batch.domains[key] for batch in batches]) for key in first.domains
            },
            lengths=torch.cat(lengths) if len(lengths) == len(batches) else None,
        )


@dataclass(frozen=True)
class Output:
    """What the model says of a batch.

    Args:
        embeddings: ``(batch, dim)`` pooled encoder output.
        predictions: ``(batch, outputs)`` logits, or valence and arousal.
        projections: ``(batch, projection_dim)`` of the projection head, where there is one.
        features: ``(batch, ...)`` before pooling, where an objective needs them.
        expressions: ``(batch, expressions)`` logits of a second head, where there is one.

    Example:
        >>> out = Output(torch.ones(2, 4, requires_grad=True), torch.zeros(2, 3))
        >>> out.detach().embeddings.requires_grad
        False
    """

    embeddings: Tensor
    predictions: Tensor
    projections: Tensor | None = None
    features: Tensor | None = None
    expressions: Tensor | None = None

    def __len__(self) -> int:
        return self.embeddings.shape[0]

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that are there, by name."""
        named = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in named.items() if value is not None}

    def detach(self) -> Output:
        """Return the same values without their graph."""
        return Output(**{name: value.detach() for name, value in self.tensors().items()})

    def select(self, rows: Tensor) -> Output:
        """Return the rows named by a boolean mask ``(batch,)`` or by indices ``(rows,)``."""
        return Output(**{name: value[rows] for name, value in self.tensors().items()})

    @staticmethod
    def concatenate(outputs: Sequence[Output]) -> Output:
        """Join outputs row by row; the graph of each is kept.

        Raises:
            ValueError: if there is no output.
        """
        if not outputs:
            raise ValueError("expected at least one output to concatenate")
        names = outputs[0].tensors()
        return Output(
            **{name: torch.cat([output.tensors()[name] for output in outputs]) for name in names}
        )
