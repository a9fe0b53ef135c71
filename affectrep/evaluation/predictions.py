"""The predictions table of a split: what was true, what was said, and how surely.

Columns: ``id``; then ``label`` and ``predicted`` (class names), or ``labels`` and ``predicted``
(lists of class names), or ``valence``, ``arousal``, ``predicted_valence``, ``predicted_arousal``;
``prob_<i>`` for class ``i`` where there are classes; domain columns. The table's ``attrs`` hold
``task``, ``classes`` and ``threshold`` and are stored in the file.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.manifest import SPLITS
from affectrep.data.whole_file import whole_file
from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.metrics import (
    AXES,
    Statistics,
    classification_statistics,
    multilabel_statistics,
    regression_statistics,
)

__all__ = [
    "cluster_names",
    "predictions_table",
    "read_predictions",
    "table_probabilities",
    "table_statistics",
    "table_targets",
    "write_predictions",
]

Array = NDArray[Any]


def predictions_table(
    predictions: Predictions,
    task: str,
    classes: Sequence[str] | None = None,
    *,
    threshold: float | None = None,
    domains: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the table of a split.

    Args:
        predictions: of the split.
        task: classification, multilabel or regression.
        classes: names in the order of the outputs.
        threshold: multi-label only.
        domains: columns to add, one line per row in the same order.

    Example:
        >>> p = Predictions(["a"], np.array([1]), np.array([[0.0, 2.0]], dtype=np.float32))
        >>> predictions_table(p, "classification", ["calm", "angry"])["predicted"].tolist()
        ['angry']
    """
    table = pd.DataFrame({"id": [str(name) for name in predictions.ids]})
    names = np.array(classes or [], dtype=object)
    if task == "regression":
        for i, axis in enumerate(AXES):
            table[axis] = predictions.labels[:, i].astype(np.float64)
            table[f"predicted_{axis}"] = predictions.scores[:, i].astype(np.float64)
    else:
        probabilities = predictions.probabilities(task)
        if task == "classification":
            table["label"] = names[predictions.labels]
            table["predicted"] = names[predictions.scores.argmax(1)]
        else:
            chosen = probabilities >= (0.5 if threshold is None else threshold)
            table["labels"] = [list(names[row > 0]) for row in predictions.labels]
            table["predicted"] = [list(names[row]) for row in chosen]
        columns = {f"prob_{i}": probabilities[:, i] for i in range(len(names))}
        table = pd.concat([table, pd.DataFrame(columns)], axis=1)
    if domains is not None and not domains.empty:
        table = pd.concat([table, domains.reset_index(drop=True)], axis=1)
    table.attrs = {"task": task, "classes": list(classes or []), "threshold": threshold}
    return table


def write_predictions(path: Path | str, table: pd.DataFrame) -> None:
    """Write the table as Parquet; a file that was there is replaced in one step."""
    with whole_file(path) as partial:
        table.to_parquet(partial, index=False)


def read_predictions(path: Path | str) -> pd.DataFrame:
    """Read a predictions table.

    Raises:
        FileNotFoundError: if it was not written yet.
        ValueError: if the file is not a predictions table.
    """
    path = Path(path)
    if not path.is_file():
        if path.stem not in SPLITS:
            raise ValueError(f"--split {path.stem}: expected {', '.join(SPLITS)}.")
        raise FileNotFoundError(f"{path} is not there: run `{_evaluation(path)}` first.")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        again = f"`{_evaluation(path)} --force` reads the split again"
        raise ValueError(f"{path} is not a readable Parquet file: {error}. {again}.") from None
    if "id" not in table or "task" not in table.attrs:
        again = f"`{_evaluation(path)} --force` reads the split again"
        raise ValueError(f"{path} is not a predictions table; {again}.")
    return table


def _evaluation(path: Path) -> str:
    """Return the command that writes a predictions table."""
    return f"affectrep evaluate {shlex.quote(str(path.parent.parent))} --split {path.stem}"


def table_targets(table: pd.DataFrame) -> tuple[Array, Array]:
    """Return labels and predictions as arrays: class indices, multi-hot, or ``(rows, 2)``."""
    task, classes = table.attrs["task"], table.attrs["classes"]
    if task == "regression":
        predicted = [f"predicted_{axis}" for axis in AXES]
        return table[list(AXES)].to_numpy(), table[predicted].to_numpy()
    codes = {name: code for code, name in enumerate(classes)}
    if task == "classification":
        label, said = table["label"].map(codes), table["predicted"].map(codes)
        return label.to_numpy(dtype=np.int64), said.to_numpy(dtype=np.int64)
    return _multi_hot(table["labels"], codes), _multi_hot(table["predicted"], codes)


def cluster_names(table: pd.DataFrame, column: str | None) -> Array | None:
    """Return the names ``(rows,)`` of the clusters that intervals leave out; None without a column.

    Rows without a name are one cluster.

    Raises:
        KeyError: if the table has no such column.
    """
    return None if not column else np.asarray(table[column].fillna("").astype(str).to_numpy())


def table_statistics(table: pd.DataFrame) -> Statistics:
    """Return the per-row statistics behind the metrics of the table's task."""
    y_true, y_pred = table_targets(table)
    if table.attrs["task"] == "regression":
        return regression_statistics(y_true, y_pred)
    if table.attrs["task"] == "multilabel":
        return multilabel_statistics(y_true, y_pred)
    return classification_statistics(y_true, y_pred, len(table.attrs["classes"]))


def table_probabilities(table: pd.DataFrame) -> Array:
    """Return the probabilities ``(rows, classes)``."""
    columns = [f"prob_{i}" for i in range(len(table.attrs["classes"]))]
    return np.asarray(table[columns].to_numpy(), dtype=np.float64)


def _multi_hot(lists: pd.Series, codes: dict[str, int]) -> Array:
    target = np.zeros((len(lists), len(codes)))
    for row, names in enumerate(lists):
        target[row, [codes[name] for name in names]] = 1
    return target
