"""Losses that make a domain head unsure: cross-entropy from the uniform target, and entropy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["domain_confusion_loss", "domain_entropy_loss"]


def domain_confusion_loss(logits: Tensor, *, allowed: Tensor | None = None) -> Tensor:
    """Cross-entropy from the uniform target, mean over rows, in nats; at least log(classes).

    The encoder minimises it with the head frozen. Unlike reversed cross-entropy it is bounded
    below, so nothing is gained from making the head confidently wrong.

    Args:
        logits: ``(batch, classes)``, taken in float32 at least.
        allowed: ``(batch, classes)`` bool, the classes that the target is uniform over; a row with
            none is left out. None allows all.

    Raises:
        ValueError: if shapes do not fit or there are no rows.

    Source: Tzeng et al. 2015, Simultaneous Deep Transfer Across Domains and Tasks, Eq. 3.

    Example:
        >>> round(domain_confusion_loss(torch.zeros(2, 4)).item(), 4)  # log 4, the least
        1.3863
    """
    log_shares, allowed = _allowed_log_shares(logits, allowed)
    return -log_shares.sum(dim=1).div(allowed.sum(dim=1)).sum() / max(1, len(allowed))


def domain_entropy_loss(logits: Tensor, *, allowed: Tensor | None = None) -> Tensor:
    """Minus the entropy of the head's opinion, mean over rows, in nats; in [-log(classes), 0].

    The encoder minimises it with the head frozen. Its gradient vanishes where the head is sure;
    the confusion loss does not have that fault.

    Args:
        logits: ``(batch, classes)``, taken in float32 at least.
        allowed: as in :func:`domain_confusion_loss`.

    Raises:
        ValueError: if shapes do not fit or there are no rows.

    Source: Springenberg 2016, Categorical Generative Adversarial Networks
    (the entropy of p(y|x), there that of the class).

    Example:
        >>> round(domain_entropy_loss(torch.zeros(2, 4)).item(), 4)
        -1.3863
    """
    log_shares, allowed = _allowed_log_shares(logits, allowed)
    shares = log_shares.exp() * allowed
    return (shares * log_shares).sum() / max(1, len(allowed))


def _allowed_log_shares(logits: Tensor, allowed: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return log softmax over the allowed classes, 0 elsewhere, for the rows that have some."""
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(f"expected at least one row of (batch, classes), got {(*logits.shape,)}")
    if allowed is None:
        allowed = torch.ones_like(logits, dtype=torch.bool)
    if allowed.shape != logits.shape or allowed.dtype != torch.bool:
        raise ValueError(
            f"expected allowed as bool {(*logits.shape,)}, got {allowed.dtype} {(*allowed.shape,)}"
        )
    kept = allowed.any(dim=1)
    rows, allowed = _at_least_float32(logits)[kept], allowed[kept]
    log_shares = rows.masked_fill(~allowed, -math.inf).log_softmax(dim=1)
    return log_shares.masked_fill(~allowed, 0.0), allowed


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
