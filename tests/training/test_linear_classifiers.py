"""Closed-form classifiers against scikit-learn and naive loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.class_weight import compute_sample_weight

from affectrep.training.linear_classifiers import (
    balance,
    fit_discriminant,
    row_weights,
    self_train,
    whitening,
)


def rows(seed: int = 0, count: int = 90, dim: int = 5):
    """Return points, codes of three classes of unlike size, and two corpora."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=[0.5, 0.3, 0.2])
    corpora = random.choice(["x", "y"], count)
    points = random.normal(size=(count, dim)) @ random.normal(size=(dim, dim))
    return points + random.normal(size=(3, dim))[labels] * 2, labels, corpora


def test_row_weights_are_scikit_learns_and_even_out_every_cell():
    _, labels, corpora = rows()
    np.testing.assert_allclose(row_weights(labels), compute_sample_weight("balanced", labels))
    weights = row_weights(labels, corpora)
    assert weights.mean() == pytest.approx(1)
    cells = [weights[(labels == c) & (corpora == k)].sum() for c in range(3) for k in "xy"]
    np.testing.assert_allclose(cells, 90 / 6)


@pytest.mark.parametrize("shrinkage", [0.1, 0.6, 1.0])
def test_the_discriminant_is_scikit_learns_of_equal_priors(shrinkage):
    points, labels, _ = rows()
    weight, bias = fit_discriminant(
        points, np.eye(3)[labels], weights=row_weights(labels), shrinkage=shrinkage
    )
    reference = LinearDiscriminantAnalysis("lsqr", shrinkage=shrinkage, priors=[1 / 3] * 3)
    expected = reference.fit(points, labels).predict_proba(points)
    np.testing.assert_allclose(softmax(points @ weight.T + bias, axis=1), expected, atol=1e-9)


def test_soft_labels_of_one_are_hard_labels_and_weights_are_repetitions():
    points, labels, _ = rows()
    known = np.eye(3)[labels]
    often = np.random.default_rng(2).integers(1, 4, len(labels))
    found = fit_discriminant(points, known, weights=often, shrinkage=0.3)
    again = fit_discriminant(
        points.repeat(often, 0), known.repeat(often, 0), weights=np.ones(often.sum()), shrinkage=0.3
    )
    for one, other in zip(found, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("between", [0.0, 10.0])
def test_whitened_rows_have_the_covariance_one_within_corpus_and_class(between):
    points, labels, corpora = rows()
    weights = row_weights(labels, corpora)
    root = whitening(points, labels, corpora, weights=weights, between=between)
    within, apart = np.zeros((5, 5)), []
    for code in range(3):
        mine = labels == code
        middle = (points[mine] * weights[mine, None]).sum(0) / weights[mine].sum()
        for name in "xy":
            cell = mine & (corpora == name)
            mean = points[cell].mean(0)
            apart.append(np.outer(mean - middle, mean - middle))
            for point, one in zip(points[cell], weights[cell], strict=True):
                within += one * np.outer(point - mean, point - mean) / weights.sum()
    total = 0.7 * within + 0.3 * np.trace(within) / 5 * np.eye(5) + between * np.mean(apart, axis=0)
    np.testing.assert_allclose(root @ total @ root.T, np.eye(5), atol=1e-9)


def test_balancing_gives_each_class_the_same_posterior():
    logits = np.random.default_rng(0).normal([3.0, 0, 0, -2], size=(50, 4))
    found = softmax(logits + balance(logits), axis=1)
    np.testing.assert_allclose(found.mean(0), 0.25, atol=1e-6)


def test_unlabelled_rows_move_a_discriminant_towards_them():
    random = np.random.default_rng(0)
    labels = np.tile([0, 1], 200)
    truth = np.tile([0, 1], 150)
    points = np.where(labels, 1.0, -1.0)[:, None] * [1.0, 0.0] + 0.7 * random.normal(size=(400, 2))
    # the second value tells the target's classes apart as well as the first, and is shifted
    target = np.where(truth, 1.0, -1.0)[:, None] * [0.8, 2.0] + 0.7 * random.normal(size=(300, 2))
    weights = np.ones(400)
    plain = fit_discriminant(points, np.eye(2)[labels], weights=weights, shrinkage=0.3)
    adapted = self_train(points, labels, target, weights=weights, shrinkage=0.3)
    right = [((target @ w.T + b).argmax(1) == truth).mean() for w, b in (plain, adapted)]
    assert right[1] > right[0] + 0.05


@pytest.mark.parametrize("shrinkage", [0.0, 1.5])
def test_a_shrinkage_outside_is_refused(shrinkage):
    points, labels, _ = rows()
    with pytest.raises(ValueError, match=r"shrinkage in \(0, 1\]"):
        fit_discriminant(points, np.eye(3)[labels], weights=np.ones(90), shrinkage=shrinkage)


def test_a_class_without_rows_and_a_negative_weight_are_refused():
    points, labels, corpora = rows()
    with pytest.raises(ValueError, match="rows of every class"):
        fit_discriminant(points, np.eye(4)[labels], weights=np.ones(90), shrinkage=0.3)
    with pytest.raises(ValueError, match="between of at least 0, got -1"):
        whitening(points, labels, corpora, weights=np.ones(90), between=-1)
