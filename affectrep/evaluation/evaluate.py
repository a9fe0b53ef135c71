"""Run a model over rows and score what it says; the trainer calls both after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from affectrep.batch import Batch, Output
from affectrep.evaluation.metrics import (
    Statistics,
    best_threshold,
    classification_statistics,
    multilabel_statistics,
    regression_statistics,
)

__all__ = ["Predictions", "metric_names", "predict_rows", "score", "statistics"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Predictions:
    """What a model says of the rows of a split, beside the labels.

    Args:
        ids: one id per row.
        labels: ``(rows,)`` int64 classes, ``(rows, classes)`` multi-hot, or ``(rows, 2)`` valence
            and arousal.
        scores: ``(rows, outputs)`` float32 logits, or valence and arousal.
        embeddings: ``(rows, dim)`` float32 where they were asked for.

    Raises:
        ValueError: if the parts do not have one entry per row.

    Example:
        >>> p = Predictions(["a", "b"], np.array([0, 1]), np.array([[2.0, 0.0], [0.0, 0.0]]))
        >>> p.probabilities("classification").round(2).tolist()
        [[0.88, 0.12], [0.5, 0.5]]
    """

    ids: list[str]
    labels: Array
    scores: Array
    embeddings: Array | None = None

    def __post_init__(self) -> None:
        for name in ("labels", "scores", "embeddings"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.ids):
                raise ValueError(f"{name} has {len(value)} rows, but there are {len(self.ids)} ids")

    def __len__(self) -> int:
        return len(self.ids)

    def probabilities(self, task: str) -> Array:
        """Return softmax (classification) or sigmoid (multilabel) of the scores, float64."""
        scores = self.scores.astype(np.float64)
        if task == "multilabel":
            return np.asarray(0.5 * (1 + np.tanh(0.5 * scores)))
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True))

    def merged(self) -> Predictions:
        """Return one row an id, in the order of first occurrence; itself where ids are unique.

        The segments of a long clip share its id. Their scores are averaged before softmax, so
        that the clip's probabilities are the normalised geometric mean of its segments', and so
        are their embeddings; each segment counts the same. The labels are those of the first.

        Raises:
            ValueError: if rows with one id have different labels.

        Example:
            >>> scores = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
            >>> p = Predictions(["a", "b", "a"], np.array([0, 1, 0]), scores).merged()
            >>> p.ids, p.labels.tolist(), p.scores.tolist()
            (['a', 'b'], [0, 1], [[1.0, 1.0], [1.0, 1.0]])
        """
        places: dict[str, int] = {}
        of_row = np.array([places.setdefault(name, len(places)) for name in self.ids], dtype=int)
        if len(places) == len(self.ids):
            return self
        first = np.unique(of_row, return_index=True)[1]
        apart = (self.labels != self.labels[first][of_row]).reshape(len(self.ids), -1).any(1)
        if apart.any():
            name = self.ids[int(np.flatnonzero(apart)[0])]
            raise ValueError(f"the rows of {name} have different labels: give each row its own id")
        return Predictions(
            list(places),
            self.labels[first],
            _means(self.scores, of_row),
            None if self.embeddings is None else _means(self.embeddings, of_row),
        )

    def select(self, rows: Array) -> Predictions:
        """Return the rows named by a boolean mask or by indices, in that order."""
        index = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            ids=[self.ids[i] for i in index],
            labels=self.labels[index],
            scores=self.scores[index],
            embeddings=None if self.embeddings is None else self.embeddings[index],
        )


@torch.no_grad()
def predict_rows(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    keep_embeddings: bool = False,
    look: Callable[[Output, torch.Tensor], None] | None = None,
) -> Predictions:
    """Return the model's predictions in the order of the batches, one row an id.

    Rows with one id, as the segments of a long clip are, become one row: `Predictions.merged`.
    The model runs in evaluation mode and goes back to the mode it was in. It must already be on
    ``device``.

    Args:
        model: maps ``batch.inputs`` to an :class:`~affectrep.batch.Output`.
        batches: every row once.
        device: where the batches go.
        autocast: makes the context of each forward pass, such as ``accelerator.autocast``.
        keep_embeddings: also return the pooled embeddings.
        look: called with the output and the labels of each batch.

    Raises:
        ValueError: if there is no batch.
    """
    was_training = model.training
    model.eval()
    ids: list[str] = []
    parts: list[tuple[torch.Tensor, ...]] = []
    try:
        for batch in batches:
            with autocast():
                output = model(batch.to(device).inputs)
            if look is not None:
                look(output, batch.labels)
            kept = [batch.labels, output.predictions.float()]
            kept += [output.embeddings.float()] if keep_embeddings else []
            parts.append(tuple(tensor.detach().cpu() for tensor in kept))
            ids += batch.ids
    finally:
        model.train(was_training)
    if not parts:
        raise ValueError("there are no rows to predict; is the split empty?")
    labels, scores, *rest = (torch.cat(column).numpy() for column in zip(*parts, strict=True))
    return Predictions(ids, labels, scores, rest[0] if rest else None).merged()


def score(
    predictions: Predictions,
    task: str,
    classes: Sequence[str] | None = None,
    *,
    threshold: float | None = None,
) -> dict[str, float]:
    """Return the metrics of the task on all rows; fast, without intervals.

    Classification also has ``cross_entropy`` (mean, nats). Multi-label also has ``threshold``:
    the one given, or, where None, the best for macro F1 on these very rows, which is right for
    validation only.

    Args:
        predictions: of one split.
        task: classification, multilabel or regression.
        classes: names in the order of the outputs; not needed for regression.
        threshold: multi-label only.

    Raises:
        ValueError: if a score is not finite, or the outputs do not fit the classes.

    Example:
        >>> p = Predictions(["a", "b"], np.array([0, 1]), np.array([[2.0, 0.0], [0.0, 1.0]]))
        >>> score(p, "classification", ["calm", "angry"])["accuracy"]
        1.0
    """
    if task == "multilabel" and threshold is None:
        _check(predictions, task, classes)
        threshold = best_threshold(predictions.labels, predictions.probabilities(task))
    values = statistics(predictions, task, classes, threshold=threshold).values()
    if task == "classification":
        values["cross_entropy"] = _cross_entropy(predictions)
    if threshold is not None:
        values["threshold"] = float(threshold)
    return values


def metric_names(task: str) -> list[str]:
    """Return the figures of a task that an epoch can be chosen by: those of `score`.

    The threshold of multi-label predictions is no figure, and left out.

    Args:
        task: classification, multilabel or regression.

    Raises:
        ValueError: for another task.

    Example:
        >>> metric_names("classification")
        ['accuracy', 'macro_f1', 'weighted_f1', 'uar', 'cross_entropy']
    """
    labels = np.arange(2) if task == "classification" else np.eye(2)
    invented = Predictions(["a", "b"], labels, np.eye(2))
    return [name for name in score(invented, task, ["a", "b"]) if name != "threshold"]


def statistics(
    predictions: Predictions,
    task: str,
    classes: Sequence[str] | None = None,
    *,
    threshold: float | None = None,
) -> Statistics:
    """Return the per-row statistics behind the metrics of the task, for intervals.

    Raises:
        ValueError: as :func:`score`, and for multilabel without a threshold.
    """
    _check(predictions, task, classes)
    if task == "regression":
        return regression_statistics(predictions.labels, predictions.scores)
    if task == "classification":
        predicted = predictions.scores.argmax(1)
        return classification_statistics(_labels(predictions), predicted, len(classes or ()))
    if threshold is None:
        raise ValueError("multi-label predictions need the threshold that validation chose")
    return multilabel_statistics(predictions.labels, predictions.probabilities(task) >= threshold)


def _means(values: Array, groups: Array) -> Array:
    """Return the mean of the rows ``(rows, width)`` of each group 0, 1, ..., in their type."""
    totals = np.zeros((int(groups.max()) + 1, values.shape[1]))
    np.add.at(totals, groups, values)
    return np.asarray(totals / np.bincount(groups)[:, None], dtype=values.dtype)


def _cross_entropy(predictions: Predictions) -> float:
    logits = predictions.scores.astype(np.float64)
    top = logits.max(1, keepdims=True)
    totals = top[:, 0] + np.log(np.exp(logits - top).sum(1))
    own = logits[np.arange(len(predictions)), _labels(predictions)]
    return float((totals - own).mean())


def _labels(predictions: Predictions) -> Array:
    return predictions.labels.astype(np.int64)


def _check(predictions: Predictions, task: str, classes: Sequence[str] | None) -> None:
    if task not in ("classification", "multilabel", "regression"):
        raise ValueError(f"unknown task {task!r}: classification, multilabel or regression")
    outputs = predictions.scores.shape[1]
    if task != "regression" and outputs != len(classes or ()):
        raise ValueError(
            f"the model has {outputs} outputs, but there are {len(classes or ())} classes"
        )
    bad = np.flatnonzero(~np.isfinite(predictions.scores).all(1))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(predictions)} rows have predictions that are not finite, "
            f"first {predictions.ids[int(bad[0])]}; did training diverge?"
        )
