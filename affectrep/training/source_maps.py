"""Take the offsets of source corpora or speakers out of training rows, before a classifier fits.

What is done to any other row is one shift and one scale that come from the sources alone, so that a
linear classifier of the moved rows is a linear classifier of the rows as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affectrep.training.linear_classifiers import row_weights

__all__ = ["SourceMap", "Sources", "map_sources", "speaker_offsets"]

Array = NDArray[Any]
Sources = Literal["pooled", "corpus", "speaker"]

PRIOR_CLIPS = 5.0  # a speaker with as many clips has half of its offset taken
ROUNDS = 5


@dataclass(frozen=True)
class SourceMap:
    """How training rows are moved, and how all other rows are.

    Args:
        row_shift: ``(rows, dim)`` of the training rows, or ``(1, dim)``.
        row_scale: likewise.
        shift: ``(dim,)`` of any other row.
        scale: likewise.
    """

    row_shift: Array
    row_scale: Array
    shift: Array
    scale: Array

    def rows(self, points: Array) -> Array:
        """Return training rows ``(rows, dim)``, or altered copies of them in their order, moved."""
        return np.asarray((points - self.row_shift) / self.row_scale)

    def fold(self, weight: Array, bias: Array) -> tuple[Array, Array]:
        """Return a classifier ``(classes, dim)`` of moved rows as one of rows that are not moved.

        Example:
            >>> one = SourceMap(np.zeros((1, 1)), np.ones((1, 1)), np.array([3.0]), np.array([2.0]))
            >>> weight, bias = one.fold(np.array([[4.0]]), np.array([1.0]))
            >>> weight.tolist(), bias.tolist()
            ([[2.0]], [-5.0])
        """
        folded = weight / self.scale
        return folded, bias - folded @ self.shift


def map_sources(
    points: Array, labels: Array, corpora: Array, speakers: Array, kind: Sources
) -> SourceMap:
    """Return the map of a kind.

    ``pooled`` moves nothing. ``corpus`` gives each source corpus mean 0 and standard deviation 1;
    other rows are moved by the mean of these means and deviations. ``speaker`` takes from each row
    the offset of its speaker (`speaker_offsets`), from other rows the mean offset: over the rows
    of each corpus, then over corpora. It reads the labels of training rows.

    Args:
        points: ``(rows, dim)`` of the training rows, standardised.
        labels: ``(rows,)`` class codes.
        corpora: ``(rows,)`` names.
        speakers: ``(rows,)`` names.
        kind: pooled, corpus or speaker.

    Raises:
        ValueError: if the kind is unknown or the columns differ in length.

    Example:
        >>> points = np.array([[0.0], [2.0], [10.0], [14.0]])
        >>> names = np.array(["a", "a", "b", "b"])
        >>> found = map_sources(points, np.array([0, 1, 0, 1]), names, names, "corpus")
        >>> found.rows(points).ravel().tolist(), found.shift.tolist(), found.scale.tolist()
        ([-1.0, 1.0, -1.0, 1.0], [6.5], [1.5])
    """
    if not len(points) == len(labels) == len(corpora) == len(speakers):
        raise ValueError(f"expected a label, corpus and speaker for each of {len(points)} rows")
    still = np.zeros((1, points.shape[1]))
    if kind == "pooled":
        return SourceMap(still, still + 1, still[0], still[0] + 1)
    if kind == "speaker":
        offsets = speaker_offsets(points, labels, corpora, speakers)
        middle = np.mean([offsets[corpora == name].mean(0) for name in np.unique(corpora)], axis=0)
        return SourceMap(offsets, still + 1, middle, still[0] + 1)
    if kind != "corpus":
        raise ValueError(f"sources are {kind!r}, expected pooled, corpus or speaker")
    shift, scale, found = np.zeros_like(points), np.ones_like(points), []
    for name in np.unique(corpora):
        mask = corpora == name
        mean, sd = points[mask].mean(0), points[mask].std(0)
        sd = np.where(sd <= 1e-5 * np.maximum(1, np.abs(mean)), 1.0, sd)
        shift[mask], scale[mask] = mean, sd
        found.append((mean, sd))
    means, sds = (np.mean(part, axis=0) for part in zip(*found, strict=True))
    return SourceMap(shift, scale, means, sds)


def speaker_offsets(points: Array, labels: Array, corpora: Array, speakers: Array) -> Array:
    """Return the offset of each row's speaker ``(rows, dim)``, beside the effects of the classes.

    Class means and offsets are estimated in turns, so that a speaker with one emotion does not
    lose it. An offset of n clips is shrunk by n / (n + 5).

    Example:
        >>> points = np.array([[0.0], [1.0], [4.0], [5.0]] * 50)
        >>> who = np.array(["ann", "ann", "bo", "bo"] * 50)
        >>> found = speaker_offsets(points, np.array([0, 1, 0, 1] * 50), who, who)
        >>> round(float(found[2, 0] - found[0, 0]), 1)
        3.8
    """
    offsets = np.zeros_like(points)
    weight = row_weights(labels, corpora)[:, None]
    for _ in range(ROUNDS):
        left = (points - offsets) * weight
        means = {
            code: left[labels == code].sum(0) / weight[labels == code].sum()
            for code in np.unique(labels)
        }
        residual = points - np.stack([means[code] for code in labels])
        for name in np.unique(speakers):
            mask = speakers == name
            offsets[mask] = residual[mask].sum(0) / (mask.sum() + PRIOR_CLIPS)
    return offsets
