"""Valence and arousal without a network: training mean, ridge regression, the labels' ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.metrics import AXES, regression_metrics

__all__ = ["CEILING", "regression_baselines"]

Array = NDArray[Any]
CEILING = "Bayes ceiling"  # the name under which the tables put it last
_SHOWN = ("ccc", "pcc", "rmse")
_PENALTIES = tuple(float(10**power) for power in range(-1, 6))


def regression_baselines(
    features: Sequence[Array], labels: Sequence[Array], rows: pd.DataFrame, *, name: str
) -> list[dict[str, str | float]]:
    """Return the rows that are printed beside a model: system, CCC, PCC and RMSE.

    The penalty of the ridge is chosen by CCC on validation. Where the rows know their truth
    (``true_valence``, ``true_arousal``), the ceiling is what one who knows it would reach by the
    best line: no picture says more.

    Args:
        features: ``(rows, dim)`` of train, validation and the split in question.
        labels: ``(rows, 2)`` of the same.
        rows: of the split in question.
        name: of the features, for the table.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(60, 3))
        >>> y = x[:, :2] / 4
        >>> table = regression_baselines([x[:20], x[20:40], x[40:]], [y[:20], y[20:40], y[40:]],
        ...                              pd.DataFrame(index=range(20)), name="x")
        >>> [(row["system"], round(row["ccc"], 2)) for row in table]
        [('mean of training', 0.0), ('ridge on x (penalty 0.1)', 1.0)]
    """
    from sklearn.linear_model import Ridge

    mean, sd = features[0].mean(axis=0), features[0].std(axis=0) + 1e-8
    known, choose, asked = ((part - mean) / sd for part in features)
    fitted = {penalty: Ridge(penalty).fit(known, labels[0]) for penalty in _PENALTIES}
    best = max(
        _PENALTIES,
        key=lambda one: regression_metrics(labels[1], fitted[one].predict(choose))["ccc"],
    )
    flat = np.broadcast_to(labels[0].mean(axis=0), labels[2].shape)
    table = [
        _row("mean of training", labels[2], flat),
        _row(f"ridge on {name} (penalty {best:g})", labels[2], fitted[best].predict(asked)),
    ]
    truth = [f"true_{axis}" for axis in AXES]
    if set(truth) <= set(rows):
        table.append(_row(CEILING, labels[2], _best_line(rows[truth].to_numpy(), labels[2])))
    return table


def _best_line(truth: Array, labels: Array) -> Array:
    """Return the truth on the labels' scale, which is the predictor of highest CCC."""
    scale = labels.std(axis=0) / np.maximum(truth.std(axis=0), 1e-12)
    return np.asarray((truth - truth.mean(axis=0)) * scale + labels.mean(axis=0))


def _row(system: str, labels: Array, said: Array) -> dict[str, str | float]:
    scores = regression_metrics(labels, said)
    return {"system": system, **{name: scores[name] for name in _SHOWN}}
