"""Several comparisons at once: p-values adjusted for their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectrep.evaluation.comparison import Difference

__all__ = ["adjusted", "holm", "with_holm"]

Array = NDArray[Any]


def holm(p: ArrayLike) -> Array:
    """Return p-values adjusted by Holm's method, in the order they came in.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none may fall below one
    that was smaller before, nor exceed 1. Calling those below .05 told apart errs in one or more
    of the comparisons in at most 5 % of studies, however the comparisons depend on one another.

    Args:
        p: ``(comparisons,)`` in [0, 1]; none gives none.

    Raises:
        ValueError: if a value is no probability, or the values do not stand in one row.

    Source: Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"expected p-values of shape (comparisons,), got {values.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"expected p-values in [0, 1], got {values.tolist()}")
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    result = np.empty_like(values)
    result[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return result


def with_holm(found: Sequence[Difference]) -> list[Difference]:
    """Return comparisons of one metric with Holm's p; a single one needs none and stays as it is.

    Intervals and smallest detectable effects stay those of each comparison by itself: they are
    not simultaneous. An interval may therefore leave out zero where Holm's p is above .05.

    Raises:
        ValueError: if the metrics differ.

    Example:
        >>> one = Difference("uar", 0.6, 0.58, 0.02, 0.001, 0.039, 0.04, 0.03, 5, 0.0)
        >>> [(pair.holm, pair.told_apart) for pair in with_holm([one, one])]
        [(0.08, False), (0.08, False)]
    """
    metrics = sorted({one.metric for one in found})
    if len(metrics) > 1:
        raise ValueError(f"expected comparisons of one metric, got {', '.join(metrics)}")
    if len(found) < 2:
        return list(found)
    values = holm([one.p for one in found])
    return [replace(one, holm=float(p)) for one, p in zip(found, values, strict=True)]


def adjusted(
    found: Mapping[str, Mapping[str, Difference]],
) -> dict[str, dict[str, Difference]]:
    """Adjust comparisons of one side with several, metric by metric; see :func:`with_holm`.

    Args:
        found: differences by metric, for each of the several.

    Raises:
        ValueError: if not all have the same metrics.

    Example:
        >>> one = Difference("uar", 0.6, 0.58, 0.02, 0.001, 0.039, 0.04, 0.03, 5, 0.0)
        >>> adjusted({"ce": {"uar": one}, "lcl": {"uar": one}})["lcl"]["uar"].holm
        0.08
    """
    metrics = list(dict.fromkeys(metric for one in found.values() for metric in one))
    for name, one in found.items():
        if missing := [metric for metric in metrics if metric not in one]:
            raise ValueError(f"the comparison with {name} has no {', '.join(missing)}")
    columns = {metric: with_holm([one[metric] for one in found.values()]) for metric in metrics}
    return {
        name: {metric: columns[metric][place] for metric in metrics}
        for place, name in enumerate(found)
    }
