"""How much of their space embeddings use: a sign of collapse that no loss shows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from affectrep.objectives.supcon import unit_rows

__all__ = ["EmbeddingSpread", "embedding_spread"]


class EmbeddingSpread(NamedTuple):
    """``effective_rank`` of the centred rows, ``mean_cosine`` |cosine| of two of them, ``sd``.

    The rank is between 1 and min(rows - 1, dim), 0 where all rows are equal; ``sd`` is the mean
    over dimensions of the standard deviation of unit rows.
    """

    effective_rank: float
    mean_cosine: float
    sd: float

    @property
    def collapsed(self) -> bool:
        """Whether almost all rows point the same way, or the opposite one."""
        return self.mean_cosine > 0.95


@torch.no_grad()
def embedding_spread(embeddings: Tensor) -> EmbeddingSpread:
    """Return the signs of collapse of ``(rows, dim)`` embeddings; zeros below two rows.

    Effective rank is the exponential of the entropy of the normalised singular values.

    Raises:
        ValueError: if there is no such matrix.

    Source: Roy and Vetterli 2007, The effective rank, eq. 3.

    Example:
        >>> spread = embedding_spread(torch.eye(3))
        >>> round(spread.effective_rank, 3), spread.mean_cosine
        (2.0, 0.0)
    """
    if embeddings.ndim != 2:
        raise ValueError(f"expected embeddings (rows, dim), got {tuple(embeddings.shape)}")
    rows = len(embeddings)
    if rows < 2:
        return EmbeddingSpread(0.0, 0.0, 0.0)
    with torch.autocast(embeddings.device.type, enabled=False):
        unit = unit_rows(embeddings.double())
        cosines = (unit @ unit.T).abs().clamp_max(1)
        centred = unit - unit.mean(dim=0)
        # the smaller of the two Gram matrices has the same eigenvalues
        gram = centred @ centred.T if rows <= unit.shape[1] else centred.T @ centred
        values = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt()
    total = float(values.sum())
    rank = 0.0
    if total > 1e-9 * rows:
        rank = float(torch.special.entr(values / total).sum().exp())
    off = float(cosines.sum() - cosines.diagonal().sum()) / (rows * (rows - 1))
    return EmbeddingSpread(rank, off, float(centred.square().mean(dim=0).sqrt().mean()))
