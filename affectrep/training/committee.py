"""One linear head from several linear classifiers: views of the features x maps of the sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.training.fit_classifier import fit_linear
from affectrep.training.linear_classifiers import (
    balance,
    fit_discriminant,
    row_weights,
    self_train,
    whitening,
)
from affectrep.training.source_maps import SourceMap, Sources, map_sources

__all__ = ["VIEWS", "Member", "TrainingRows", "fit_committee", "stable_columns", "view_columns"]

Array = NDArray[Any]

VIEWS = (
    *("all", "egemaps", "egemaps_quiet", "functionals"),
    *("joined_small", "joined", "joined_stable"),
)
_OWN = ("pitch", "loudness", "voice", "spectrum", "perturbation", "timing")
_SPECTRAL = ("voiced_spectrum", "mfcc", "mfcc_delta", "logmel")
_LOUD = ("loudness_sma3", "equivalentSoundLevel")
_SMALLEST_EFFECT = 0.3


@dataclass(frozen=True)
class TrainingRows:
    """What a committee is fitted on.

    Args:
        points: ``(rows, dim)``, standardised.
        labels: ``(rows,)`` class codes from 0.
        corpora: ``(rows,)`` names.
        speakers: ``(rows,)`` names.
        copies: features of altered copies of all rows, in their order; the rows keep their total
            weight.
    """

    points: Array
    labels: Array
    corpora: Array
    speakers: Array
    copies: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Member:
    """How one classifier is fitted.

    Args:
        classifier: logistic or discriminant.
        c: of logistic regression.
        shrinkage: of the discriminant's covariance.
        whiten: logistic regression after `whitening` with so much between corpora; None without.
        weights: none, balanced (classes) or corpus (classes within corpora).
        adapt: none; balance moves the biases, self trains a discriminant again, both by target
            rows without labels.
    """

    classifier: str = "logistic"
    c: float = 0.05
    shrinkage: float = 0.3
    whiten: float | None = None
    weights: str = "balanced"
    adapt: str = "none"


def fit_committee(
    rows: TrainingRows,
    member: Member,
    *,
    names: Sequence[str],
    views: Sequence[str] = ("all",),
    sources: Sequence[Sources] = ("pooled",),
    target: Array | None = None,
) -> tuple[Array, Array]:
    """Fit a classifier on every view under every map of the sources; return the mean of all.

    Args:
        rows: of the source languages.
        member: how each is fitted.
        names: of the features, one a column of the points.
        views: of `VIEWS`.
        sources: of `map_sources`.
        target: ``(others, dim)`` without labels, for ``member.adapt``.

    Returns:
        weight ``(classes, dim)`` and bias ``(classes,)`` of the mean logits.

    Raises:
        ValueError: if a setting is unknown or a view has no column.

    Example:
        >>> labels, who = np.tile(np.arange(3), 4), np.repeat(["x/a", "x/b", "y/c", "y/d"], 3)
        >>> rows = TrainingRows(np.eye(3)[labels], labels, np.repeat(["x", "y"], 6), who)
        >>> both = fit_committee(rows, Member(), names=list("abc"), sources=["pooled", "corpus"])
        >>> (np.eye(3) @ both[0].T + both[1]).argmax(1).tolist()
        [0, 1, 2]
    """
    if member.adapt != "none" and target is None:
        raise ValueError(f"adapt={member.adapt} needs unlabelled rows of the target")
    found = []
    for kind in sources:
        whole = map_sources(rows.points, rows.labels, rows.corpora, rows.speakers, kind)
        for view in views:
            fitted = _fit_view(rows, whole, member, view=view, names=names, target=target)
            found.append(fitted)
    weights, biases = zip(*found, strict=True)
    return np.mean(weights, axis=0), np.mean(biases, axis=0)


def _fit_view(
    rows: TrainingRows,
    move: SourceMap,
    member: Member,
    *,
    view: str,
    names: Sequence[str],
    target: Array | None,
) -> tuple[Array, Array]:
    parts = [move.rows(part) for part in (rows.points, *rows.copies)]
    columns = view_columns(view, names)
    if view.endswith("_stable"):
        columns = columns & stable_columns(parts[0], rows.labels, rows.corpora)
    if not columns.any():
        raise ValueError(f"the view {view} has none of the {len(names)} features")
    part = replace(
        rows, points=parts[0][:, columns], copies=tuple(x[:, columns] for x in parts[1:])
    )
    asked = None if target is None else ((target - move.shift) / move.scale)[:, columns]
    small, bias = _fit_member(part, member, asked)
    weight = np.zeros((len(bias), len(names)))
    weight[:, columns] = small
    return move.fold(weight, bias)


def _fit_member(rows: TrainingRows, member: Member, target: Array | None) -> tuple[Array, Array]:
    count = 1 + len(rows.copies)
    weights = np.tile(_weights(rows, member.weights), count) / count
    points, labels = np.concatenate([rows.points, *rows.copies]), np.tile(rows.labels, count)
    if member.classifier == "discriminant":
        if member.adapt == "self":
            assert target is not None
            return self_train(points, labels, target, weights=weights, shrinkage=member.shrinkage)
        shares = np.eye(int(labels.max()) + 1)[labels]
        weight, bias = fit_discriminant(points, shares, weights=weights, shrinkage=member.shrinkage)
    else:
        weight, bias = _fit_logistic(points, labels, np.tile(rows.corpora, count), weights, member)
    if member.adapt == "balance":
        assert target is not None
        bias = bias + balance(target @ weight.T + bias)
    return weight, bias


def _fit_logistic(
    points: Array, labels: Array, corpora: Array, weights: Array, member: Member
) -> tuple[Array, Array]:
    root = None
    if member.whiten is not None:
        root = whitening(points, labels, corpora, weights=weights, between=member.whiten)
        points = points @ root.T
    found = fit_linear(points, labels, c=member.c, class_weight=None, row_weights=weights)
    weight, bias = (np.asarray(part, dtype=np.float64) for part in found)
    return (weight if root is None else weight @ root), bias


def _weights(rows: TrainingRows, kind: str) -> Array:
    if kind == "none":
        return np.ones(len(rows.labels))
    return row_weights(rows.labels, rows.corpora if kind == "corpus" else None)


def view_columns(view: str, names: Sequence[str]) -> NDArray[np.bool_]:
    """Return which features belong to a view ``(dim,)``, before any choice by their effects.

    Raises:
        ValueError: if the view is unknown.

    Example:
        >>> view_columns("egemaps_quiet", ["jitter", "loudness_sma3_x", "pitch.f0.mean"]).tolist()
        [True, False, False]
    """
    if view not in VIEWS:
        raise ValueError(f"there is no view {view!r}; there is {', '.join(VIEWS)}")
    group = [name.split(".")[0] for name in names]
    small = np.array([one in _OWN for one in group])
    own = small | np.array([one in _SPECTRAL for one in group])
    loud = np.array([name.startswith(_LOUD) for name in names])
    quiet = ~own & ~loud
    views = {"all": own | ~own, "egemaps": ~own, "egemaps_quiet": quiet, "functionals": own}
    views |= {"joined_small": quiet | small, "joined": quiet | own}
    return np.asarray(views[view.removesuffix("_stable")])


def stable_columns(points: Array, labels: Array, corpora: Array) -> NDArray[np.bool_]:
    """Return features with a class effect of one sign in all corpora, .3 sd or more on average.

    The effect is the mean of a class minus the mean of the others within a corpus.

    Example:
        >>> points = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
        >>> codes, names = np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"])
        >>> stable_columns(points, codes, names).tolist()
        [True, False]
    """
    effects = np.array(
        [list(_effects(points, labels, corpora == one)) for one in np.unique(corpora)]
    )
    same = np.abs(np.sign(effects).sum(0)) == len(effects)
    return np.asarray((same & (np.abs(effects.mean(0)) >= _SMALLEST_EFFECT)).any(0))


def _effects(points: Array, labels: Array, corpus: Array) -> Iterator[Array]:
    for code in np.unique(labels):
        inside, outside = (points[corpus & mask] for mask in (labels == code, labels != code))
        known = len(inside) and len(outside)
        yield inside.mean(0) - outside.mean(0) if known else np.zeros(points.shape[1])
