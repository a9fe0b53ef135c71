"""Objectives of one phase: a task alone, or with a loss of pairs by class beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from affectrep.objectives.av_regression import AVRegressionLoss
from affectrep.objectives.binary_cross_entropy import BinaryCrossEntropyLoss
from affectrep.objectives.class_margins import DISTANCE_LIMITS, SQUARED_LIMITS
from affectrep.objectives.cross_entropy import CrossEntropyLoss
from affectrep.objectives.expression import ExpressionLoss
from affectrep.objectives.joint import JointObjective, WeightedLoss
from affectrep.objectives.memory_margin import MemoryClassMargin
from affectrep.objectives.pair_classes import OnClasses, pair_classes
from affectrep.objectives.phase import Targets
from affectrep.objectives.supcon import SupConLoss
from affectrep.objectives.tasks import PAIR_TASKS, Task, task_of
from affectrep.objectives.triplet import TripletLoss, TripletOptions

__all__ = [
    "av_regression_objective",
    "cross_entropy_objective",
    "supcon_objective",
    "triplet_objective",
]


def cross_entropy_objective(
    *,
    multilabel: bool = False,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> JointObjective:
    """Return cross-entropy alone: over classes, or one binary decision a class.

    Example:
        >>> cross_entropy_objective().targets.labels
        'classes'
    """
    loss = BinaryCrossEntropyLoss if multilabel else CrossEntropyLoss
    task = loss(class_weights=class_weights, label_smoothing=label_smoothing)
    targets = Targets(labels="multilabel" if multilabel else "classes")
    return JointObjective(task, task_name="cross_entropy", targets=targets)


def supcon_objective(
    *,
    task: str = "cross_entropy",
    weight: float = 0.5,
    temperature: float = 0.1,
    reads: Literal["embeddings", "projections"] = "embeddings",
    strong_radius: float | None = None,
    **task_options: Any,
) -> JointObjective:
    """Return a task plus ``weight`` times supervised contrast over all processes' rows.

    Args:
        task: cross_entropy or av_regression.
        weight: of the contrast.
        temperature: of the contrast.
        reads: what is contrasted.
        strong_radius: regression only, where quadrants are contrasted: see
            :class:`CircumplexClasses`.
        **task_options: keywords of the task's loss, such as ``class_weights``.

    Raises:
        ValueError: if a word or key is unknown, or the radius does not fit the task.

    Example:
        >>> [other.name for other in supcon_objective().others]
        ['supcon']
    """
    contrast = SupConLoss(temperature=temperature, gather=True)
    other = WeightedLoss("supcon", contrast, weight, reads=reads)
    return _beside(task_of(task, task_options, allowed=PAIR_TASKS), other, strong_radius)


def triplet_objective(  # noqa: PLR0913 - the plain values of one section
    *,
    classes: int = 2,
    dim: int = 1,
    task: str = "cross_entropy",
    weight: float = 0.5,
    margin: Literal["adaptive"] | float = "adaptive",
    squared: bool = True,
    soft: bool = False,
    triplets: Literal["all", "active"] = "active",
    per_class: int = 16,
    refresh: int = 50,
    strong_radius: float | None = None,
    **task_options: Any,
) -> JointObjective:
    """Return a task plus ``weight`` times triplets, with a constant or an adaptive margin.

    Args:
        classes: number of classes; quadrants and neutral are five.
        dim: dimension of the embeddings.
        task: cross_entropy or av_regression.
        weight: of the triplets.
        margin: "adaptive" for one of each pair of classes, :class:`MemoryClassMargin`; or a number.
        squared: of the squared distance.
        soft: softplus instead of the hinge.
        triplets: which of them the mean is over, see :class:`TripletOptions`.
        per_class: rows that the adaptive margin is made of.
        refresh: steps between two tables of margins.
        strong_radius: regression only, see :class:`CircumplexClasses`.
        **task_options: keywords of the task's loss, such as ``class_weights``.

    Raises:
        ValueError: if a word or key is unknown, or the radius does not fit the task.

    Source: Schroff et al. 2015, FaceNet; the margin: Kim and Song 2021 (AAAI).

    Example:
        >>> [other.name for other in triplet_objective(classes=3, dim=8).others]
        ['triplet']
    """
    limits = SQUARED_LIMITS if squared else DISTANCE_LIMITS
    held: float | MemoryClassMargin = 0.0
    if isinstance(margin, str):
        if margin != "adaptive":
            raise ValueError(f"expected margin adaptive or a number, got {margin!r}")
        held = MemoryClassMargin(classes, dim, limits=limits, per_class=per_class, refresh=refresh)
    else:
        held = margin
    options = TripletOptions(squared=squared, soft=soft, triplets=triplets)
    loss = TripletLoss(margin=held, options=options, gather=True)
    other = WeightedLoss("triplet", loss, weight)
    return _beside(task_of(task, task_options, allowed=PAIR_TASKS), other, strong_radius)


def _beside(task: Task, other: WeightedLoss, strong_radius: float | None) -> JointObjective:
    """Put a loss of pairs by class beside a task, whatever its labels."""
    classes = pair_classes(task, strong_radius)
    if task.continuous:
        other = replace(other, loss=OnClasses(other.loss, classes))
    return JointObjective(task.loss, task_name=task.name, others=[other], targets=task.targets)


def av_regression_objective(
    *, correlation_weight: float = 0.5, expression_weight: float = 0.0
) -> JointObjective:
    """Return regression of valence and arousal: RMSE, PCC and CCC over all processes' rows.

    With an ``expression_weight`` above 0 there is a second task, the categories of expressions.

    Example:
        >>> av_regression_objective().targets.labels
        'continuous'
    """
    task = AVRegressionLoss(correlation_weight=correlation_weight, gather=True)
    second = WeightedLoss(
        "expression",
        ExpressionLoss(),
        expression_weight,
        reads="expressions",
        span="rows",
        domain="expression",
    )
    return JointObjective(
        task,
        others=[second] if expression_weight > 0 else [],
        task_name="av_regression",
        targets=Targets(
            labels="continuous", domains=("expression",) if expression_weight > 0 else ()
        ),
    )
