"""A task loss plus weighted terms, all in one phase."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, cast

import torch
from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives.phase import Carry, Phase, PhaseResult, Targets, Term
from affectrep.objectives.supcon import DomainWeight, SupConLoss
from affectrep.objectives.weight_schedule import WeightSchedule

__all__ = ["DomainSupConLoss", "JointObjective", "Loss", "WeightedLoss", "domain_of"]


class Loss(Protocol):
    """A thin loss module: the mean over some items, and how many items that is.

    ``domains`` is given only where the term names a domain. A loss whose rows depend on one
    another says so by an attribute ``span = "batch"`` when it is used as the task. A loss beside
    the task may have a method ``logs``: name -> number, logged under the term's name.
    """

    def __call__(self, values: Tensor, labels: Tensor, *domains: Tensor) -> Tensor:
        """Return a scalar mean."""

    def count(self, labels: Tensor, *domains: Tensor) -> float:
        """Return the number of items in the mean; called after the loss."""


@dataclass(frozen=True)
class WeightedLoss:
    """A loss beside the task's, what it reads, and whether rows depend on one another in it.

    Args:
        name: what is logged; also the name of the player, where the loss has parameters.
        loss: called with what it reads, the labels and, if named, the domains.
        weight: peak factor, >= 0; 0 leaves the loss out.
        reads: the part of the output.
        span: "batch" where rows depend on one another.
        domain: hand the loss ``batch.domains[domain]`` as well (speaker, language, corpus).
        schedule: factor on the weight along training; a factor of 0 leaves the loss out.

    Raises:
        ValueError: if the weight is negative or not finite.

    Example:
        >>> WeightedLoss("supcon", SupConLoss(), 0.5).schedule.at(0.0)
        1.0
    """

    name: str
    loss: nn.Module
    weight: float
    reads: Literal["features", "embeddings", "projections", "predictions", "expressions"] = (
        "embeddings"
    )
    span: Literal["rows", "batch"] = "batch"
    domain: str | None = None
    schedule: WeightSchedule = field(default_factory=WeightSchedule)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(f"expected a finite weight of at least 0, got {self.weight}")


class DomainSupConLoss(nn.Module):
    """Supervised contrast that weighs positives of another domain more (language-aware SupCon).

    Use it as a :class:`WeightedLoss` with ``domain="language"``; :class:`SupConLoss` is the same
    with weight 1.

    Args:
        contrast: the loss whose positives are weighed.
        weight: of a positive from another domain, > 0.
        normaliser: see :class:`DomainWeight`.

    Source: language-aware SupCon, Interspeech 2026 (arXiv 2606.06200), weight 2.5.

    Example:
        >>> loss = DomainSupConLoss(SupConLoss(temperature=1.0), weight=1.0)
        >>> labels, language = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1])
        >>> torch.equal(loss(torch.eye(3), labels, language), loss.contrast(torch.eye(3), labels))
        True
    """

    def __init__(
        self,
        contrast: SupConLoss,
        *,
        weight: float = 2.5,
        normaliser: Literal["sum", "count"] = "sum",
    ) -> None:
        super().__init__()
        DomainWeight(torch.zeros(0), weight, normaliser)  # refuses bad numbers now, not in training
        self.contrast, self.weight, self.normaliser = contrast, weight, normaliser

    def forward(self, embeddings: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        """Return the loss; ``(batch, dim)``, ``(batch,)`` and ``(batch,)``, -1 unknown domain."""
        weighted = DomainWeight(domains, self.weight, self.normaliser)
        loss: Tensor = self.contrast(embeddings, labels, weighted)
        return loss

    def count(self, labels: Tensor, domains: Tensor) -> float:
        """Return the anchors in the mean; see :meth:`SupConLoss.count`."""
        return self.contrast.count(labels)


class JointObjective(nn.Module):
    """The task's loss on the predictions plus weighted losses on the representation.

    A loss that has parameters is a player under its name and learns in the same phase.

    Args:
        task: loss of predictions and labels, with a ``count`` method.
        task_name: logged name of the task's loss.
        others: losses on a part of the output; weight 0 leaves one out.
        targets: the labels that the losses need; domains that ``others`` name are added.

    Raises:
        ValueError: if two losses have one name, or a name is that of one of the model's players.

    Example:
        >>> from affectrep.objectives import CrossEntropyLoss, SupConLoss
        >>> joint = JointObjective(CrossEntropyLoss(), task_name="cross_entropy",
        ...     others=[WeightedLoss("supcon", SupConLoss(), 0.5)])
        >>> [(phase.name, phase.span) for phase in joint.phases()]
        [('main', 'batch')]
    """

    done: Tensor

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
        names = ["encoder", "heads", task_name, *(other.name for other in self.others)]
        if len(set(names)) < len(names):
            raise ValueError(f"expected different names, not those of players, got {names[2:]}")
        self.losses = nn.ModuleDict({other.name: other.loss for other in self.others})
        targets = targets or Targets()
        domains = [other.domain for other in self.others if other.domain is not None]
        self.targets = replace(targets, domains=tuple(dict.fromkeys([*targets.domains, *domains])))
        # nothing depends on it without a schedule: states then stay as small as they were
        moves = any(other.schedule.moves for other in self.others)
        self.register_buffer("done", torch.tensor(0.0), persistent=moves)

    def phases(self) -> list[Phase]:
        """Return the one phase, which updates encoder, heads and the losses' own parameters."""
        reads = [other.reads for other in self.others] or ["predictions"]
        spans = [getattr(self.task, "span", "rows"), *(other.span for other in self.others)]
        return [
            Phase(
                "main",
                self._loss,
                updates=("encoder", "heads", *self.players()),
                reads="features" if "features" in reads else reads[0],
                span="batch" if "batch" in spans else "rows",
                counts=self._counts,
            )
        ]

    def players(self) -> Mapping[str, nn.Module]:
        """Return the losses that have parameters to learn."""
        return {
            name: module
            for name, module in {self.task_name: self.task, **self.losses}.items()
            if any(parameter.requires_grad for parameter in module.parameters())
        }

    def sampling_hint(self) -> Mapping[str, Tensor]:
        """Return no hint."""
        return {}

    def findings(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return no table."""
        return {}

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1], which the schedules go by."""
        self.done.fill_(done)

    def _counts(self, batch: Batch) -> dict[str, float]:
        counts = {self.task_name: cast(Loss, self.task).count(batch.labels)}
        for other in self.others:
            if other.span == "rows":
                loss = cast(Loss, self.losses[other.name])
                counts[other.name] = loss.count(batch.labels, *_domains(other, batch))
        return counts

    def _loss(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        task = cast(Loss, self.task)
        value = task(output.predictions, batch.labels)
        terms, logs = [Term(self.task_name, value, task.count(batch.labels))], {}
        for other in self.others:
            weight = other.weight * other.schedule.at(min(1.0, float(self.done)))
            if other.schedule.moves:
                logs[f"{other.name}_weight"] = weight
            if weight > 0:
                terms.append(self._term(other, output, batch, weight))
                say = getattr(self.losses[other.name], "logs", dict)
                logs |= {f"{other.name}_{key}": number for key, number in say().items()}
        return PhaseResult(terms, logs)

    def _term(self, other: WeightedLoss, output: Output, batch: Batch, weight: float) -> Term:
        values = output.tensors().get(other.reads)
        if values is None:
            raise ValueError(f"{other.name} reads {other.reads}, which the model does not give")
        loss = cast(Loss, self.losses[other.name])
        domains = _domains(other, batch)
        value = loss(values, batch.labels, *domains)
        return Term(other.name, value, loss.count(batch.labels, *domains), weight)


def domain_of(batch: Batch, name: str, *, needed_by: str) -> Tensor:
    """Return ``batch.domains[name]``, ``(batch,)``.

    Raises:
        ValueError: if the batch does not have that domain.

    Example:
        >>> batch = Batch({}, torch.tensor([0]), ["a"], {"speaker": torch.tensor([7])})
        >>> domain_of(batch, "speaker", needed_by="supcon").tolist()
        [7]
    """
    if name not in batch.domains:
        known = ", ".join(batch.domains) or "none"
        raise ValueError(f"{needed_by}: expected the domain {name} in the batch, got {known}")
    return batch.domains[name]


def _domains(other: WeightedLoss, batch: Batch) -> tuple[Tensor, ...]:
    if other.domain is None:
        return ()
    return (domain_of(batch, other.domain, needed_by=other.name),)
