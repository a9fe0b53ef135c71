"""Calibration: do the probabilities that a model says come true as often as it says?

Single-label tasks are asked twice: about the class that was predicted (top label), and about each
class by itself. In multi-label tasks each label of each row is a statement of its own.

The calibration error is biased upwards in small samples, as noise alone moves every bin off the
diagonal, and more so in resamples, whose rows come twice. So two figures stand beside it: the error
that a perfectly calibrated model with these very probabilities has on as many rows, by simulation
(:func:`chance_of_error`), and the debiased ``calibration_rms``. Intervals leave rows out, and draw
none twice.

Source: Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning;
Guo et al. 2017, On Calibration of Modern Neural Networks; Kull et al. 2019, Beyond Temperature
Scaling; without bias: Ferro and Fricker 2012; Kumar et al. 2019, Verified Uncertainty Calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.intervals import cluster_sums
from affectrep.evaluation.metrics import Statistics

__all__ = [
    "BINS",
    "DRAWS",
    "Statements",
    "calibration_error",
    "calibration_metrics",
    "calibration_statistics",
    "chance_of_error",
    "each_class",
    "equal_mass",
    "equal_width",
    "reliability_bins",
    "rooted",
    "stated",
    "top_label",
    "wilson",
]

Array = NDArray[Any]
BINS = 15
DRAWS = 300  # of a simulation
_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Statements:
    """Probabilities that were said, and whether it came so.

    Args:
        said: ``(rows, statements)`` in [0, 1].
        found: the same shape, 0 or 1.

    Raises:
        ValueError: if the shapes differ, there is no row, or a probability is outside [0, 1].
    """

    said: Array
    found: Array

    def __post_init__(self) -> None:
        if self.said.shape != self.found.shape or self.said.ndim != 2 or not self.said.size:
            raise ValueError(
                "expected probabilities and outcomes of one shape (rows, statements), got "
                f"{self.said.shape} and {self.found.shape}"
            )
        if not ((self.said >= 0) & (self.said <= 1)).all():
            raise ValueError("expected probabilities between 0 and 1; did training diverge?")


def top_label(probabilities: Array, labels: Array) -> Statements:
    """Return one statement a row: the highest probability, and whether its class was the true one.

    Args:
        probabilities: ``(rows, classes)``.
        labels: ``(rows,)`` class indices.
    """
    right = probabilities.argmax(1) == labels
    return Statements(probabilities.max(1)[:, None], right[:, None].astype(np.float64))


def each_class(probabilities: Array, labels: Array) -> Statements:
    """Return a statement for each class of each row.

    Args:
        probabilities: ``(rows, classes)``.
        labels: ``(rows,)`` class indices, or ``(rows, classes)`` multi-hot.
    """
    labels = np.eye(probabilities.shape[1])[labels] if labels.ndim == 1 else labels
    return Statements(probabilities, np.asarray(labels, dtype=np.float64))


def equal_width(bins: int = BINS) -> Array:
    """Return the edges of bins of equal width: ``[0, 1/15], (1/15, 2/15], ..., (14/15, 1]``."""
    return np.linspace(0.0, 1.0, bins + 1)


def equal_mass(said: Array, bins: int = BINS) -> Array:
    """Return edges between which about equally many statements lie; fewer where many are equal.

    Example:
        >>> equal_mass(np.array([0.2, 0.4, 0.6, 0.8]), 2).tolist()
        [0.0, 0.5, 1.0]
    """
    inner = np.quantile(said, np.linspace(0, 1, bins + 1)[1:-1])
    return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def calibration_error(statements: Statements, edges: Array) -> float:
    """Return the expected calibration error: the mean over statements of their bin's gap.

    ``sum_b n_b / n |mean said - share found|``. A probability on an edge belongs to the bin below
    it (Guo et al. 2017); torchmetrics puts it into the bin above, and 1 into one of its own.

    Args:
        statements: of a split.
        edges: of the bins, as :func:`equal_width` and :func:`equal_mass` give them.

    Example:
        >>> said, right = np.array([[0.9], [0.8]]), np.array([[1.0], [0.0]])
        >>> round(calibration_error(Statements(said, right), equal_width(1)), 3)
        0.35
    """
    place = _place(statements.said, edges)
    gaps = statements.said - statements.found
    return float(_gap(np.bincount(place.ravel(), gaps.ravel()), statements.said.size))


def calibration_metrics(probabilities: Array, labels: Array) -> dict[str, float]:
    """Return the figures of calibration, without intervals.

    ``ece`` has bins of equal width, ``ece_mass`` of equal mass, ``classwise_ece`` is the mean over
    classes of each class's own, bins of equal width. ``brier`` is the sum over classes of squared
    errors, from 0 to 2 (Brier 1950; scikit-learn's with ``scale_by_half=False``); with several
    labels it is the mean over labels. ``nll`` is in nats; probabilities are cut at 2e-16 as in
    scikit-learn's ``log_loss``. ``calibration_rms`` is the root of the mean squared gap of bins of
    equal mass, debiased: from the products of errors of two different rows alone, so that the
    square is 0 on average where a model is calibrated. It is 0 where the square is negative.

    Args:
        probabilities: ``(rows, classes)``, softmax or sigmoid.
        labels: ``(rows,)`` class indices or ``(rows, classes)`` multi-hot.

    Example:
        >>> found = calibration_metrics(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 1]))
        >>> round(found["ece"], 3), round(found["brier"], 3), round(found["nll"], 3)
        (0.3, 0.2, 0.367)
    """
    units = np.arange(len(probabilities))
    return rooted(calibration_statistics(probabilities, labels, units, 0 * units).values())


def chance_of_error(
    probabilities: Array, labels: Array, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Return what error a model has on these rows whose probabilities are true, by simulation.

    Labels are drawn from the probabilities, row by row; rows of one speaker, say, are drawn
    independently too, so with few speakers a calibrated model can lie above ``high``.

    Args:
        probabilities: ``(rows, classes)``.
        labels: as :func:`calibration_metrics`; only for the observed values.
        draws: how often labels are drawn.
        seed: of the draws.

    Returns:
        For ece, ece_mass and classwise_ece the mean, ``high`` (19 of 20 draws lie below), and p:
        the share of draws at or above the observed value, at least ``1 / (draws + 1)``.

    Source: Broecker and Smith 2007, Increasing the Reliability of Reliability Diagrams.
    """
    rng = np.random.default_rng(seed)
    single, classes = labels.ndim == 1, probabilities.shape[1]
    heaped = np.cumsum(probabilities, axis=1)[:, :-1]
    layouts = _layouts(probabilities, labels)

    def errors(drawn: Array) -> list[float]:
        top, each = stated(probabilities, drawn), each_class(probabilities, drawn)
        return [_error(part, place) for part, place in zip((top, top, each), layouts, strict=True)]

    found = []
    for _ in range(draws):
        if single:
            drawn = (heaped < rng.random((len(labels), 1))).sum(1)
        else:
            drawn = (rng.random((len(labels), classes)) < probabilities).astype(np.float64)
        found.append(errors(drawn))
    names, observed = ("ece", "ece_mass", "classwise_ece"), errors(labels)
    return {
        name: {
            "mean": float(column.mean()),
            "high": float(np.quantile(column, 0.95)),
            "p": float((1 + (column >= value - 1e-12).sum()) / (draws + 1)),
        }
        for name, column, value in zip(names, np.array(found).T, observed, strict=True)
    }


def reliability_bins(
    statements: Statements, edges: Array, confidence: float = 0.95
) -> list[dict[str, float]]:
    """Return a dictionary per bin that is not empty, for a diagram.

    Keys: start and end of the bin, count, said (mean probability), found (share that came true),
    low and high (Wilson's interval of that share, statements taken for independent).

    Example:
        >>> said, right = np.array([[0.9], [0.8]]), np.array([[1.0], [0.0]])
        >>> one, = reliability_bins(Statements(said, right), equal_width(1))
        >>> one["count"], round(one["said"], 2), one["found"]
        (2, 0.85, 0.5)
    """
    place = _place(statements.said, edges).ravel()
    width = len(edges) - 1
    counts = np.bincount(place, minlength=width)
    said = np.bincount(place, statements.said.ravel(), minlength=width)
    found = np.bincount(place, statements.found.ravel(), minlength=width)
    rows = []
    for i in np.flatnonzero(counts):
        low, high = wilson(float(found[i]), int(counts[i]), confidence)
        ends = {"start": float(edges[i]), "end": float(edges[i + 1]), "count": int(counts[i])}
        means = {"said": float(said[i] / counts[i]), "found": float(found[i] / counts[i])}
        rows.append({**ends, **means, "low": low, "high": high})
    return rows


def wilson(hits: float, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share.

    Source: Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference.

    Example:
        >>> [round(end, 3) for end in wilson(8, 10)]
        [0.49, 0.943]
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2))
    share, more = hits / trials, z * z / trials
    centre = (share + more / 2) / (1 + more)
    half = z * np.sqrt(share * (1 - share) / trials + more / (4 * trials)) / (1 + more)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return float(min(low, share)), float(max(high, share))


def calibration_statistics(
    probabilities: Array, labels: Array, units: Array, blocks: Array
) -> Statistics:
    """Return one line of sums per block, and the figures that follow, :func:`rooted` to come.

    Args:
        probabilities: ``(rows, classes)``.
        labels: class indices or multi-hot.
        units: ``(rows,)`` number of the cluster of each row, or of the row; these are independent.
        blocks: ``(rows,)`` number of what is left out together: whole units.
    """
    told, each = stated(probabilities, labels), each_class(probabilities, labels)
    width, mass, own = _layouts(probabilities, labels)
    bins, classes = int(mass.max()) + 1, probabilities.shape[1]
    pulls = _spread(told.said - told.found, mass, units, bins)
    counts = _spread(np.ones_like(told.said), mass, units, bins)
    block_of_unit = np.zeros(len(pulls), dtype=int)
    block_of_unit[units] = blocks
    by_unit = np.concatenate([pulls, counts, pulls**2, counts**2], axis=1)
    squares = ((each.said - each.found) ** 2).sum(1)
    true = np.clip(np.where(each.found > 0, each.said, 1 - each.said), _TINY, 1)
    losses = -(np.log(true) * (each.found if labels.ndim == 1 else 1)).sum(1)
    several = 1 if labels.ndim == 1 else classes
    by_row = np.stack([squares / several, losses / several, np.ones(len(labels))], axis=1)
    gaps = [_spread(told.said - told.found, width, blocks, BINS)]
    gaps += [_spread(each.said - each.found, own, blocks, classes * BINS)]
    parts = [cluster_sums(by_unit, block_of_unit), *gaps, cluster_sums(by_row, blocks)]
    ends = np.cumsum([bins, bins, bins, bins, BINS, classes * BINS])

    def metrics(sums: Array) -> dict[str, Array]:
        pull, count, pull2, count2, gap, gap_each, rest = np.split(sums, ends, axis=-1)
        brier, nll, rows = (rest[..., i] for i in range(3))
        return {
            "ece": _gap(gap, count.sum(-1)),
            "ece_mass": _gap(pull, count.sum(-1)),
            "classwise_ece": _gap(gap_each, rows * classes),
            "calibration_rms": _square(pull, count, pull2, count2),
            "brier": brier / rows,
            "nll": nll / rows,
        }

    return Statistics(np.concatenate(parts, axis=1), metrics)


def rooted(values: Mapping[str, float]) -> dict[str, float]:
    """Return the figures with the root of the squared gap in place of the square."""
    name = "calibration_rms"
    return {k: float(np.sqrt(max(0.0, v))) if k == name else v for k, v in values.items()}


def stated(probabilities: Array, labels: Array) -> Statements:
    """Return the statements of the diagram: the top label's, or every label's."""
    return (top_label if labels.ndim == 1 else each_class)(probabilities, labels)


def _place(said: Array, edges: Array) -> Array:
    """Return the number of each statement's bin."""
    return np.clip(np.searchsorted(edges, said, side="left") - 1, 0, len(edges) - 2)


def _layouts(probabilities: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Return bins of equal width, of equal mass, and of equal width for each class."""
    said = stated(probabilities, labels).said
    own = BINS * np.arange(probabilities.shape[1]) + _place(probabilities, equal_width())
    return _place(said, equal_width()), _place(said, equal_mass(said)), own


def _error(statements: Statements, place: Array) -> float:
    gaps = statements.said - statements.found
    return float(_gap(np.bincount(place.ravel(), gaps.ravel()), gaps.size))


def _gap(sums: Array, statements: Array | float) -> Array:
    return np.asarray(np.abs(sums).sum(-1) / statements)


def _square(pull: Array, count: Array, pull2: Array, count2: Array) -> Array:
    """Return the mean squared gap of bins from the products of different units, without bias."""
    pairs = count**2 - count2
    known = pairs > 0
    each = np.where(known, (pull**2 - pull2) / np.where(known, pairs, 1), 0.0)
    weights = np.where(known, count, 0.0)
    return np.asarray((weights * each).sum(-1) / np.maximum(weights.sum(-1), 1))


def _spread(values: Array, place: Array, groups: Array, width: int) -> Array:
    """Return ``(groups, width)``: values ``(rows, statements)`` added up by group and bin."""
    flat = groups[:, None] * width + place
    size = (int(groups.max()) + 1) * width
    return np.bincount(flat.ravel(), values.ravel(), minlength=size).reshape(-1, width)
