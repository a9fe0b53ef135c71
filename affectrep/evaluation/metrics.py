"""Metrics as pure functions of additive per-row statistics, so that resampling costs little.

Every metric here is a function of sums over rows. A bootstrap therefore needs only weighted
sums of the same columns (see :mod:`affectrep.evaluation.intervals`), and a point estimate and
its interval can never follow different formulas. Metrics are computed on the whole split, never
as means of batch values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AXES",
    "Statistics",
    "best_threshold",
    "classification_metrics",
    "classification_statistics",
    "confusion_matrix",
    "most_confused",
    "multilabel_metrics",
    "multilabel_statistics",
    "per_class_table",
    "regression_metrics",
    "regression_statistics",
]

Array = NDArray[Any]
AXES = ("valence", "arousal")


@dataclass(frozen=True)
class Statistics:
    """Columns to be summed over rows, and the metrics that follow from the sums.

    Args:
        columns: ``(rows, columns)`` float64.
        metrics: maps sums ``(..., columns)`` to named arrays ``(...)``.

    Example:
        >>> stats = classification_statistics(np.array([0, 1]), np.array([0, 0]), 2)
        >>> stats.values()["accuracy"]
        0.5
    """

    columns: Array
    metrics: Callable[[Array], dict[str, Array]]

    def values(self) -> dict[str, float]:
        """Return the metrics of all rows together."""
        return {key: float(value) for key, value in self.metrics(self.columns.sum(0)).items()}


def classification_metrics(
    y_true: Array, y_pred: Array, classes: Sequence[str] | int
) -> dict[str, float]:
    """Return accuracy, macro F1, weighted F1 and UAR, each in [0, 1].

    Macro F1 is the mean over all declared classes; a class that is absent has F1 0. UAR is the
    mean recall over the classes that occur in ``y_true``.

    scikit-learn and torchmetrics leave classes that occur nowhere out of macro F1; scikit-learn
    does not with ``labels`` of all declared classes. Its ``balanced_accuracy_score`` is UAR.

    Args:
        y_true: ``(rows,)`` class indices.
        y_pred: ``(rows,)`` class indices.
        classes: the declared classes, or how many there are.

    Raises:
        ValueError: if there is no row, the lengths differ, or an index is out of range.

    Example:
        >>> scores = classification_metrics(np.array([0, 0, 1]), np.array([0, 1, 1]), ["a", "b"])
        >>> {name: round(value, 3) for name, value in scores.items()}
        {'accuracy': 0.667, 'macro_f1': 0.667, 'weighted_f1': 0.667, 'uar': 0.75}
    """
    return classification_statistics(y_true, y_pred, classes).values()


def classification_statistics(
    y_true: Array, y_pred: Array, classes: Sequence[str] | int
) -> Statistics:
    """Return per-row counts: true class, predicted class and hit, one column per class each."""
    count = classes if isinstance(classes, int) else len(classes)
    y_true, y_pred = _class_indices(y_true, count), _class_indices(y_pred, count)
    _same_rows(y_true, y_pred)
    eye = np.eye(count)
    hits = eye[y_true] * (y_true == y_pred)[:, None]
    columns = np.concatenate([eye[y_true], eye[y_pred], hits], axis=1)
    return Statistics(columns, _classification_values)


def multilabel_metrics(
    y_true: Array, probabilities: Array, threshold: float = 0.5
) -> dict[str, float]:
    """Return F1 scores over labels, macro precision and recall, and the share of exact rows.

    Args:
        y_true: ``(rows, labels)`` in {0, 1}.
        probabilities: ``(rows, labels)`` in [0, 1]; a label is predicted at or above
            ``threshold``.
        threshold: one global threshold, to be chosen on validation (:func:`best_threshold`).

    Raises:
        ValueError: if there is no row or the shapes differ.

    Example:
        >>> y = np.array([[1, 0], [1, 1]])
        >>> multilabel_metrics(y, np.array([[0.9, 0.2], [0.8, 0.1]]))["macro_f1"]
        0.5
    """
    return multilabel_statistics(y_true, np.asarray(probabilities) >= threshold).values()


def multilabel_statistics(y_true: Array, y_pred: Array) -> Statistics:
    """Return per-row counts for multi-hot labels and predictions, both ``(rows, labels)``."""
    y_true, y_pred = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    _same_rows(y_true, y_pred)
    exact = (y_true == y_pred).all(1, keepdims=True).astype(np.float64)
    rows = np.ones((len(y_true), 1))
    columns = np.concatenate([y_true, y_pred, y_true * y_pred, exact, rows], axis=1)
    return Statistics(columns, _multilabel_values)


def best_threshold(y_true: Array, probabilities: Array, metric: str = "macro_f1") -> float:
    """Return the global threshold out of 0.05, 0.10, ... 0.95 with the best ``metric``.

    Use it on validation rows and store the answer. Ties go to the threshold nearest to 0.5.

    Example:
        >>> best_threshold(np.array([[1], [0]]), np.array([[0.3], [0.1]]))
        0.3
    """
    grid = sorted((round(0.05 * step, 2) for step in range(1, 20)), key=lambda t: abs(t - 0.5))
    return max(grid, key=lambda t: multilabel_metrics(y_true, probabilities, t)[metric])


def regression_metrics(y_true: Array, y_pred: Array) -> dict[str, float]:
    """Return RMSE, SAGR, PCC and CCC per axis and their means over the axes.

    Variances are population variances over all rows. A constant prediction has PCC 0 and CCC 0;
    two constants that are equal have CCC 1 and PCC 0. SAGR counts sign(0) as its own sign: a label
    of exactly 0 agrees with a prediction of exactly 0 alone, so in practice with none. A value that
    is not finite makes all figures of its axis, and the means, NaN. What is degenerate is told by
    :func:`affectrep.evaluation.axis_warnings.axis_warnings`.

    CCC has the moments of Lin 1989, divided by n; torchmetrics divides those of second order by
    n - 1 but not the gap of the means, and gives NaN for constants. PCC is scipy's ``pearsonr``.

    Args:
        y_true: ``(rows, axes)`` or ``(rows,)``; two axes are valence and arousal in [-1, 1].
        y_pred: the same shape.

    Raises:
        ValueError: if there is no row or the shapes differ.

    Example:
        >>> scores = regression_metrics(np.array([1.0, 2, 3]), np.array([2.0, 3, 4]))
        >>> round(scores["ccc"], 6), scores["rmse"]
        (0.571429, 1.0)
    """
    return regression_statistics(y_true, y_pred).values()


def regression_statistics(y_true: Array, y_pred: Array) -> Statistics:
    """Return the per-row moments of labels and predictions, six columns per axis and a one.

    Labels and predictions are shifted by one common constant per axis, which changes no metric
    and keeps the digits of the variances. A value that is not finite makes its axis NaN.
    """
    y_true, y_pred = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    _same_rows(y_true, y_pred)
    y_true, y_pred = y_true.reshape(len(y_true), -1), y_pred.reshape(len(y_pred), -1)
    whole = np.isfinite(y_true) & np.isfinite(y_pred)
    y_true, y_pred = np.where(whole, y_true, np.nan), np.where(whole, y_pred, np.nan)
    agree = np.where(whole, np.sign(y_true) == np.sign(y_pred), np.nan)
    shift = y_true.mean(0)
    y, p = y_true - shift, y_pred - shift
    blocks = [y, p, y * y, p * p, y * p, agree, np.ones((len(y), 1))]
    axes = y.shape[1]
    return Statistics(np.concatenate(blocks, axis=1), lambda sums: _regression_values(sums, axes))


def confusion_matrix(y_true: Array, y_pred: Array, classes: int) -> Array:
    """Return counts ``(classes, classes)``: rows are the true class, columns the predicted one."""
    y_true, y_pred = _class_indices(y_true, classes), _class_indices(y_pred, classes)
    flat = np.bincount(y_true * classes + y_pred, minlength=classes * classes)
    return flat.reshape(classes, classes)


def per_class_table(y_true: Array, y_pred: Array, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return one dictionary per class: class, precision, recall, f1, support, predicted.

    Args:
        y_true: ``(rows,)`` class indices or ``(rows, classes)`` multi-hot.
        y_pred: the same shape.
        classes: names in the order of the indices.

    Example:
        >>> per_class_table(np.array([0, 1]), np.array([0, 0]), ["a", "b"])[0]["recall"]
        1.0
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.ndim == 1:
        eye = np.eye(len(classes), dtype=bool)
        y_true, y_pred = eye[y_true], eye[y_pred]
    true, predicted = y_true.sum(0), y_pred.sum(0)
    hits = (y_true.astype(bool) & y_pred.astype(bool)).sum(0)
    columns = (_ratio(hits, predicted), _ratio(hits, true), _ratio(2 * hits, true + predicted))
    return [
        {
            "class": name,
            "precision": float(columns[0][i]),
            "recall": float(columns[1][i]),
            "f1": float(columns[2][i]),
            "support": int(true[i]),
            "predicted": int(predicted[i]),
        }
        for i, name in enumerate(classes)
    ]


def most_confused(confusion: Array, classes: Sequence[str], top: int = 10) -> list[dict[str, Any]]:
    """Return the directed pairs true -> predicted with the most errors, most frequent first.

    ``share`` is the share of the true class's rows that went this way.

    Example:
        >>> most_confused(np.array([[3, 1], [0, 2]]), ["a", "b"])
        [{'true': 'a', 'predicted': 'b', 'count': 1, 'share': 0.25}]
    """
    support = confusion.sum(1)
    errors = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-errors, axis=None, kind="stable")[:top]
    pairs = [divmod(int(cell), len(classes)) for cell in order]
    return [
        {
            "true": classes[i],
            "predicted": classes[j],
            "count": int(errors[i, j]),
            "share": float(errors[i, j] / support[i]),
        }
        for i, j in pairs
        if errors[i, j] > 0
    ]


def _classification_values(sums: Array) -> dict[str, Array]:
    true, predicted, hits = np.split(sums, 3, axis=-1)
    rows = true.sum(-1)
    f1 = _ratio(2 * hits, true + predicted)
    present = (true > 0).sum(-1)
    return {
        "accuracy": _ratio(hits.sum(-1), rows),
        "macro_f1": f1.mean(-1),
        "weighted_f1": _ratio((f1 * true).sum(-1), rows),
        "uar": _ratio(_ratio(hits, true).sum(-1), present),
    }


def _multilabel_values(sums: Array) -> dict[str, Array]:
    true, predicted, hits = np.split(sums[..., :-2], 3, axis=-1)
    f1 = _ratio(2 * hits, true + predicted)
    total = true.sum(-1)
    return {
        "macro_f1": f1.mean(-1),
        "micro_f1": _ratio(2 * hits.sum(-1), total + predicted.sum(-1)),
        "weighted_f1": _ratio((f1 * true).sum(-1), total),
        "macro_precision": _ratio(hits, predicted).mean(-1),
        "macro_recall": _ratio(hits, true).mean(-1),
        "exact_match": _ratio(sums[..., -2], sums[..., -1]),
    }


def _regression_values(sums: Array, axes: int) -> dict[str, Array]:
    rows = sums[..., -1:]
    y, p, yy, pp, yp, agree = np.split(sums[..., :-1] / rows, 6, axis=-1)
    var_y, var_p = _no_rounding(yy - y * y, yy), _no_rounding(pp - p * p, pp)
    covariance, gap = yp - y * p, y - p
    spread = np.sqrt(var_y * var_p)
    total = var_y + var_p + gap * gap
    per_axis = {
        "ccc": np.where(total == 0, 1.0, _ratio(2 * np.where(spread > 0, covariance, 0), total)),
        "pcc": np.clip(_ratio(np.where(spread > 0, covariance, 0), spread), -1, 1),
        "rmse": np.sqrt(np.clip(yy + pp - 2 * yp, 0, None)),
        "sagr": agree,
    }
    names = AXES if axes == len(AXES) else tuple(f"axis{i}" for i in range(axes))
    scores = {name: value.mean(-1) for name, value in per_axis.items()}
    if axes > 1:
        for name, value in per_axis.items():
            scores |= {f"{name}_{axis}": value[..., i] for i, axis in enumerate(names)}
    return scores


def _no_rounding(variance: Array, square: Array) -> Array:
    """Set a variance that is only rounding noise of its mean square to zero; NaN stays NaN."""
    return np.where(variance <= 1e-14 * square, 0.0, variance)


def _ratio(top: Array, bottom: Array) -> Array:
    """Divide, with 0 where the divisor is 0."""
    top, bottom = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    return np.divide(top, bottom, out=np.zeros(np.broadcast(top, bottom).shape), where=bottom != 0)


def _class_indices(values: Array, classes: int) -> Array:
    values = np.asarray(values)
    if values.ndim != 1 or (values.size and not np.issubdtype(values.dtype, np.integer)):
        raise ValueError(
            f"expected class indices of shape (rows,), got {values.dtype} of shape {values.shape}"
        )
    if values.size and (values.min() < 0 or values.max() >= classes):
        raise ValueError(
            f"class indices go from {values.min()} to {values.max()}, "
            f"but there are {classes} classes (0 to {classes - 1})"
        )
    return values.astype(np.int64)


def _same_rows(y_true: Array, y_pred: Array) -> None:
    if y_true.shape != y_pred.shape:
        raise ValueError(f"labels have shape {y_true.shape} but predictions {y_pred.shape}")
    if len(y_true) == 0:
        raise ValueError("there are no rows to score; is the split empty?")
