"""Paired comparison of two sides over the same rows, and over seeds where there are several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.intervals import (
    Interval,
    cluster_sums,
    effective_clusters,
    on_own_scale,
    resampled_sums,
)
from affectrep.evaluation.metrics import Statistics
from affectrep.evaluation.student import Spread, over_seeds, student

__all__ = ["LEVEL", "Difference", "mean_over_seeds", "paired_difference"]

Array = NDArray[Any]
LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """How far side A lies above side B in one metric.

    Args:
        metric: its name.
        a: mean over seeds of side A.
        b: mean over seeds of side B.
        effect: ``a - b``.
        low: lower end of the interval of the effect, by itself: not simultaneous with others.
        high: upper end.
        p: two-sided, of this comparison by itself.
        detectable: the smallest true effect that such data would have shown in 80 % of cases,
            looking at this comparison alone.
        seeds: number of paired seeds.
        seed_sd: standard deviation of the effect from seed to seed, beyond that of the rows.
        holm: ``p`` adjusted by Holm's method where this is one of several comparisons, else None
            (see :mod:`affectrep.evaluation.multiple`).
    """

    metric: str
    a: float
    b: float
    effect: float
    low: float
    high: float
    p: float
    detectable: float
    seeds: int
    seed_sd: float
    holm: float | None = None

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out zero; of several, whether Holm's p is below .05."""
        if self.holm is not None:
            return self.holm < LEVEL
        return self.low > 0 or self.high < 0


def paired_difference(
    side_a: Sequence[Statistics],
    side_b: Sequence[Statistics],
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    clusters: Array | None = None,
    seed: int = 0,
) -> dict[str, Difference]:
    """Compare two sides that were scored on the same rows; the i-th runs of both share a seed.

    The rows are resampled, the same rows for every run. With several seeds the variance of the
    mean effect is the sum of two parts: that of resampled rows, and that of the effects from
    seed to seed beyond what the rows explain. Resampling rows and seeds together would count
    the part that belongs to rows and seeds jointly three times (Owen 2007, "The pigeonhole
    bootstrap"); here it counts once.

    The interval is Student's t. Its degrees of freedom are the weighted harmonic mean of those of
    the parts, each weighing what it adds to the variance: of seeds their number less one, of
    clusters the effective number less one, of rows without end. So five seeds are not taken for
    many. Satterthwaite's (1946), whose weights are squared, tell equal systems apart in up to 8 %
    of studies of three seeds, because seeds that agree by chance count little there. With two even
    the harmonic mean does (up to 9 %), so there each part has its own t, that of the seeds with one
    degree of freedom (:mod:`affectrep.evaluation.student`): a long interval, which leaves out a
    true zero in at most 5 %. With one seed the interval speaks of these two trained models only.

    Args:
        side_a: statistics per seed, rows in one common order.
        side_b: as many, in the same order of seeds and rows.
        resamples: of the rows.
        confidence: of the interval.
        clusters: ``(rows,)`` names of clusters to resample instead of rows.
        seed: of the draws.

    Raises:
        ValueError: if the sides differ in runs or rows, or there are fewer than two rows.

    Example:
        >>> from affectrep.evaluation.metrics import classification_statistics
        >>> labels = np.arange(200) % 2
        >>> good = classification_statistics(labels, labels, 2)
        >>> poor = classification_statistics(labels, labels * (np.arange(200) < 120), 2)
        >>> found = paired_difference([good], [poor], resamples=500)["accuracy"]
        >>> round(found.effect, 3), found.told_apart, found.seeds
        (0.2, True, 1)
    """
    _same_shape(side_a, side_b)
    point, drawn = _effects(side_a, side_b, clusters, resamples, seed)
    found: dict[str, Difference] = {}
    for name, (value_a, value_b) in point.items():
        spread = _spread(value_a - value_b, drawn[name], clusters)
        effect = float((value_a - value_b).mean())
        half, p, detectable = student(effect, spread, confidence)
        found[name] = Difference(
            metric=name,
            a=float(value_a.mean()),
            b=float(value_b.mean()),
            effect=effect,
            low=effect - half,
            high=effect + half,
            p=p,
            detectable=detectable,
            seeds=len(side_a),
            seed_sd=spread.seed_sd,
        )
    return found


def mean_over_seeds(
    runs: Sequence[Statistics],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    clusters: Array | None = None,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return each metric's mean over seeds, with an interval over rows and seeds.

    The variance has the two parts of :func:`paired_difference`, and its degrees of freedom: what
    other rows would have changed, and what other seeds would have beyond that. The mean of the
    seeds' own intervals has no such meaning. Student's t, on the metric's own scale
    (:func:`~affectrep.evaluation.intervals.on_own_scale`).

    Args:
        runs: statistics per seed, rows in one common order.
        resamples: of the rows.
        confidence: of the interval.
        clusters: ``(rows,)`` names of clusters to resample instead of rows.
        seed: of the draws.

    Raises:
        ValueError: if there is no run, their rows differ, or there are fewer than two rows or
            clusters.

    Example:
        >>> from affectrep.evaluation.metrics import classification_statistics
        >>> labels, rows = np.arange(200) % 2, np.arange(200)
        >>> right = [rows < 120, rows < 140, (rows > 50) & (rows < 181)]
        >>> runs = [classification_statistics(labels, labels * one, 2) for one in right]
        >>> found = mean_over_seeds(runs, resamples=500)["accuracy"]
        >>> round(found.value, 3), found.low < 0.8 < found.high
        (0.825, True)
    """
    _same_shape(runs, runs)
    point, drawn = _measured(runs, clusters, resamples, seed)
    found = {}
    for name, values in point.items():
        value = float(values.mean())
        half, _, _ = student(value, _spread(values, drawn[name], clusters), confidence)
        found[name] = on_own_scale(name, value, half)
    return found


def _effects(
    side_a: Sequence[Statistics],
    side_b: Sequence[Statistics],
    clusters: Array | None,
    resamples: int,
    seed: int,
) -> tuple[dict[str, tuple[Array, Array]], dict[str, Array]]:
    """Return values ``(seeds,)`` per side, and effects ``(resamples, seeds)``."""
    seeds = len(side_a)
    point, drawn = _measured([*side_a, *side_b], clusters, resamples, seed)
    effects = {name: both[:, :seeds] - both[:, seeds:] for name, both in drawn.items()}
    return {name: (both[:seeds], both[seeds:]) for name, both in point.items()}, effects


def _measured(
    runs: Sequence[Statistics], clusters: Array | None, resamples: int, seed: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return values ``(runs,)``, and those of the same rows drawn anew ``(resamples, runs)``."""
    columns = np.concatenate([run.columns for run in runs], axis=1)
    columns = columns if clusters is None else cluster_sums(columns, clusters)
    if len(columns) < 2:
        raise ValueError("a comparison needs at least 2 rows, or 2 clusters of rows")

    def per_run(sums: Array) -> dict[str, Array]:
        stacked = np.stack(np.split(sums, len(runs), axis=-1))
        return {k: np.moveaxis(v, 0, -1) for k, v in runs[0].metrics(stacked).items()}

    chunks = [per_run(sums) for sums in resampled_sums(columns, resamples, seed)]
    drawn = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return per_run(columns.sum(0)), drawn


def _spread(effects: Array, drawn: Array, clusters: Array | None) -> Spread:
    """Return how far the mean effect varies, of effects ``(seeds,)`` and draws of them."""
    widen, freedom = 1.0, np.inf
    if clusters is not None:
        groups = len(np.unique(clusters))
        widen = groups / (groups - 1)
        freedom = max(1.0, effective_clusters(clusters) - 1)
    rows = (float(drawn.mean(1).var()) * widen, freedom)
    if len(effects) == 1:
        return Spread([rows])
    between = float(effects.var(ddof=1))
    within = max(0.0, float(drawn.var(axis=1, ddof=1).mean()) - between)
    return over_seeds(rows, between=between, within=within, seeds=len(effects))


def _same_shape(side_a: Sequence[Statistics], side_b: Sequence[Statistics]) -> None:
    if not side_a or len(side_a) != len(side_b):
        raise ValueError(
            f"expected as many runs on both sides, got {len(side_a)} and {len(side_b)}"
        )
    shapes = sorted({run.columns.shape for run in [*side_a, *side_b]})
    if len(shapes) > 1:
        raise ValueError(f"the runs were scored on different rows or classes: shapes {shapes}")
