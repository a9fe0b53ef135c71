"""Conditional domain adversary (CDAN): the head sees embeddings together with predictions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from affectrep.objectives.domain_adversary import (
    Adversary,
    DomainAdversary,
    DomainClasses,
)

__all__ = ["ConditionalDomainAdversary", "conditioned_embeddings"]


def conditioned_embeddings(
    embeddings: Tensor,
    predictions: Tensor,
    *,
    maps: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the outer product of embeddings and class shares, flat, or its random projection.

    Args:
        embeddings: ``(batch, dim)``, taken in float32 at least.
        predictions: ``(batch, classes)`` logits; no gradient reaches them.
        maps: ``(dim, width)`` and ``(classes, width)`` random and fixed, which stand in for the
            product where it is too wide; entries of variance 1. None takes the product.

    Returns:
        ``(batch, dim * classes)``, or ``(batch, width)`` with maps.

    Raises:
        ValueError: if shapes do not fit.

    Source: Long et al. 2018, Conditional Adversarial Domain Adaptation, Eq. 3-5.

    Example:
        >>> conditioned_embeddings(torch.tensor([[2.0, 4.0]]), torch.zeros(1, 2)).tolist()
        [[1.0, 1.0, 2.0, 2.0]]
    """
    if embeddings.ndim != 2 or predictions.ndim != 2 or len(embeddings) != len(predictions):
        raise ValueError(
            f"expected embeddings (batch, dim) and predictions (batch, classes), got "
            f"{(*embeddings.shape,)} and {(*predictions.shape,)}"
        )
    values = _at_least_float32(embeddings)
    shares = _at_least_float32(predictions.detach()).softmax(dim=1).to(values.dtype)
    if maps is None:
        return (values[:, :, None] * shares[:, None, :]).flatten(1)
    of_values, of_shares = (part.to(values) for part in maps)
    expected = (embeddings.shape[1], predictions.shape[1], of_values.shape[1])
    if (*of_values.shape[:1], *of_shares.shape) != expected:
        raise ValueError(
            f"expected maps of {expected[0]} and {expected[1]} rows and one width, got "
            f"{(*of_values.shape,)} and {(*of_shares.shape,)}"
        )
    return (values @ of_values) * (shares @ of_shares) / math.sqrt(of_values.shape[1])


class ConditionalDomainAdversary(nn.Module):
    """A domain adversary on embeddings conditioned on what is predicted of the row.

    Use it where classes are distributed alike in the domains but lie apart within them; plain
    :class:`DomainAdversary` may then align a class with another. The random maps are buffers.

    Args:
        dim: dimension of the embeddings.
        outputs: number of predicted classes.
        classes: the domains that the head tells apart.
        adversary: how the encoder works against it.
        width: of the random projection; 0 takes the whole product of ``dim * outputs``.

    Raises:
        ValueError: if a number is out of its range.

    Source: Long et al. 2018, Conditional Adversarial Domain Adaptation (CDAN, without its
    entropy weights).

    Example:
        >>> adversary = ConditionalDomainAdversary(8, 3, DomainClasses(2))
        >>> domains = torch.tensor([0, 1, 1, -1])
        >>> adversary(torch.randn(4, 8), torch.zeros(4, 3), domains).isfinite().item()
        True
    """

    of_embeddings: Tensor | None
    of_shares: Tensor | None

    def __init__(
        self,
        dim: int,
        outputs: int,
        classes: DomainClasses,
        adversary: Adversary | None = None,
        *,
        width: int = 0,
    ) -> None:
        super().__init__()
        if dim < 1 or outputs < 1 or width < 0:
            raise ValueError(
                f"expected dim >= 1, outputs >= 1, width >= 0, got {dim}, {outputs}, {width}"
            )
        self.register_buffer("of_embeddings", torch.randn(dim, width) if width else None)
        self.register_buffer("of_shares", torch.randn(outputs, width) if width else None)
        self.domain = DomainAdversary(width or dim * outputs, classes, adversary)

    def forward(self, embeddings: Tensor, predictions: Tensor, labels: Tensor) -> Tensor:
        """Return the loss; ``(batch, dim)``, logits ``(batch, outputs)``, domains ``(batch,)``."""
        maps = None
        if self.of_embeddings is not None and self.of_shares is not None:
            maps = (self.of_embeddings, self.of_shares)
        values = conditioned_embeddings(embeddings, predictions, maps=maps)
        loss: Tensor = self.domain(values.to(next(self.domain.parameters()).dtype), labels)
        return loss

    def count(self, labels: Tensor) -> float:
        """Return what the mean is over; see :meth:`DomainAdversary.count`."""
        return self.domain.count(labels)

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1]."""
        self.domain.progress(done)


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
