"""Which class a row counts as in a loss of pairs, for classes and for valence and arousal."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectrep.objectives.tasks import Task

__all__ = ["CIRCUMPLEX_CLASSES", "CircumplexClasses", "OnClasses", "PairClasses", "pair_classes"]

CIRCUMPLEX_CLASSES = 5
"""The four quadrants and neutral, numbered as ``affectrep.evaluation.quadrants.QUADRANTS``."""


class PairClasses(nn.Module):
    """The classes of pairs where labels are classes: the labels themselves.

    Example:
        >>> PairClasses()(torch.tensor([3, 1])).tolist()
        [3, 1]
    """

    def forward(self, labels: Tensor) -> Tensor:
        """Return the class of each row, ``(batch,)`` int64."""
        return labels

    def probabilities(self, predictions: Tensor) -> Tensor:
        """Return how likely each class is to the model, ``(batch, classes)``, without a graph."""
        return predictions.detach().softmax(dim=1)


class CircumplexClasses(PairClasses):
    """The classes of pairs where labels are valence and arousal: quadrants, and neutral.

    It lets losses of pairs by class (contrast, triplets, adversarial metric learning) work beside
    regression. Rows weaker than the radius are one class, strong rows are of their quadrant; what
    lies on two sides of an axis is then parted, however near. Losses that read the labels as
    numbers (:class:`CAFObjective`) need no such classes.

    Args:
        radius: sqrt(valence^2 + arousal^2) from which a row is strong, > 0.

    Raises:
        ValueError: if the radius is not a positive number.

    Source: Russell 1980, A circumplex model of affect, for the quadrants; their use as classes of
    pairs is this project's.

    Example:
        >>> labels = torch.tensor([[0.6, 0.3], [-0.5, 0.6], [-0.4, -0.3], [0.5, -0.2], [0.1, 0.0]])
        >>> CircumplexClasses(0.2)(labels).tolist()
        [0, 1, 2, 3, 4]
    """

    def __init__(self, radius: float) -> None:
        super().__init__()
        if not 0 < radius < math.inf:
            raise ValueError(f"expected a radius above 0 from which rows are strong, got {radius}")
        self.radius = radius

    def forward(self, labels: Tensor) -> Tensor:
        """Return the class of each row of valence and arousal, ``(batch,)`` int64.

        Raises:
            ValueError: if the labels are not ``(batch, 2)``.
        """
        if labels.ndim != 2 or labels.shape[1] != 2:
            raise ValueError(
                f"expected labels (batch, 2), valence and arousal, got {tuple(labels.shape)}"
            )
        values = labels.detach() if labels.dtype == torch.float64 else labels.detach().float()
        left, low = values[:, 0] < 0, values[:, 1] < 0
        quadrant = torch.where(low, torch.where(left, 2, 3), left.long())
        return torch.where(torch.hypot(*values.unbind(1)) < self.radius, 4, quadrant)

    def probabilities(self, predictions: Tensor) -> Tensor:
        """Return 1 for the class that the predicted valence and arousal lie in, 0 elsewhere."""
        return functional.one_hot(self(predictions), CIRCUMPLEX_CLASSES).float()


class OnClasses(nn.Module):
    """A loss of pairs by class, for labels that are not classes.

    Args:
        loss: called with values, classes and, if any, domains.
        classes: makes classes of labels.

    Example:
        >>> from affectrep.objectives import SupConLoss
        >>> loss = OnClasses(SupConLoss(temperature=1.0), CircumplexClasses(0.2))
        >>> labels = torch.tensor([[0.5, 0.5], [0.9, 0.2], [-0.5, 0.5]])
        >>> by_class = loss.loss(torch.eye(3), torch.tensor([0, 0, 1]))
        >>> torch.equal(loss(torch.eye(3), labels), by_class)
        True
    """

    def __init__(self, loss: nn.Module, classes: PairClasses) -> None:
        super().__init__()
        self.loss, self.classes = loss, classes

    def forward(self, values: Tensor, labels: Tensor, *domains: Tensor) -> Tensor:
        """Return the loss of the rows by their classes."""
        value: Tensor = self.loss(values, self.classes(labels), *domains)
        return value

    def count(self, labels: Tensor, *domains: Tensor) -> float:
        """Return the items that the mean is over."""
        count: float = self.loss.count(self.classes(labels), *domains)  # type: ignore[operator]
        return count

    def logs(self) -> dict[str, float]:
        """Return what the loss has to say of itself."""
        say = getattr(self.loss, "logs", None)
        return dict(say()) if say is not None else {}


def pair_classes(task: Task, strong_radius: float | None) -> PairClasses:
    """Return the classes of pairs beside a task.

    Args:
        task: of classes, or of valence and arousal.
        strong_radius: of :class:`CircumplexClasses`; None where labels are classes.

    Raises:
        ValueError: if the radius does not fit the task.

    Example:
        >>> from affectrep.objectives.tasks import task_of
        >>> type(pair_classes(task_of("av_regression"), 0.3)).__name__
        'CircumplexClasses'
    """
    if task.continuous != (strong_radius is not None):
        raise ValueError(
            f"expected strong_radius for pairs beside regression, and only there, got "
            f"{strong_radius} beside {task.name}"
        )
    return PairClasses() if strong_radius is None else CircumplexClasses(strong_radius)
