"""Sentences about an axis on which figures of regression are degenerate."""

from __future__ import annotations

import numpy as np

from affectrep.evaluation.metrics import AXES, Array

__all__ = ["axis_warnings"]


def axis_warnings(y_true: Array, y_pred: Array) -> list[str]:
    """Return sentences about axes on which figures are degenerate, both ``(rows, 2)``.

    Example:
        >>> axis_warnings(np.array([[0.1, 0.0], [0.2, 0.5]]), np.full((2, 2), 0.3))[1]
        'All predictions of arousal are 0.3, so its PCC and CCC are 0.'
    """
    found = []
    for i, axis in enumerate(AXES):
        for word, values in (("labels", y_true[:, i]), ("predictions", y_pred[:, i])):
            if np.ptp(values) == 0:
                ccc = 1 if np.array_equal(y_true[:, i], y_pred[:, i]) else 0
                said = "PCC and CCC are 0" if not ccc else "PCC is 0 and its CCC 1"
                found.append(f"All {word} of {axis} are {values[0]:.6g}, so its {said}.")
    zeros = (y_true == 0).sum(0)
    if zeros.any():
        told = " and ".join(f"{n} of {axis}" for n, axis in zip(zeros, AXES, strict=True) if n)
        found.append(f"Labels of exactly 0 ({told}) count against SAGR: 0 has a sign of its own.")
    return found
