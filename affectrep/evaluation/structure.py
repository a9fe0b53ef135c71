"""How classes lie in an embedding: alignment, uniformity, silhouette. No classifier is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.metrics import Statistics

__all__ = ["alignment_statistics", "silhouette_statistics", "uniformity"]

Array = NDArray[Any]
_MOST = 5000  # rows whose pairs are all looked at


def alignment_statistics(unit: Array, labels: Array) -> Statistics:
    """Return statistics for ``alignment``: how far apart two rows of a class lie, in [0, 4].

    The mean, over rows that have another of their class, of the mean squared distance to these; 0
    where each class is one point. Wang and Isola take pairs alike, so that a class counts by the
    square of its size; here a row counts once. Resampling treats the rows that a row is compared
    with as fixed.

    Args:
        unit: ``(rows, dim)`` embeddings of length 1.
        labels: ``(rows,)`` class codes.

    Source: Wang and Isola 2020, Understanding contrastive representation learning through
    alignment and uniformity on the hypersphere, section 4.1 (alpha = 2).

    Example:
        >>> points = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
        >>> alignment_statistics(points, np.array([0, 0, 1])).values()
        {'alignment': 2.0}
    """
    columns = np.zeros((len(unit), 2))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            continue
        own = unit[rows]
        # |x - y|^2 is 2 - 2 x.y for rows of length 1; the sum over y needs the rows' sum alone
        others = own @ own.sum(axis=0) - (own * own).sum(axis=1)
        columns[rows, 0] = np.maximum(2 - 2 * others / (len(rows) - 1), 0)
        columns[rows, 1] = 1
    return Statistics(columns, lambda sums: {"alignment": _mean(sums)})


def silhouette_statistics(unit: Array, labels: Array) -> Statistics:
    """Return statistics for ``silhouette``, the mean silhouette of the rows, in [-1, 1].

    Distances are one minus the cosine. A row alone in its class has 0. Of more than 5,000 rows a
    fixed random 5,000 are looked at, and the others do not count. Resampling treats the rows that
    a row is compared with as fixed.

    Args:
        unit: ``(rows, dim)`` embeddings of length 1.
        labels: ``(rows,)`` class codes; one class alone has a silhouette of 0.

    Source: Rousseeuw 1987, Silhouettes; scikit-learn's ``silhouette_samples``.

    Example:
        >>> points = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> silhouette_statistics(points, np.array([0, 0, 1, 1])).values()
        {'silhouette': 1.0}
    """
    from sklearn.metrics import silhouette_samples

    columns = np.zeros((len(unit), 2))
    rows = _some(len(unit))
    columns[rows, 1] = 1
    classes = len(np.unique(labels[rows]))
    if 1 < classes < len(rows):
        columns[rows, 0] = silhouette_samples(unit[rows], labels[rows], metric="cosine")
    return Statistics(columns, lambda sums: {"silhouette": _mean(sums)})


def uniformity(unit: Array) -> float:
    """Return the log of the mean Gaussian potential of two rows, at most 0, at least -8.

    0 where all rows are one point; the lower, the more evenly they fill the sphere. Of more than
    5,000 rows a fixed random 5,000 are taken. One row has 0.

    Args:
        unit: ``(rows, dim)`` embeddings of length 1.

    Source: Wang and Isola 2020, section 4.2 (t = 2).

    Example:
        >>> round(uniformity(np.array([[1.0, 0.0], [-1.0, 0.0]])), 3)
        -8.0
    """
    chosen = unit[_some(len(unit))]
    if len(chosen) < 2:
        return 0.0
    total = 0.0
    for start in range(0, len(chosen), 1000):
        squared = 2 - 2 * (chosen[start : start + 1000] @ chosen.T)
        total += float(np.exp(-2 * np.maximum(squared, 0)).sum())
    pairs = len(chosen) * (len(chosen) - 1)
    return float(np.log(max((total - len(chosen)) / pairs, np.exp(-8))))


def _some(rows: int) -> Array:
    if rows <= _MOST:
        return np.arange(rows)
    chosen: Array = np.sort(np.random.default_rng(0).choice(rows, _MOST, replace=False))
    return chosen


def _mean(sums: Array) -> Array:
    mean: Array = sums[..., 0] / np.maximum(sums[..., 1], 1)
    return mean
