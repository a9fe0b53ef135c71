"""A task loss plus weighted terms, all in one phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives.phase import Carry, Phase, PhaseResult, Targets, Term

__all__ = ["JointObjective", "Loss", "WeightedLoss"]


class Loss(Protocol):
    """A thin loss module: the mean over some items, and how many items that is."""

    def __call__(self, values: Tensor, labels: Tensor) -> Tensor:
        """Return a scalar mean."""

    def count(self, labels: Tensor) -> float:
        """Return the number of items in the mean."""


@dataclass(frozen=True)
class WeightedLoss:
    """A loss beside the task's, what it reads, and whether rows depend on one another in it."""

    name: str
    loss: nn.Module
    weight: float
    reads: Literal["features", "embeddings", "projections"] = "embeddings"
    span: Literal["rows", "batch"] = "batch"


class JointObjective(nn.Module):
    """The task's loss on the predictions plus weighted losses on the representation.

    Args:
        task: loss of predictions and labels, with a ``count`` method.
        task_name: logged name of the task's loss.
        others: losses on embeddings or projections; weight 0 leaves one out.
        targets: the labels that the losses need.

    Example:
        >>> from affectrep.objectives import CrossEntropyLoss, SupConLoss
        >>> joint = JointObjective(CrossEntropyLoss(), task_name="cross_entropy",
        ...     others=[WeightedLoss("supcon", SupConLoss(), 0.5)])
        >>> [(phase.name, phase.span) for phase in joint.phases()]
        [('main', 'batch')]
    """

    def __init__(
        self,
        task: nn.Module,
        *,
        task_name: str,
        others: Sequence[WeightedLoss] = (),
        targets: Targets | None = None,
    ) -> None:
        super().__init__()
        self.task, self.task_name = task, task_name
        self.others = [other for other in others if other.weight > 0]
        self.losses = nn.ModuleDict({other.name: other.loss for other in self.others})
        self.targets = targets or Targets()

    def phases(self) -> list[Phase]:
        """Return the one phase, which updates encoder and heads."""
        spans = {other.span for other in self.others}
        return [
            Phase(
                "main",
                self._loss,
                reads=self.others[0].reads if self.others else "predictions",
                span="batch" if "batch" in spans else "rows",
                counts=self._counts,
            )
        ]

    def players(self) -> Mapping[str, nn.Module]:
        """Return no players: nothing here has parameters of its own."""
        return {}

    def sampling_hint(self) -> Mapping[str, Tensor]:
        """Return no hint."""
        return {}

    def progress(self, done: float) -> None:
        """Nothing depends on the progress of training."""

    def _counts(self, batch: Batch) -> dict[str, float]:
        return {self.task_name: cast(Loss, self.task).count(batch.labels)}

    def _loss(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        task = cast(Loss, self.task)
        terms = [
            Term(self.task_name, task(output.predictions, batch.labels), task.count(batch.labels))
        ]
        for other in self.others:
            values = output.tensors().get(other.reads)
            if values is None:
                raise ValueError(f"{other.name} reads {other.reads}, which the model does not give")
            loss = cast(Loss, self.losses[other.name])
            value, count = loss(values, batch.labels), loss.count(batch.labels)
            terms.append(Term(other.name, value, count, other.weight))
        return PhaseResult(terms)
