"""Retrieval and clustering of embeddings: are the nearest rows of the query's own class?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.metrics import Statistics

__all__ = ["clustering_nmi", "retrieval_metrics", "retrieval_statistics"]

Array = NDArray[Any]
_CHUNK = 512  # queries held at once


def retrieval_metrics(
    embeddings: Array, labels: Array, *, ranks: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """Return Recall@k and MAP@R in [0, 1]; every row is a query against all the others.

    Recall@k is the share of queries with a row of their class among the k nearest by cosine.
    MAP@R is the mean over queries of ``1/R sum_{i <= R} P@i rel(i)``, where R is how many other
    rows the query's class has: it also sees what comes after the first hit. Queries whose class
    has no other row are left out of both.

    Args:
        embeddings: ``(rows, dim)``; their length does not matter.
        labels: ``(rows,)`` class codes.
        ranks: the k of Recall@k.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, a rank is below 1, or no class
            has two rows.

    Source: MAP@R: Musgrave et al. 2020, A Metric Learning Reality Check.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.6, 0.8]])
        >>> retrieval_metrics(points, np.array([0, 0, 1, 0]), ranks=(1,))
        {'recall_at_1': 0.666..., 'map_at_r': 0.75}
    """
    return retrieval_statistics(embeddings, labels, ranks=ranks).values()


def retrieval_statistics(
    embeddings: Array, labels: Array, *, ranks: Sequence[int] = (1, 5)
) -> Statistics:
    """Return per-query hits and average precision, for intervals; as :func:`retrieval_metrics`.

    Resampling queries treats the gallery as fixed.
    """
    labels = np.asarray(labels)
    unit = _unit(np.asarray(embeddings), labels)
    if not ranks or min(ranks) < 1:
        raise ValueError(f"expected ranks of at least 1, got {list(ranks)}")
    codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    others = sizes[codes] - 1
    queries = np.flatnonzero(others > 0)
    if len(queries) == 0:
        raise ValueError("expected a class with at least two rows, found none")
    depth = min(len(unit) - 1, max(int(others.max()), *ranks))
    columns = np.zeros((len(unit), len(ranks) + 2))
    for start in range(0, len(queries), _CHUNK):
        part = queries[start : start + _CHUNK]
        relevant = codes[_nearest(unit, part, depth)] == codes[part][:, None]
        for column, rank in enumerate(ranks):
            columns[part, column] = relevant[:, :rank].any(axis=1)
        columns[part, -2] = _average_precision(relevant, others[part])
        columns[part, -1] = 1
    names = [*(f"recall_at_{rank}" for rank in ranks), "map_at_r"]

    def metrics(sums: Array) -> dict[str, Array]:
        count = np.maximum(sums[..., -1], 1)
        return {name: sums[..., i] / count for i, name in enumerate(names)}

    return Statistics(columns, metrics)


def clustering_nmi(embeddings: Array, labels: Array, *, seed: int = 0, starts: int = 4) -> float:
    """Return the normalised mutual information of k-means clusters and classes, in [0, 1].

    K-means runs on unit rows with as many clusters as classes. The value is biased upward where
    clusters are many and rows few: compare only over the same rows.

    Args:
        embeddings: ``(rows, dim)``.
        labels: ``(rows,)`` class codes.
        seed: of the first centres.
        starts: how many times k-means starts; the best fit counts.

    Raises:
        ValueError: if shapes do not fit or a value is not finite.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> clustering_nmi(points, np.array([0, 0, 1, 1]))
        1.0
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    labels = np.asarray(labels)
    unit = _unit(np.asarray(embeddings), labels)
    means = KMeans(len(np.unique(labels)), n_init=starts, random_state=seed)
    return float(normalized_mutual_info_score(labels, means.fit_predict(unit)))


def _nearest(unit: Array, queries: Array, depth: int) -> Array:
    """Return ``(queries, depth)`` indices of other rows, the most similar first, ties by index."""
    similarity = unit[queries] @ unit.T
    similarity[np.arange(len(queries)), queries] = -np.inf
    return np.argsort(-similarity, axis=1, kind="stable")[:, :depth]


def _average_precision(relevant: Array, others: Array) -> Array:
    place = np.arange(1, relevant.shape[1] + 1)
    within = relevant & (place <= others[:, None])
    precision = within.cumsum(axis=1) / place
    average: Array = (precision * within).sum(axis=1) / others
    return average


def _unit(embeddings: Array, labels: Array) -> Array:
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1] or not embeddings.size:
        raise ValueError(
            f"expected embeddings (rows, dim) and labels (rows,), got {embeddings.shape} and "
            f"{labels.shape}"
        )
    if not np.isfinite(embeddings).all():
        raise ValueError("expected finite embeddings, found NaN or infinity")
    if embeddings.dtype not in (np.float32, np.float64):
        embeddings = embeddings.astype(np.float64)
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.where(length > 0, length, 1)
