"""The losses of predictions that an objective may have as its task, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from affectrep.objectives.av_regression import AVRegressionLoss, HeteroscedasticLoss
from affectrep.objectives.binary_cross_entropy import BinaryCrossEntropyLoss
from affectrep.objectives.cross_entropy import CrossEntropyLoss
from affectrep.objectives.phase import Targets
from affectrep.objectives.plain_values import made

__all__ = ["PAIR_TASKS", "TASKS", "Task", "task_of"]

TASKS: dict[str, tuple[Callable[..., nn.Module], Targets]] = {
    "cross_entropy": (CrossEntropyLoss, Targets("classes")),
    "binary_cross_entropy": (BinaryCrossEntropyLoss, Targets("multilabel")),
    "av_regression": (partial(AVRegressionLoss, gather=True), Targets("continuous")),
    "heteroscedastic": (HeteroscedasticLoss, Targets("continuous")),
}


PAIR_TASKS = ("cross_entropy", "av_regression")
"""Tasks that a loss of pairs by class can stand beside."""


@dataclass(frozen=True)
class Task:
    """What the predictions are for.

    Args:
        name: a key of ``TASKS``; what is logged.
        loss: of predictions and labels.
        targets: the labels that it needs.
    """

    name: str
    loss: nn.Module
    targets: Targets

    @property
    def continuous(self) -> bool:
        """Whether labels are valence and arousal."""
        return self.targets.labels == "continuous"


def task_of(
    name: str, options: Mapping[str, Any] | None = None, *, allowed: tuple[str, ...] = tuple(TASKS)
) -> Task:
    """Return the task of this name.

    Args:
        name: a key of ``TASKS``.
        options: keywords of its loss; None for its defaults.
        allowed: names that the caller can work with.

    Raises:
        ValueError: if the name is not allowed, or a keyword is not one of the loss.

    Example:
        >>> task = task_of("cross_entropy", {"label_smoothing": 0.1})
        >>> task.loss.label_smoothing, task.continuous
        (0.1, False)
    """
    if name not in allowed:
        raise ValueError(f"expected one of {', '.join(allowed)} as task, got {name!r}")
    build, targets = TASKS[name]
    return Task(name, made("task_options", build, options or {}), targets)
