"""Regression figures on strong and on weak emotions apart: the argument of CAF itself.

A row is strong where the radius sqrt(valence^2 + arousal^2) of its label reaches a threshold, weak
below it. CAF draws weak rows towards strong ones, so its gain should be on the weak ones. CCC of a
part is lower than that of the whole, because the labels of a part vary less: compare systems on
one part, never the two parts of one system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.comparison import Difference, paired_difference
from affectrep.evaluation.metrics import AXES, Statistics
from affectrep.evaluation.predictions import cluster_names, table_statistics
from affectrep.evaluation.scorecard import Resampling, figures_of

__all__ = ["PARTS", "RADIUS", "compare_strong_weak", "strong_rows", "strong_weak_report"]

Array = NDArray[Any]
PARTS = ("strong", "weak")
RADIUS = "strong_radius"  # under this name a table's attrs know from which radius a row is strong
_FEW = 30  # rows of a part below which its figures say little


def strong_rows(table: pd.DataFrame, threshold: float) -> Array:
    """Return ``(rows,)`` bool: whose label has a radius of the threshold or more.

    Args:
        table: predictions of a regression.
        threshold: of the radius, in (0, sqrt(2)); take it from the training labels, as
            :func:`affectrep.objectives.grouping.radius_threshold` does.

    Raises:
        ValueError: if the table is no regression, or the threshold is out of range.

    Example:
        >>> table = pd.DataFrame({"valence": [0.6, 0.1], "arousal": [0.8, 0.0]})
        >>> table.attrs = {"task": "regression"}
        >>> strong_rows(table, 0.5).tolist()
        [True, False]
    """
    if table.attrs.get("task") != "regression":
        raise ValueError(f"expected predictions of a regression, got {table.attrs.get('task')}")
    if not 0 < threshold < 2**0.5:
        raise ValueError(f"expected a threshold of the radius in (0, 1.414), got {threshold}")
    radius = np.hypot(*(table[axis].to_numpy(np.float64) for axis in AXES))
    return np.asarray(radius >= threshold)


def strong_weak_report(
    table: pd.DataFrame, threshold: float, *, resampling: Resampling | None = None
) -> dict[str, Any]:
    """Return the regression figures of strong and of weak rows with intervals, as JSON values.

    Args:
        table: predictions of a regression.
        threshold: of the radius, as in :func:`strong_rows`.
        resampling: how intervals are made.

    Returns:
        Keys: ``threshold``, ``rows`` (part -> how many), ``metrics`` (such as ``strong_ccc`` and
        ``weak_rmse_valence`` -> value, low, high, n), ``warnings``. A part without rows has no
        metric.

    Raises:
        ValueError: as :func:`strong_rows`, and if the column to cluster by is missing.

    Example:
        >>> table = pd.DataFrame({"id": list("abcd"), "valence": [0.6, -0.6, 0.1, 0.0]})
        >>> table["arousal"], table["predicted_arousal"] = table["valence"], table["valence"]
        >>> table["predicted_valence"] = [0.6, -0.6, 0.0, 0.1]
        >>> table.attrs = {"task": "regression", "classes": []}
        >>> found = strong_weak_report(table, 0.5)
        >>> found["rows"], round(found["metrics"]["weak_ccc_valence"]["value"], 3)
        ({'strong': 2, 'weak': 2}, -1.0)
    """
    resampling, strong = resampling or Resampling(), strong_rows(table, threshold)
    whole = table_statistics(table)
    said: dict[str, Any] = {"threshold": float(threshold), "rows": {}, "metrics": {}}
    said["warnings"] = []
    for part, rows in zip(PARTS, (strong, ~strong), strict=True):
        count = int(rows.sum())
        said["rows"][part] = count
        if count < _FEW:
            said["warnings"].append(f"Only {count} rows are {part}: figures on them say little.")
        if count == 0:
            continue
        found = figures_of([whole], table, resampling, rows=rows)
        said["metrics"] |= {f"{part}_{name}": {**one, "n": count} for name, one in found.items()}
    return said


def compare_strong_weak(
    side_a: Sequence[pd.DataFrame],
    side_b: Sequence[pd.DataFrame],
    *,
    threshold: float,
    cluster: str | None = None,
    resamples: int = 10_000,
) -> dict[str, Difference]:
    """Compare two systems on strong and on weak rows; the i-th runs of both share a seed.

    Args:
        side_a: predictions, one table per seed.
        side_b: as many, of the same rows in the same order.
        threshold: of the radius, as in :func:`strong_rows`.
        cluster: column to resample instead of rows, such as subject.
        resamples: of rows or clusters.

    Returns:
        Figures such as ``weak_ccc`` -> difference A minus B.

    Raises:
        ValueError: if the tables are of different rows, a part has fewer than two of them, or
            the column to cluster by is missing.

    Example:
        >>> rng, table = np.random.default_rng(0), pd.DataFrame({"id": [str(i) for i in range(80)]})
        >>> for axis in AXES: table[axis] = table[f"predicted_{axis}"] = rng.uniform(-1, 1, 80)
        >>> noisy = table.assign(predicted_valence=rng.uniform(-1, 1, 80))
        >>> table.attrs = noisy.attrs = {"task": "regression", "classes": []}
        >>> compare_strong_weak([table], [noisy], threshold=0.6)["weak_ccc"].told_apart
        True
    """
    tables = [*side_a, *side_b]
    if any(list(one["id"]) != list(tables[0]["id"]) for one in tables):
        raise ValueError("the runs were not scored on the same rows in the same order")
    found: dict[str, Difference] = {}
    if not tables:
        raise ValueError("expected at least one run on each side, got none")
    if cluster is not None and cluster not in tables[0]:
        raise ValueError(f"the rows have no column {cluster} to cluster by")
    strong, clusters = strong_rows(tables[0], threshold), cluster_names(tables[0], cluster)
    for part, rows in zip(PARTS, (strong, ~strong), strict=True):
        sides = [[_part(one, rows) for one in side] for side in (side_a, side_b)]
        names = None if clusters is None else clusters[rows]
        for name, one in paired_difference(*sides, resamples=resamples, clusters=names).items():
            found[f"{part}_{name}"] = replace(one, metric=f"{part}_{name}")
    return found


def _part(table: pd.DataFrame, rows: Array) -> Statistics:
    whole = table_statistics(table)
    return replace(whole, columns=whole.columns[rows])
