"""The rare classes apart: those of which training had the fewest rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.metrics import Statistics, classification_statistics

__all__ = ["rare_classes", "rare_statistics"]

Array = NDArray[Any]


def rare_classes(training_counts: Mapping[str, int], classes: Sequence[str]) -> list[str]:
    """Return the third of the classes with the fewest training rows, rounded up, rarest first.

    Of classes with equal counts the one that is declared first counts as rarer; a class without
    training rows has count 0.

    Raises:
        ValueError: if a count is of an unknown class.

    Example:
        >>> counts = {"joy": 90, "grief": 3, "pride": 5, "fear": 40}
        >>> rare_classes(counts, ["joy", "fear", "grief", "pride"])
        ['grief', 'pride']
    """
    unknown = sorted(set(training_counts) - set(classes))
    if unknown:
        raise ValueError(f"expected counts of {len(classes)} classes, got one of {unknown[0]}")
    ordered = sorted(classes, key=lambda name: training_counts.get(name, 0))
    return ordered[: -(-len(classes) // 3)]


def rare_statistics(
    y_true: Array, y_pred: Array, classes: Sequence[str], rare: Sequence[str]
) -> Statistics:
    """Return statistics for ``rare_f1``: the mean F1 of the rare classes.

    Args:
        y_true: ``(rows,)`` class indices.
        y_pred: ``(rows,)`` class indices.
        classes: the declared classes.
        rare: names of those that count; one that is absent has F1 0.

    Raises:
        ValueError: if no class is rare, or one is unknown.

    Example:
        >>> found = rare_statistics(np.array([0, 0, 1]), np.array([0, 1, 1]), ["a", "b"], ["b"])
        >>> round(found.values()["rare_f1"], 3)
        0.667
    """
    if not rare or not set(rare) <= set(classes):
        raise ValueError(f"expected rare classes among {', '.join(classes)}, got {list(rare)}")
    base = classification_statistics(y_true, y_pred, classes)
    index = [list(classes).index(name) for name in rare]

    def metrics(sums: Array) -> dict[str, Array]:
        true, predicted, hits = (part[..., index] for part in np.split(sums, 3, axis=-1))
        return {"rare_f1": (2 * hits / np.maximum(true + predicted, 1)).mean(-1)}

    return Statistics(base.columns, metrics)
