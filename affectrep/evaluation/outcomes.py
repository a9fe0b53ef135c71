"""Figures of an attacker from its answers alone: whom it named rightly, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.metrics import Statistics

__all__ = ["outcome_statistics"]

Array = NDArray[Any]


def outcome_statistics(labels: Sequence[Any] | Array, hits: Array, losses: Array) -> Statistics:
    """Return balanced accuracy, the same above chance, and information in nats, from answers.

    Args:
        labels: ``(rows,)`` true names.
        hits: ``(rows,)`` bool, whether the attacker was right.
        losses: ``(rows,)`` its cross-entropy in nats.

    Raises:
        ValueError: if the lengths differ.

    Example:
        >>> found = outcome_statistics(["a", "a", "b"], np.array([1, 0, 1]), np.zeros(3)).values()
        >>> found["balanced_accuracy"], found["above_chance"], round(found["information"], 3)
        (0.75, 0.25, 0.637)
    """
    names, codes = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    classes, hits, losses = len(names), np.asarray(hits), np.asarray(losses)
    if not codes.shape == hits.shape == losses.shape:
        raise ValueError(
            f"expected one hit and one loss per label, got {hits.shape} and {losses.shape} for "
            f"{codes.shape}"
        )
    true = np.eye(classes)[codes]

    def metrics(sums: Array) -> dict[str, Array]:
        counts, right = sums[..., :classes], sums[..., classes:-1]
        # a draw without a row of a small group says as much as a guess
        rows, present = np.maximum(counts.sum(-1, keepdims=True), 1), (counts > 0).sum(-1)
        recall = (right / np.maximum(counts, 1)).sum(-1)
        balanced = np.where(present > 0, recall / np.maximum(present, 1), 1 / classes)
        shares = counts / rows
        entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(-1)
        return {
            "balanced_accuracy": balanced,
            "above_chance": balanced - 1 / classes,
            "information": entropy - sums[..., -1] / rows[..., 0],
        }

    columns = np.concatenate([true, true * hits[:, None], losses[:, None]], axis=1)
    return Statistics(columns, metrics)
