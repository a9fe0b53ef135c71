"""Objectives of one phase: a task alone, or with contrast by label beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from affectrep.objectives.av_regression import AVRegressionLoss
from affectrep.objectives.binary_cross_entropy import BinaryCrossEntropyLoss
from affectrep.objectives.cross_entropy import CrossEntropyLoss
from affectrep.objectives.expression import ExpressionLoss
from affectrep.objectives.joint import JointObjective, WeightedLoss
from affectrep.objectives.phase import Targets
from affectrep.objectives.supcon import SupConLoss

__all__ = ["av_regression_objective", "cross_entropy_objective", "supcon_objective"]


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
    weight: float = 0.5,
    temperature: float = 0.1,
    reads: Literal["embeddings", "projections"] = "embeddings",
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> JointObjective:
    """Return cross-entropy plus ``weight`` times supervised contrast over all processes' rows.

    Example:
        >>> [other.name for other in supcon_objective().others]
        ['supcon']
    """
    task = CrossEntropyLoss(class_weights=class_weights, label_smoothing=label_smoothing)
    contrast = SupConLoss(temperature=temperature, gather=True)
    other = WeightedLoss("supcon", contrast, weight, reads=reads)
    return JointObjective(
        task, task_name="cross_entropy", others=[other], targets=Targets(labels="classes")
    )


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
