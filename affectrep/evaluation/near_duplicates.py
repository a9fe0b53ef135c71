"""Near-duplicates between splits by the cosine of embeddings, and what no threshold is needed for.

Keys find what is the same (data/checks.py); embeddings also find a text with another full stop, a
recording cut twice, a face a frame later. The search is exact and goes through blocks, so that
100,000 rows fit into little memory. A cosine has no natural limit, so the list depends on one that
the user sets; the report beside it does not: were test rows no nearer to training than validation
rows are, a test row would be the nearer of the two in half of all pairs (the area under the ROC
curve, or Mann and Whitney's U divided by the number of pairs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.manifest import SPLITS

__all__ = ["NearDuplicates", "near_duplicates", "nearer_share", "nearest_quantiles"]

Array = NDArray[Any]
_BLOCK = (1024, 4096)  # similarities held at once: 16 MiB
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class NearDuplicates:
    """What rows of different splits look like to a model.

    Args:
        pairs: ``first``, ``first_split``, ``second``, ``second_split`` and ``similarity``, the
            most similar first; at most as many as were asked for.
        counts: pair of splits -> pairs from the similarity on, all of them.
        rows: pair of splits -> rows of the second split that are in such a pair.
        nearest: validation and test -> ``(rows,)`` cosine to the nearest training row; a split
            without rows is left out.
        similarity: from which cosine on.
    """

    pairs: pd.DataFrame
    counts: dict[tuple[str, str], int]
    rows: dict[tuple[str, str], int]
    nearest: dict[str, Array]
    similarity: float


def near_duplicates(
    ids: Sequence[str],
    splits: Sequence[str],
    values: Array,
    *,
    similarity: float = 0.98,
    most: int = 10_000,
) -> NearDuplicates:
    """Compare every row with every row of another split.

    Args:
        ids: ``(rows,)`` names.
        splits: ``(rows,)`` train, validation or test; rows of other splits are left aside.
        values: ``(rows, dim)`` embeddings; lengths do not matter, a row of zeros is like none.
        similarity: cosine in (-1, 1] from which a pair counts.
        most: pairs that are listed; the counts are of all.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, or the similarity is out of range.

    Example:
        >>> values = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1]])
        >>> found = near_duplicates(["a", "b", "c"], ["train", "train", "test"], values)
        >>> found.pairs[["first", "second"]].values.tolist(), found.counts["train", "test"]
        ([['a', 'c']], 1)
        >>> round(float(found.nearest["test"][0]), 3)
        0.999
    """
    if not -1 < similarity <= 1:
        raise ValueError(f"expected a similarity in (-1, 1], got {similarity:g}")
    if most < 1:
        raise ValueError(f"expected at least one pair to list, got most={most}")
    units = _unit(ids, splits, values)
    names = np.asarray(splits, dtype=object)
    places = {split: np.flatnonzero(names == split) for split in SPLITS}
    listed, nearest = _Listed(similarity, most), {}
    counts, rows = {}, {}
    for first, second in combinations(SPLITS, 2):
        a, b = places[first], places[second]
        if not (len(a) and len(b)):
            continue
        best = np.full(len(b), -1.0, dtype=np.float32)
        counts[first, second] = 0
        for left, right, cosines in _blocks(units, a, b):
            part = slice(right, right + cosines.shape[1])
            best[part] = np.maximum(best[part], cosines.max(0))
            counts[first, second] += listed.add(cosines, a[left:], b[right:])
        rows[first, second] = int((best >= listed.limit).sum())
        if first == "train":
            nearest[second] = best.clip(-1, 1)
    pairs = listed.table(ids, splits)
    return NearDuplicates(pairs, counts, rows, nearest, similarity)


def nearest_quantiles(found: NearDuplicates) -> pd.DataFrame:
    """Return quantiles of the nearest training similarity: a line per share, a column per split.

    Example:
        >>> nearest = {"test": np.linspace(0, 1, 101)}
        >>> found = NearDuplicates(pd.DataFrame(), {}, {}, nearest, 0.98)
        >>> nearest_quantiles(found)["test"].round(2).tolist()
        [0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]
    """
    values = {split: np.quantile(each, _SHARES) for split, each in found.nearest.items()}
    return pd.DataFrame(values, index=list(_SHARES))


def nearer_share(found: NearDuplicates) -> tuple[float, float] | None:
    """Return how often a test row is nearer to training than a validation row, and its chance.

    Returns:
        The share of all pairs (a test row, a validation row), ties as half; and half the width of
        the interval around 0.5 in which 95 of 100 such shares lie where both splits are drawn
        alike and rows are independent (the normal approximation of Mann and Whitney). None where
        one of the splits has no rows.

    Example:
        >>> nearest = {"validation": np.array([0.1, 0.2]), "test": np.array([0.2, 0.9])}
        >>> nearer_share(NearDuplicates(pd.DataFrame(), {}, {}, nearest, 0.98))[0]
        0.875
    """
    if not {"validation", "test"} <= set(found.nearest):
        return None
    known, asked = np.sort(found.nearest["validation"]), found.nearest["test"]
    below = np.searchsorted(known, asked, "left") + np.searchsorted(known, asked, "right")
    n, m = len(known), len(asked)
    return float(below.mean() / 2 / n), float(1.96 * np.sqrt((n + m + 1) / (12 * n * m)))


class _Listed:
    """The most similar pairs so far; what cannot be among them any more is not kept."""

    def __init__(self, similarity: float, most: int) -> None:
        self.limit = np.float32(similarity) - np.float32(1e-6)  # rounding of float32
        self.floor, self.most = self.limit, most
        self.cosines = np.empty(0, dtype=np.float32)
        self.places = np.empty((0, 2), dtype=np.int64)

    def add(self, cosines: Array, a: Array, b: Array) -> int:
        """Take in a block ``(rows, columns)`` of rows ``a`` and ``b``; return how many count."""
        count = int((cosines >= self.limit).sum())
        if not count:
            return 0
        flat = np.flatnonzero(cosines >= self.floor)
        values = cosines.ravel()[flat]
        if len(flat) > self.most:
            kept = np.argpartition(-values, self.most - 1)[: self.most]
            flat, values = flat[kept], values[kept]
        left, right = np.divmod(flat, cosines.shape[1])
        self.cosines = np.concatenate([self.cosines, values])
        self.places = np.concatenate([self.places, np.stack([a[left], b[right]], axis=1)])
        if len(self.cosines) > self.most:
            kept = np.argpartition(-self.cosines, self.most - 1)[: self.most]
            self.cosines, self.places = self.cosines[kept], self.places[kept]
            self.floor = max(self.floor, self.cosines.min())
        return count

    def table(self, ids: Sequence[str], splits: Sequence[str]) -> pd.DataFrame:
        """Return the pairs by name, the most similar first, equals by their place."""
        rounded = self.cosines.clip(-1, 1).astype(np.float64).round(6)
        order = np.lexsort((self.places[:, 1], self.places[:, 0], -rounded))
        sides = {}
        for name, column in (("first", 0), ("second", 1)):
            places = self.places[order, column]
            sides[name] = [ids[place] for place in places]
            sides[f"{name}_split"] = [splits[place] for place in places]
        return pd.DataFrame({**sides, "similarity": rounded[order]})


def _blocks(units: Array, a: Array, b: Array) -> Iterator[tuple[int, int, Array]]:
    """Yield where a block begins on both sides, and its cosines."""
    tall, wide = _BLOCK
    for right in range(0, len(b), wide):
        columns = np.ascontiguousarray(units[b[right : right + wide]].T)
        for left in range(0, len(a), tall):
            yield left, right, units[a[left : left + tall]] @ columns


def _unit(ids: Sequence[str], splits: Sequence[str], values: Array) -> Array:
    """Return the rows at length 1, float32."""
    if values.ndim != 2 or not len(values) == len(ids) == len(splits):
        raise ValueError(
            f"expected embeddings (rows, dim), ids and splits of as many rows, got shape "
            f"{values.shape}, {len(ids)} ids and {len(splits)} splits"
        )
    units = values.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(units).all(axis=1))
    if len(bad):
        raise ValueError(f"the embedding of row {ids[int(bad[0])]} is not finite")
    lengths = np.linalg.norm(units, axis=1, keepdims=True)
    units /= np.where(lengths > 0, lengths, 1)
    return units
