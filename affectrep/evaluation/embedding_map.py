"""Embeddings laid out in a plane, as a table that a report draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["embedding_map"]

Array = NDArray[Any]
_MOST = 5000  # rows laid out; t-SNE of more takes minutes and shows one blot


def embedding_map(
    ids: Sequence[str],
    embeddings: Array,
    labels: Mapping[str, Sequence[Any]] | None = None,
    *,
    method: Literal["tsne", "pca"] = "tsne",
    perplexity: float = 30.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a table ``id, x, y`` and one column for each kind of label.

    Rows are brought to unit length first, because cosines are what the objectives shape. Of more
    than 5,000 rows a fixed random 5,000 are laid out. t-SNE starts from the principal components;
    its distances between groups and their sizes mean nothing. The layout is the same for the same
    seed on one machine.

    Args:
        ids: one per row.
        embeddings: ``(rows, dim)``.
        labels: column name -> one value per row, such as emotion and language.
        method: ``tsne``, or ``pca`` for the two principal components.
        perplexity: of t-SNE, about how many neighbours count; cut to a third of the rows.
        seed: of t-SNE and of the rows that are drawn.

    Returns:
        The table; its ``attrs`` hold ``method``, ``seed``, ``rows`` (that were given), and
        ``explained`` (share of the variance) or ``perplexity`` and ``kl_divergence`` (nats).

    Raises:
        ValueError: if shapes do not fit, a value is not finite, there are fewer than 4 rows, a
            label column has a name of the table's own, or the method is unknown.

    Source: van der Maaten and Hinton 2008, Visualizing Data using t-SNE.

    Example:
        >>> points = np.eye(4)[[0, 0, 1, 1]]
        >>> table = embedding_map(list("abcd"), points, {"emotion": list("xxyy")}, method="pca")
        >>> table.columns.tolist(), round(table.attrs["explained"], 3)
        (['id', 'x', 'y', 'emotion'], 1.0)
    """
    values, columns = np.asarray(embeddings, np.float64), dict(labels or {})
    _check(ids, values, columns)
    kept = list(range(len(ids)))
    if len(ids) > _MOST:
        kept = sorted(np.random.default_rng(seed).choice(len(ids), _MOST, replace=False).tolist())
    length = np.linalg.norm(values[kept], axis=1, keepdims=True)
    unit = values[kept] / np.where(length > 0, length, 1)
    if method == "pca":
        places, about = _principal(unit)
    elif method == "tsne":
        places, about = _neighbours(unit, perplexity, seed)
    else:
        raise ValueError(f"method is {method!r}, expected tsne or pca")
    table = pd.DataFrame({"id": [ids[row] for row in kept], "x": places[:, 0], "y": places[:, 1]})
    for name, given in columns.items():
        table[name] = [given[row] for row in kept]
    table.attrs = {"method": method, "seed": seed, "rows": len(ids), **about}
    return table


def _principal(unit: Array) -> tuple[Array, dict[str, Any]]:
    from sklearn.decomposition import PCA

    found = PCA(2, svd_solver="full")
    with np.errstate(invalid="ignore"):  # equal rows have no variance to explain
        places = found.fit_transform(unit)
    return places, {"explained": float(np.nan_to_num(found.explained_variance_ratio_).sum())}


def _neighbours(unit: Array, perplexity: float, seed: int) -> tuple[Array, dict[str, Any]]:
    from sklearn.manifold import TSNE

    cut = min(float(perplexity), (len(unit) - 1) / 3)
    start, _ = _principal(unit)
    width = float(start[:, 0].std())
    # where all rows are one, scikit-learn's own start would divide by 0 and crash
    random = np.random.default_rng(seed).standard_normal(start.shape)
    start = start / width if width > 0 else random
    start = (1e-4 * start).astype(np.float32)
    found = TSNE(2, perplexity=cut, init=start, learning_rate="auto", random_state=seed)
    places = found.fit_transform(unit.astype(np.float32))
    return places, {"perplexity": cut, "kl_divergence": float(found.kl_divergence_)}


def _check(ids: Sequence[str], values: Array, columns: Mapping[str, Sequence[Any]]) -> None:
    if values.ndim != 2 or len(values) != len(ids) or len(ids) < 4 or values.shape[1] < 2:
        raise ValueError(
            f"expected embeddings (rows, dim) of at least 4 rows and 2 dimensions, one id per row, "
            f"got {values.shape} and {len(ids)} ids"
        )
    if not np.isfinite(values).all():
        raise ValueError("expected finite embeddings, found NaN or infinity")
    for name, given in columns.items():
        if name in ("id", "x", "y"):
            raise ValueError(f"a label column cannot be called {name}")
        if len(given) != len(ids):
            raise ValueError(f"labels {name} have {len(given)} values for {len(ids)} rows")
