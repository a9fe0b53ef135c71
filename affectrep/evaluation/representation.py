"""Measures of the representation itself: what embeddings keep apart, whatever the classifier does.

What each says, and what it does not, is in docs/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affectrep.evaluation.families import Families
from affectrep.evaluation.metrics import Statistics, classification_statistics
from affectrep.evaluation.neighbours import knn_labels, perturbed_knn_labels
from affectrep.evaluation.structure import (
    alignment_statistics,
    silhouette_statistics,
    uniformity,
)
from affectrep.objectives.embedding_spread import embedding_spread

__all__ = [
    "family_auc_statistics",
    "knn_statistics",
    "perturbed_statistics",
    "representation_statistics",
    "spread_values",
]

Array = NDArray[Any]
_MOST = 5000  # rows whose cosines are all computed
_WIDEST = 2048  # dimensions; a random similarity of the 9,216 of AlexNet takes a minute to draw


def representation_statistics(
    embeddings: Array, labels: Array, gallery: tuple[Array, Array], families: Families
) -> list[Statistics]:
    """Return the per-row statistics of all measures that have them, for intervals.

    Args:
        embeddings: ``(rows, dim)`` of the split.
        labels: ``(rows,)`` class codes.
        gallery: embeddings and labels of the training split.
        families: over all classes; where it has no group, ``family_auc`` is left out.

    Above 2,048 dimensions the random similarities are left out.

    Raises:
        ValueError: if shapes do not fit or a value is not finite.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> labels, families = np.array([0, 0, 1, 1]), Families([["a", "b"]], ["a", "b"])
        >>> found = representation_statistics(points, labels, (points, labels), families)
        >>> len(found), found[0].values()
        (5, {'family_auc': 1.0})
    """
    unit = _unit(embeddings, labels)
    predicted = knn_labels(*gallery, embeddings)
    found = [
        knn_statistics(labels, predicted, len(families.classes)),
        silhouette_statistics(unit, labels),
        alignment_statistics(unit, labels),
    ]
    if embeddings.shape[1] <= _WIDEST:
        drawn = perturbed_knn_labels(*gallery, embeddings)
        found.insert(1, perturbed_statistics(labels, drawn))
    own = family_auc_statistics(embeddings, labels, families)
    return [own, *found] if own.columns[:, 1].any() else found


def family_auc_statistics(embeddings: Array, labels: Array, families: Families) -> Statistics:
    """Return statistics for ``family_auc``, in [0, 1]; 1/2 is chance.

    For a row of a family of at least two classes: the probability that another row of its class
    is more similar to it (cosine) than a row of another class of the family; a tie counts half.
    The mean is over the rows that have both kinds. Resampling treats the rows that a row is
    compared with as fixed. It is 0 where no row has both kinds.

    Args:
        embeddings: ``(rows, dim)``; lengths do not matter.
        labels: ``(rows,)`` class codes of ``families.classes``.
        families: over all classes.

    Raises:
        ValueError: if shapes do not fit or a value is not finite.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]])
        >>> families = Families([["anger", "annoyance"]], ["anger", "annoyance"])
        >>> family_auc_statistics(points, np.array([0, 0, 1]), families).values()
        {'family_auc': 0.0}
    """
    unit = _unit(embeddings, labels)
    columns = np.zeros((len(unit), 2))
    for group in families.groups:
        members = np.isin(labels, [families.classes.index(name) for name in group])
        rows = np.flatnonzero(members)
        for row, value in _auc(unit[rows], np.asarray(labels)[rows]):
            columns[rows[row]] = value, 1

    def metrics(sums: Array) -> dict[str, Array]:
        return {"family_auc": sums[..., 0] / np.maximum(sums[..., 1], 1)}

    return Statistics(columns, metrics)


def knn_statistics(labels: Array, predicted: Array, classes: int) -> Statistics:
    """Return statistics for ``knn_accuracy`` and ``knn_weighted_f1`` of predicted classes.

    Example:
        >>> knn_statistics(np.array([0, 1]), np.array([0, 0]), 2).values()
        {'knn_accuracy': 0.5, 'knn_weighted_f1': 0.333...}
    """
    base = classification_statistics(labels, predicted, classes)

    def metrics(sums: Array) -> dict[str, Array]:
        values = base.metrics(sums)
        return {f"knn_{name}": values[name] for name in ("accuracy", "weighted_f1")}

    return Statistics(base.columns, metrics)


def perturbed_statistics(labels: Array, drawn: Array) -> Statistics:
    """Return statistics for ``knn_perturbed_mean`` and ``_worst``: accuracies over the draws.

    Args:
        labels: ``(rows,)``.
        drawn: ``(draws, rows)`` predicted classes under each of the similarities.

    Raises:
        ValueError: if shapes do not fit.

    Example:
        >>> perturbed_statistics(np.array([0, 1]), np.array([[0, 1], [0, 0]])).values()
        {'knn_perturbed_mean': 0.75, 'knn_perturbed_worst': 0.5}
    """
    labels = np.asarray(labels)
    if drawn.ndim != 2 or drawn.shape[1:] != labels.shape:
        raise ValueError(
            f"expected labels (rows,) and classes (draws, rows), got {labels.shape} and "
            f"{drawn.shape}"
        )
    hits = (drawn == labels).T.astype(np.float64)
    columns = np.concatenate([hits, np.ones((len(labels), 1))], axis=1)

    def metrics(sums: Array) -> dict[str, Array]:
        accuracy = sums[..., :-1] / sums[..., -1:]
        return {
            "knn_perturbed_mean": accuracy.mean(-1),
            "knn_perturbed_worst": accuracy.min(-1),
        }

    return Statistics(columns, metrics)


def spread_values(embeddings: Array) -> dict[str, float]:
    """Return ``effective_rank``, ``random_cosine`` and ``uniformity``; no intervals.

    The first is the exponential of the entropy of the singular values of the centred unit rows,
    at most min(rows - 1, dim); the second the mean |cosine| over all pairs of two rows, a sign of
    collapse like a high uniformity. Of more than 5,000 rows a fixed random 5,000 are taken.

    Raises:
        ValueError: if the shape is not ``(rows, dim)``.

    Source: Roy and Vetterli 2007, The effective rank, eq. 3.

    Example:
        >>> {name: round(value, 3) for name, value in spread_values(np.eye(3)).items()}
        {'effective_rank': 2.0, 'random_cosine': 0.0, 'uniformity': -4.0}
    """
    even = uniformity(_unit(embeddings, np.zeros(len(embeddings))))
    if len(embeddings) > _MOST:
        chosen = np.random.default_rng(0).choice(len(embeddings), _MOST, replace=False)
        embeddings = embeddings[np.sort(chosen)]
    spread = embedding_spread(torch.from_numpy(np.ascontiguousarray(embeddings)))
    return {
        "effective_rank": spread.effective_rank,
        "random_cosine": spread.mean_cosine,
        "uniformity": even,
    }


def _auc(unit: Array, labels: Array) -> Iterator[tuple[int, float]]:
    """Yield row and AUC for the rows that have another of their class and one of another class."""
    for row, label in enumerate(labels):
        similarity, same = unit @ unit[row], labels == label
        positives = np.delete(similarity, row)[np.delete(same, row)]
        negatives = np.sort(similarity[~same])
        if len(positives) and len(negatives):
            below = np.searchsorted(negatives, positives, side="left")
            reached = np.searchsorted(negatives, positives, side="right")
            yield row, float((below + reached).mean() / (2 * len(negatives)))


def _unit(embeddings: Array, labels: Array) -> Array:
    if embeddings.ndim != 2 or np.shape(labels) != embeddings.shape[:1]:
        raise ValueError(
            f"expected embeddings (rows, dim) and labels (rows,), got {embeddings.shape} and "
            f"{np.shape(labels)}"
        )
    if not np.isfinite(embeddings).all():
        raise ValueError("expected finite embeddings, found NaN or infinity")
    wide = embeddings.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: Array = wide / np.where(length > 0, length, 1)
    return unit
