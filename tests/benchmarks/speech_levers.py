"""The candidates of the speech study, from the classifiers of the toolkit, on plain arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from affectrep.training.committee import stable_columns
from affectrep.training.linear_classifiers import (
    balance,
    fit_discriminant,
    row_weights,
    self_train,
    whitening,
)
from affectrep.training.source_maps import map_sources

__all__ = ["Line", "Rows", "balanced", "discriminants", "groups", "logistic_path"]
__all__ += ["own_standardised", "self_trained", "source_standardised", "stable", "weights_of"]
__all__ += ["whitened_path"]

Array = NDArray[Any]
LIMIT = 5.0


@dataclass(frozen=True)
class Rows:
    """Rows of several corpora: features (rows, dim), class codes, corpora, speakers."""

    x: Array
    y: Array
    corpus: Array
    speaker: Array

    def take(self, mask: Array) -> Rows:
        """Return the rows of a mask."""
        return Rows(self.x[mask], self.y[mask], self.corpus[mask], self.speaker[mask])

    def with_x(self, x: Array) -> Rows:
        """Return the same rows with other features."""
        return Rows(x, self.y, self.corpus, self.speaker)


@dataclass(frozen=True)
class Line:
    """A linear classifier: weight (classes, dim), bias (classes,)."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        """Return logits (rows, classes)."""
        return np.asarray(x @ self.weight.T + self.bias)


def moments(x: Array) -> tuple[Array, Array]:
    """Return mean and sd of each column; a column that never varies has sd 1."""
    mean, sd = x.mean(0), x.std(0)
    return mean, np.where(sd <= 1e-5 * np.maximum(1, np.abs(mean)), 1.0, sd)


def groups(names: Array) -> Iterator[Array]:
    """Yield the mask of each name's rows."""
    for name in np.unique(names):
        yield names == name


def weights_of(rows: Rows, kind: str) -> Array:
    """Return row weights of mean 1: each class alike, or each class in each corpus alike."""
    return row_weights(rows.y, rows.corpus if kind == "corpus" else None)


def source_standardised(
    rows: Rows, copies: list[Array], others: list[Array], kind: str, *, limit: float = LIMIT
) -> tuple[list[Array], list[Array]]:
    """Return source rows with altered copies of them, and other arrays, by the sources alone."""
    mean, sd = moments(rows.x)
    sources = [((x - mean) / sd).clip(-limit, limit) for x in (rows.x, *copies)]
    others = [((x - mean) / sd).clip(-limit, limit) for x in others]
    move = map_sources(sources[0], rows.y, rows.corpus, rows.speaker, kind)
    return [move.rows(x) for x in sources], [(x - move.shift) / move.scale for x in others]


def own_standardised(rows: Rows, kind: str) -> Array:
    """Return rows standardised by their own corpus or speaker, unlabelled."""
    by = rows.speaker if kind == "speaker" else rows.corpus
    x = np.empty_like(rows.x)
    for mask in groups(by):
        part = rows.x[mask]
        if kind == "quantile":
            x[mask] = ndtri((rankdata(part, axis=0) - 0.5) / len(part))
            continue
        mean, sd = moments(part if mask.sum() > 1 else rows.x[rows.corpus == rows.corpus[mask][0]])
        x[mask] = (part - mean) / sd
        if kind == "coral":
            cov = np.cov(x[mask].T, bias=True)
            cov = 0.5 * (cov + np.trace(cov) / len(cov) * np.eye(len(cov)))
            values, axes = np.linalg.eigh(cov)
            x[mask] = x[mask] @ (axes / np.sqrt(values)) @ axes.T
    if kind == "speaker_shrunk":
        for mask in groups(rows.speaker):
            x[mask] -= x[mask].sum(0) / (mask.sum() + 20)
    return x


def stable(rows: Rows) -> Array:
    """Return which features have a class effect of one sign in all corpora, of .3 sd or more."""
    return stable_columns(rows.x, rows.y, rows.corpus)


def logistic_path(rows: Rows, weight: Array, cs: tuple[float, ...]) -> list[Line]:
    """Return a logistic regression for each C, from the strongest penalty on."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(warm_start=True, max_iter=2000)
    found = []
    for c in cs:
        model.set_params(C=c).fit(rows.x, rows.y, sample_weight=weight)
        found.append(Line(model.coef_.copy(), model.intercept_.copy()))
    return found


def discriminants(rows: Rows, weight: Array, shares: tuple[float, ...]) -> list[Line]:
    """Return a discriminant of equal priors for each shrinkage."""
    known = np.eye(4)[rows.y]
    return [
        Line(*fit_discriminant(rows.x, known, weights=weight, shrinkage=share)) for share in shares
    ]


def whitened_path(rows: Rows, weight: Array, cs: tuple[float, ...], kappa: float) -> list[Line]:
    """Return logistic regressions after whitening by what varies within corpus and class."""
    root = whitening(rows.x, rows.y, rows.corpus, weights=weight, between=kappa)
    lines = logistic_path(rows.with_x(rows.x @ root.T), weight, cs)
    return [Line(line.weight @ root, line.bias) for line in lines]


def balanced(logits: Array) -> Array:
    """Return logits whose biases make the mean posterior the same for each class."""
    return np.asarray(logits + balance(logits))


def self_trained(rows: Rows, weight: Array, target: Array, share: float = 0.3) -> Array:
    """Return the target's logits of a discriminant fitted again with its own soft labels."""
    return Line(*self_train(rows.x, rows.y, target, weights=weight, shrinkage=share))(target)
