"""Categorical expression as a second task beside valence and arousal."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ExpressionLoss", "expression_loss"]


def expression_loss(logits: Tensor, expressions: Tensor) -> Tensor:
    """Cross-entropy over the rows whose expression is known; zero with a live graph for none.

    Args:
        logits: ``(batch, expressions)``, in float32 at least.
        expressions: ``(batch,)`` int64, -1 where unknown.

    Raises:
        ValueError: if shapes do not fit or an expression has no output.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0], [5.0, 0.0]])
        >>> round(expression_loss(logits, torch.tensor([1, -1])).item(), 4)
        0.6931
    """
    if logits.ndim != 2 or expressions.shape != logits.shape[:1]:
        raise ValueError(
            f"expected logits (batch, expressions) and expressions (batch,), got "
            f"{tuple(logits.shape)} and {tuple(expressions.shape)}"
        )
    known = expressions >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    if int(expressions.max()) >= logits.shape[1]:
        raise ValueError(
            f"expected expressions below {logits.shape[1]}, the outputs of the head, got "
            f"{int(expressions.max())}"
        )
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return functional.cross_entropy(logits[known], expressions[known])


class ExpressionLoss(nn.Module):
    """Cross-entropy of known expressions; see :func:`expression_loss`.

    Use it as a second task where a corpus has categories for some rows. As a term of a
    :class:`JointObjective` it reads "expressions" and the domain "expression".

    Example:
        >>> ExpressionLoss().count(torch.zeros(3, 2), torch.tensor([0, -1, 1]))
        2.0
    """

    def forward(self, logits: Tensor, labels: Tensor, expressions: Tensor) -> Tensor:
        """Return the mean over known rows; valence and arousal (the labels) are not looked at."""
        return expression_loss(logits, expressions)

    def count(self, labels: Tensor, expressions: Tensor) -> float:
        """Return the rows whose expression is known."""
        return float((expressions >= 0).sum())
