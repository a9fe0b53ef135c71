"""Linear classifiers in closed form, or after whitening: arrays in, weight and bias out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

__all__ = ["balance", "fit_discriminant", "row_weights", "self_train", "whitening"]

Array = NDArray[Any]
ROUNDS = 3
TARGET_WEIGHT = 0.5


def row_weights(labels: Array, corpora: Array | None = None) -> Array:
    """Return weights of mean 1 that make each class alike, or each class within each corpus.

    Args:
        labels: ``(rows,)`` class codes.
        corpora: ``(rows,)`` names; None balances the classes alone, as scikit-learn does.

    Example:
        >>> row_weights(np.array([0, 0, 0, 1])).round(2).tolist()
        [0.67, 0.67, 0.67, 2.0]
    """
    cells = np.asarray(labels).astype(str)
    if corpora is not None:
        cells = np.char.add(np.char.add(np.asarray(corpora).astype(str), "/"), cells)
    _, place, count = np.unique(cells, return_inverse=True, return_counts=True)
    return np.asarray(len(cells) / (len(count) * count[place]))


def _shrunk(covariance: Array, share: float) -> Array:
    size = len(covariance)
    moved = (1 - share) * covariance + share * np.trace(covariance) / size * np.eye(size)
    return np.asarray(moved)


def fit_discriminant(
    points: Array, shares: Array, *, weights: Array, shrinkage: float
) -> tuple[Array, Array]:
    """Fit linear discriminant analysis with equal priors and a shrunk covariance.

    Args:
        points: ``(rows, dim)``.
        shares: ``(rows, classes)``: one-hot labels, or posteriors as soft labels.
        weights: ``(rows,)`` of the rows.
        shrinkage: share by which the covariance within classes is moved to its mean variance times
            the identity, in (0, 1].

    Returns:
        weight ``(classes, dim)`` and bias ``(classes,)``; their logits are log posteriors up to a
        constant.

    Raises:
        ValueError: if the shrinkage is not in (0, 1], or a class has no weight.

    Example:
        >>> points, shares = np.array([[0.0], [2.0], [4.0], [6.0]]), np.eye(2)[[0, 0, 1, 1]]
        >>> weight, bias = fit_discriminant(points, shares, weights=np.ones(4), shrinkage=1.0)
        >>> (points @ weight.T + bias).argmax(1).tolist()
        [0, 0, 1, 1]
    """
    mass = shares * weights[:, None]
    if not 0 < shrinkage <= 1 or not (mass.sum(0) > 0).all():
        raise ValueError(
            f"expected a shrinkage in (0, 1] and rows of every class, got {shrinkage} and "
            f"weights {mass.sum(0).round(3).tolist()}"
        )
    means = mass.T @ points / mass.sum(0)[:, None]
    total = mass.sum()
    within = (points * mass.sum(1)[:, None]).T @ points / total
    within -= means.T @ (means * (mass.sum(0) / total)[:, None])
    direction = np.linalg.solve(_shrunk(within, shrinkage), means.T)
    return direction.T, -0.5 * (means.T * direction).sum(0)


def whitening(
    points: Array, labels: Array, corpora: Array, *, weights: Array, between: float
) -> Array:
    """Return a matrix ``(dim, dim)``: ``points @ matrix.T`` are white within class and corpus.

    Within-class covariance normalisation (Hatch et al. 2006) over all corpora, the covariance
    shrunk by .3 to its mean variance. With ``between`` the covariance of the corpora's class means
    around the common ones is added so many times: directions in which corpora disagree on a class
    count less.

    Raises:
        ValueError: if ``between`` is negative.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(400, 2)) * [1.0, 3.0]
        >>> names = np.array(["a"] * 400)
        >>> found = whitening(points, np.zeros(400, int), names, weights=np.ones(400), between=0)
        >>> bool(found[0, 0] > 1.5 * found[1, 1])
        True
    """
    if between < 0:
        raise ValueError(f"expected between of at least 0, got {between}")
    left, spread = points.copy(), []
    for code in np.unique(labels):
        middle = np.average(points[labels == code], axis=0, weights=weights[labels == code])
        for name in np.unique(corpora):
            cell = (labels == code) & (corpora == name)
            if cell.any():
                spread.append(points[cell].mean(0) - middle)
                left[cell] -= points[cell].mean(0)
    within = _shrunk((left * weights[:, None]).T @ left / weights.sum(), 0.3)
    means = np.stack(spread)
    root = np.linalg.cholesky(within + between * means.T @ means / len(means))
    return np.asarray(np.linalg.inv(root))


def balance(logits: Array) -> Array:
    """Return a shift ``(classes,)`` of logits that gives each class the same mean posterior.

    Args:
        logits: ``(rows, classes)`` of unlabelled rows that are taken to have all classes alike.

    Example:
        >>> logits = np.random.default_rng(0).normal([2.0, 0.0], size=(99, 2))
        >>> softmax(logits + balance(logits), axis=1).mean(0).round(3).tolist()
        [0.5, 0.5]
    """
    shift = np.zeros(logits.shape[1])
    for _ in range(100):
        shift -= np.log(logits.shape[1] * softmax(logits + shift, axis=1).mean(0))
    return shift


def self_train(
    points: Array, labels: Array, target: Array, *, weights: Array, shrinkage: float
) -> tuple[Array, Array]:
    """Fit a discriminant, then again with unlabelled rows under its balanced posteriors.

    Three rounds; a target row has half a row's weight.

    Args:
        points: ``(rows, dim)`` of the training rows.
        labels: ``(rows,)`` class codes from 0, each present.
        target: ``(others, dim)`` without labels.
        weights: ``(rows,)``.
        shrinkage: as in `fit_discriminant`.
    """
    known = np.eye(int(labels.max()) + 1)[labels]
    weight, bias = fit_discriminant(points, known, weights=weights, shrinkage=shrinkage)
    both = np.concatenate([points, target])
    mass = np.concatenate([weights, np.full(len(target), TARGET_WEIGHT)])
    for _ in range(ROUNDS):
        logits = target @ weight.T + bias
        said = softmax(logits + balance(logits), axis=1)
        shares = np.concatenate([known, said])
        weight, bias = fit_discriminant(both, shares, weights=mass, shrinkage=shrinkage)
    return weight, bias
