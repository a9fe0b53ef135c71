"""What a scorecard says about calibration: figures with intervals, and bins for a diagram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.calibration import (
    DRAWS,
    calibration_statistics,
    chance_of_error,
    equal_mass,
    equal_width,
    reliability_bins,
    rooted,
    stated,
)
from affectrep.evaluation.intervals import cluster_sums, effective_clusters
from affectrep.evaluation.metrics import AXES, Statistics
from affectrep.evaluation.predictions import table_probabilities, table_targets

__all__ = ["calibration_card", "line_statistics"]

Array = NDArray[Any]
Figures = dict[str, dict[str, float | None]]
_AXIS_BINS = 10
_BLOCKS = 200  # of rows, left out in turn where there are no clusters


def calibration_card(
    table: pd.DataFrame,
    *,
    clusters: Array | None = None,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Return figures with intervals, and bins.

    Intervals are Student's t with the jackknife's error: clusters are left out in turn, or 200
    random blocks of rows. Rows are not drawn anew, because the calibration error of a resample is
    biased upwards. They are laid on a logarithmic scale (``calibration_rms``: on its square; slope
    and intercept as they are). Edges of bins stay where they are. The low end of an error in bins
    is then moved down by the error that a calibrated model has: noise adds at most as much to the
    gaps. Such intervals are long, and never too short because of the bias.

    Args:
        table: predictions of a split.
        clusters: ``(rows,)`` names; None takes each row for itself.
        confidence: of the intervals.
        draws: how often the labels of a calibrated model are simulated.

    Returns:
        Keys: metrics (name -> value, low, high) and bins; with classes also expected
        (:func:`~affectrep.evaluation.calibration.chance_of_error`). With
        ``table.attrs["ranking"]`` only ranking: such scores are an order, and no probabilities.
        Empty where the table has neither probabilities nor finite values.
    """
    if table.attrs.get("ranking"):
        return {"ranking": True, "metrics": {}}
    if table.attrs["task"] == "regression":
        return _axes_card(*table_targets(table), clusters, confidence)
    if "prob_0" not in table:
        return {}
    probabilities, labels = table_probabilities(table), table_targets(table)[0]
    if not np.isfinite(probabilities).all():
        return {}
    units, blocks = _units(len(table), clusters)
    statistics = calibration_statistics(probabilities, labels, units, blocks)
    figures = _intervals(statistics, blocks, confidence)
    expected = chance_of_error(probabilities, labels, draws=draws)
    statements = stated(probabilities, labels)
    edges = {"width": equal_width(), "mass": equal_mass(statements.said)}
    return {
        "metrics": figures | _lowered(figures, expected),
        "expected": expected,
        "bins": {
            name: reliability_bins(statements, where, confidence) for name, where in edges.items()
        },
    }


def line_statistics(true: Array, said: Array, axis: str) -> Statistics:
    """Return statistics for slope and intercept of the line of true on predicted values.

    Slope 1 and intercept 0 is calibrated; a slope below 1 says that the predictions reach too far
    out. Predictions must differ.

    Args:
        true: ``(rows,)``.
        said: ``(rows,)``.
        axis: name of the axis, for the names of the figures.

    Example:
        >>> found = line_statistics(np.array([0.1, 0.5]), np.array([0.0, 0.8]), "valence").values()
        >>> {name: round(value, 3) for name, value in found.items()}
        {'calibration_slope_valence': 0.5, 'calibration_intercept_valence': 0.1}
    """
    shifts = float(true.mean()), float(said.mean())  # keep the digits of the variance
    y, p = true - shifts[0], said - shifts[1]
    columns = np.stack([y, p, p * p, y * p, np.ones(len(y))], axis=1)

    def metrics(sums: Array) -> dict[str, Array]:
        rows = sums[..., 4]
        mean_y, mean_p = sums[..., 0] / rows, sums[..., 1] / rows
        spread = sums[..., 2] / rows - mean_p**2
        slope = (sums[..., 3] / rows - mean_y * mean_p) / spread
        intercept = mean_y + shifts[0] - slope * (mean_p + shifts[1])
        return {f"calibration_slope_{axis}": slope, f"calibration_intercept_{axis}": intercept}

    return Statistics(columns, metrics)


def _units(rows: int, clusters: Array | None) -> tuple[Array, Array]:
    """Return the number of each row's unit, and of the block that it is left out with."""
    if clusters is not None:
        codes = np.unique(clusters, return_inverse=True)[1]
        return codes, codes
    mixed = np.random.default_rng(0).permutation(rows) % min(rows, _BLOCKS)
    return np.arange(rows), mixed


def _intervals(statistics: Statistics, blocks: Array, confidence: float) -> Figures:
    """Return each figure with the jackknife's interval; both ends None with one block.

    Args:
        statistics: one line of sums a block.
        blocks: ``(rows,)`` number of each row's block.
        confidence: of the intervals.
    """
    from scipy.stats import t

    sums, values = statistics.columns, statistics.values()
    count = len(sums)
    if count < 2:
        return {k: {"value": v, "low": None, "high": None} for k, v in rooted(values).items()}
    without = statistics.metrics(sums.sum(0) - sums)
    edge = float(t.ppf((1 + confidence) / 2, max(1.0, effective_clusters(blocks) - 1)))
    found: Figures = {}
    for name, value in values.items():
        error = float(np.sqrt((count - 1) / count * ((without[name] - value) ** 2).sum()))
        ends = (value, *_ends(name, value, edge * error))
        plain = (rooted({name: end})[name] for end in ends)
        found[name] = dict(zip(("value", "low", "high"), plain, strict=True))
    return found


def _lowered(figures: Figures, expected: Mapping[str, Mapping[str, float]]) -> Figures:
    """Return the errors in bins with the low end moved down by what noise adds at most."""
    return {
        name: {**figures[name], "low": max(0.0, low - known["mean"])}
        for name, known in expected.items()
        if (low := figures[name]["low"]) is not None
    }


def _ends(name: str, value: float, half: float) -> tuple[float, float]:
    if name.startswith("calibration_") or value <= 0:
        return value - half, value + half
    factor = float(np.exp(min(half / value, 50.0)))
    high = value * factor
    return value / factor, min(1.0, high) if "ece" in name else high


def _axes_card(
    true: Array, said: Array, clusters: Array | None, confidence: float
) -> dict[str, Any]:
    """Return slope and intercept of the true values on the predicted ones, and bins, per axis."""
    if not (np.isfinite(true).all() and np.isfinite(said).all()):
        return {}
    blocks = _units(len(true), clusters)[1]
    metrics: Figures = {}
    for i, axis in enumerate(AXES):
        if len(true) > 1 and np.ptp(said[:, i]) > 0:
            whole = line_statistics(true[:, i], said[:, i], axis)
            sums = Statistics(cluster_sums(whole.columns, blocks), whole.metrics)
            metrics |= _intervals(sums, blocks, confidence)
    bins = {axis: _axis_bins(true[:, i], said[:, i], confidence) for i, axis in enumerate(AXES)}
    return {"metrics": metrics, "bins": bins}


def _axis_bins(true: Array, said: Array, confidence: float) -> list[dict[str, float]]:
    """Return bins of about equally many predictions, with the mean of the true values in each."""
    from scipy.stats import t

    inner = np.quantile(said, np.linspace(0, 1, _AXIS_BINS + 1)[1:-1])
    edges = np.unique([said.min(), *inner, said.max()])
    place = np.clip(np.searchsorted(edges, said, side="left") - 1, 0, max(0, len(edges) - 2))
    rows = []
    for i in np.unique(place):
        here, count = true[place == i], int((place == i).sum())
        mean, half = float(here.mean()), 0.0
        if count > 1:
            edge = float(t.ppf((1 + confidence) / 2, count - 1))
            half = edge * float(here.std(ddof=1)) / np.sqrt(count)
        start, end = float(edges[i]), float(edges[min(i + 1, len(edges) - 1)])
        ends = {"start": start, "end": end, "count": count}
        means = {"said": float(said[place == i].mean()), "found": mean}
        rows.append({**ends, **means, "low": float(mean - half), "high": float(mean + half)})
    return rows
