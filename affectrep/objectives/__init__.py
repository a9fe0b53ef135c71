"""Objectives: pure functions, thin modules, and the one table of their names."""

from collections.abc import Callable, Sequence

from torch import nn

from affectrep.objectives.binary_cross_entropy import (
    BinaryCrossEntropyLoss,
    binary_cross_entropy_loss,
)
from affectrep.objectives.cross_entropy import CrossEntropyLoss, cross_entropy_loss
from affectrep.objectives.joint import JointObjective, WeightedLoss
from affectrep.objectives.phase import Carry, Objective, Phase, PhaseResult, Targets, Term
from affectrep.objectives.supcon import SupConLoss, supcon_loss

__all__ = [
    "OBJECTIVES",
    "BinaryCrossEntropyLoss",
    "Carry",
    "CrossEntropyLoss",
    "JointObjective",
    "Objective",
    "Phase",
    "PhaseResult",
    "SupConLoss",
    "Targets",
    "Term",
    "WeightedLoss",
    "binary_cross_entropy_loss",
    "cross_entropy_loss",
    "cross_entropy_objective",
    "supcon_loss",
    "supcon_objective",
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
    weight: float = 0.5,
    temperature: float = 0.1,
    reads: str = "embeddings",
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
    other = WeightedLoss("supcon", contrast, weight, reads=reads)  # type: ignore[arg-type]
    return JointObjective(
        task, task_name="cross_entropy", others=[other], targets=Targets(labels="classes")
    )


OBJECTIVES: dict[str, Callable[..., nn.Module]] = {
    "cross_entropy": cross_entropy_objective,
    "supcon": supcon_objective,
}
