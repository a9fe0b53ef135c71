"""The temperature that validation would choose: one number that all logits are divided by.

It changes no prediction of a single-label task, only how sure it is.

Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Temperature", "fit_temperature", "tempered"]

Array = NDArray[Any]
_LOWEST, _HIGHEST = 0.05, 20.0
_TINY = 1e-300
_ALMOST = 1e-16


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature.

    Args:
        value: above 1 makes predictions less sure.
        nll: mean negative log-likelihood on the rows of the fit, as :func:`tempered` there.
        rows: how many these were.
        at_end: whether it lies at an end of what was tried, 0.05 to 20; it then means nothing.
    """

    value: float
    nll: float
    rows: int
    at_end: bool


def fit_temperature(probabilities: Array, labels: Array) -> Temperature:
    """Return the temperature with the lowest negative log-likelihood.

    Args:
        probabilities: ``(rows, classes)`` of the model as it is.
        labels: ``(rows,)`` class indices, or ``(rows, classes)`` multi-hot.

    Raises:
        ValueError: if there is no row.

    Example:
        >>> said = np.array([[0.99, 0.01]] * 4)
        >>> found = fit_temperature(said, np.array([0, 0, 0, 1]))
        >>> round(found.value, 2), tempered(said, found.value, single=True)[0].round(2).tolist()
        (4.18, [0.75, 0.25])
    """
    from scipy.optimize import minimize_scalar

    if not len(probabilities):
        raise ValueError("a temperature needs rows to be fitted on; is the split empty?")
    ends = np.log([_LOWEST, _HIGHEST])

    def loss(power: float) -> float:
        return _nll(probabilities, labels, float(np.exp(power)))

    found = minimize_scalar(loss, bounds=tuple(ends), method="bounded", options={"xatol": 1e-7})
    at_end = bool(np.abs(found.x - ends).min() < 1e-3)
    return Temperature(float(np.exp(found.x)), float(found.fun), len(probabilities), at_end)


def tempered(probabilities: Array, temperature: float, *, single: bool) -> Array:
    """Return the probabilities after their logits are divided by a temperature.

    Args:
        probabilities: ``(rows, classes)``.
        temperature: above 0.
        single: softmax over the classes; otherwise a sigmoid for each label.

    Raises:
        ValueError: if the temperature is not above 0.

    Example:
        >>> tempered(np.array([[0.8, 0.2]]), 0.5, single=True).round(3).tolist()
        [[0.941, 0.059]]
    """
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, got {temperature}")
    return np.asarray(np.exp(_logs(probabilities, temperature, single=single)))


def _nll(probabilities: Array, labels: Array, temperature: float) -> float:
    logs = _logs(probabilities, temperature, single=labels.ndim == 1)
    if labels.ndim == 1:
        return float(-logs[np.arange(len(labels)), labels].mean())
    others = _logs(1 - probabilities, temperature, single=False)
    return float(-np.where(labels > 0, logs, others).mean())


def _logs(probabilities: Array, temperature: float, *, single: bool) -> Array:
    """Return logarithms of the tempered probabilities."""
    if single:
        logits = np.log(np.maximum(probabilities, _TINY)) / temperature
        logits = logits - logits.max(1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))
    cut = np.clip(probabilities, _ALMOST, 1 - _ALMOST)
    return np.asarray(-np.logaddexp(0, (np.log1p(-cut) - np.log(cut)) / temperature))
