"""Which rows of a split a report shows: the best, the worst and typical ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.predictions import table_targets
from affectrep.evaluation.quadrants import quadrants

__all__ = ["KINDS", "choose_examples"]

Array = NDArray[Any]
KINDS = ("best", "typical", "worst")
_MIDDLE = (0.4, 0.6)  # quantiles of the error between which a row is typical


def choose_examples(table: pd.DataFrame, *, count: int = 24, seed: int = 0) -> pd.DataFrame:
    """Return the rows to show, a third of each kind, none twice.

    The error of a row is the distance of predicted and true place in the plane of valence and
    arousal. Worst rows are those with the largest error. Best rows are the smallest, taken from
    the true quadrants in turn: near the origin small errors are easy, and a page of neutral faces
    says nothing; a quadrant without a small error is left out. Typical rows are drawn by the seed
    from the middle fifth of the errors. As long as there are others, no person and no video is
    shown twice within a kind.

    Args:
        table: predictions of a regression, ``subject`` and ``video`` where they are known.
        count: rows at most.
        seed: of the typical ones.

    Returns:
        ``id, kind`` with the kind among best, typical and worst, in this order.

    Raises:
        ValueError: if the table is no regression, holds no row, or the count is below 3.

    Example:
        >>> table = pd.DataFrame({"id": list("abcdef"), "valence": 0.5, "arousal": 0.5})
        >>> table["predicted_valence"] = [0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
        >>> table["predicted_arousal"] = 0.5
        >>> table.attrs = {"task": "regression", "classes": []}
        >>> choose_examples(table, count=3).to_dict("list")
        {'id': ['a', 'c', 'f'], 'kind': ['best', 'typical', 'worst']}
    """
    if table.attrs.get("task") != "regression" or not len(table):
        task = table.attrs.get("task")
        raise ValueError(f"expected rows of a regression, got {len(table)} rows of {task}")
    if count < len(KINDS):
        raise ValueError(f"expected a count of at least {len(KINDS)}, got {count}")
    true, said = table_targets(table)
    error = np.hypot(*(said - true).T)
    each = min(count, len(table)) // len(KINDS)
    of = _owners(table)
    order = np.argsort(error, kind="stable")
    worst = _in_turn(order[::-1], of)[: max(each, 1)]
    left = order[~np.isin(order, worst)]
    best = _in_turn(_spread_out(left, error, np.array(quadrants(true), dtype=object)), of)[:each]
    left = left[~np.isin(left, best)]
    typical = _in_turn(_middle_first(left, error, seed), of)[:each]
    kinds = zip(KINDS, (best, typical, worst), strict=True)
    ids = table["id"].to_numpy()
    rows = [(str(ids[row]), kind) for kind, found in kinds for row in found]
    return pd.DataFrame(rows, columns=["id", "kind"])


def _owners(table: pd.DataFrame) -> Array:
    """Return who or what a row shows: the video, else the person, else the row by itself."""
    names = table["id"].astype(str).to_numpy(dtype=object)
    for column in ("video", "subject"):
        if column in table:
            known = table[column].notna().to_numpy()
            names = np.where(known, column + " " + table[column].astype(str), names)
    return np.asarray(names)


def _in_turn(order: Array, groups: Array) -> Array:
    """Return the rows with the groups in turn: the first of each, the second of each, ..."""
    rank = pd.Series(groups[order]).groupby(groups[order]).cumcount().to_numpy()
    return np.asarray(order[np.argsort(rank, kind="stable")])


def _spread_out(order: Array, error: Array, groups: Array) -> Array:
    """Return the rows of small errors with the groups in turn, then the others."""
    small = error[order] <= np.quantile(error, _MIDDLE[0])
    return np.concatenate([_in_turn(order[small], groups), order[~small]])


def _middle_first(order: Array, error: Array, seed: int) -> Array:
    """Return the rows of the middle errors shuffled, then the others from the middle outwards."""
    low, high = np.quantile(error, _MIDDLE)
    inside = (error[order] >= low) & (error[order] <= high)
    mixed = np.random.default_rng(seed).permutation(order[inside])
    rest = order[~inside]
    outwards = np.argsort(np.abs(error[rest] - np.median(error)), kind="stable")
    return np.concatenate([mixed, rest[outwards]])
