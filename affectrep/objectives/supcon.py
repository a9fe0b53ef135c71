"""Supervised contrast: rows of a class attract one another, all others repel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectrep.objectives.gather import gather_rows, process_rank

__all__ = ["SupConLoss", "supcon_loss"]


def supcon_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float = 0.1,
    gather: bool = False,
) -> Tensor:
    """Supervised contrastive loss L_out, mean over anchors that have a positive, in nats.

    ``l_i = -1/|P(i)| sum_{p in P(i)} [s_ip/t - log sum_{a != i} exp(s_ia/t)]`` on unit vectors.
    An anchor without a positive is left out of the mean (SupContrast counts it as zero and
    divides by all anchors); without any positive the loss is zero with a live graph. A batch of
    one class only is a valid batch here (pytorch-metric-learning returns zero for it).

    Args:
        embeddings: ``(batch, dim)``, normalised here, in float32 at least.
        labels: ``(batch,)`` int64.
        temperature: divides the cosine, > 0.
        gather: contrast against the rows of all processes; this process's mean is over its own
            anchors.

    Raises:
        ValueError: if shapes do not fit, there are no rows, or the temperature is not positive.

    Source: Khosla et al. 2020, Supervised Contrastive Learning, Eq. 2.

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> round(supcon_loss(points, torch.tensor([0, 0, 1, 1]), temperature=1.0).item(), 6)
        0.551445
    """
    _check(embeddings, labels, temperature)
    unit = functional.normalize(_at_least_float32(embeddings), dim=1)
    candidates, candidate_labels, start = unit, labels, 0
    if gather:
        parts = gather_rows(unit)
        start = sum(part.shape[0] for part in parts[: process_rank()])
        candidates, candidate_labels = torch.cat(parts), torch.cat(gather_rows(labels))
    logits = unit @ candidates.T / temperature
    itself = torch.zeros_like(logits, dtype=torch.bool)
    itself.diagonal(offset=start).fill_(True)
    positives = (labels[:, None] == candidate_labels[None, :]) & ~itself
    n_positives = positives.sum(dim=1)
    valid = n_positives > 0
    # an anchor alone in its batch has an empty denominator: keep it finite, it is not in the mean
    log_denominator = logits.masked_fill(itself, float("-inf"))[valid].logsumexp(dim=1)
    attraction = (logits * positives)[valid].sum(dim=1) / n_positives[valid]
    if not bool(valid.any()):
        return candidates.sum() * 0.0
    return (log_denominator - attraction).mean()


class SupConLoss(nn.Module):
    """Supervised contrastive loss that holds its temperature; see :func:`supcon_loss`.

    Use it when several rows of a class fit in a batch. It needs about ten times cross-entropy's
    care for batch composition; with fewer than two rows a class it says nothing.

    Example:
        >>> loss = SupConLoss(temperature=0.1)
        >>> loss(torch.eye(3), torch.tensor([0, 1, 2])).item()
        0.0
    """

    def __init__(self, *, temperature: float = 0.1, gather: bool = False) -> None:
        super().__init__()
        self.temperature = temperature
        self.gather = gather

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss over anchors with a positive."""
        return supcon_loss(embeddings, labels, temperature=self.temperature, gather=self.gather)

    def count(self, labels: Tensor) -> float:
        """Return how many of this process's rows have a positive."""
        everyone = torch.cat(gather_rows(labels)) if self.gather else labels
        return float(((labels[:, None] == everyone[None, :]).sum(dim=1) > 1).sum())


def _check(embeddings: Tensor, labels: Tensor, temperature: float) -> None:
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            f"expected embeddings (batch, dim) and labels (batch,), got "
            f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
        )
    if embeddings.shape[0] == 0:
        raise ValueError("expected at least one row, got none")
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, got {temperature}")


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
