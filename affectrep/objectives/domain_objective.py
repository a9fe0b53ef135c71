"""A task, contrast by label, and any number of domains to hide, put together in phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives.domain_adversary import DomainClasses
from affectrep.objectives.domain_term import DomainCriticTerm, DomainHeadTerm, DomainOptions
from affectrep.objectives.joint import DomainSupConLoss, JointObjective, WeightedLoss, domain_of
from affectrep.objectives.pair_classes import (
    CircumplexClasses,
    OnClasses,
    PairClasses,
    pair_classes,
)
from affectrep.objectives.phase import Carry, Phase, PhaseResult
from affectrep.objectives.plain_values import made
from affectrep.objectives.supcon import SupConLoss
from affectrep.objectives.supcon_memory import SupConMemoryLoss
from affectrep.objectives.tasks import task_of
from affectrep.objectives.weight_schedule import WeightSchedule

__all__ = ["ContrastOptions", "DomainAdversarialObjective", "domain_adversarial_objective"]


@dataclass(frozen=True)
class ContrastOptions:
    """Supervised contrast beside the task, as plain values.

    Args:
        weight: alpha, peak factor, >= 0.
        temperature: divides the cosine, > 0.
        reads: the part of the output.
        schedule: keywords of :class:`WeightSchedule`; None for a constant weight.
        domain: weigh positives of another such domain (language) more; None weighs all alike.
        domain_weight: of those positives, > 0.
        normaliser: see :class:`DomainWeight`.
        memory: rows of earlier batches to contrast with; 0 for none.

    Raises:
        ValueError: if a memory is asked for beside a domain, or of projections.

    Example:
        >>> ContrastOptions(domain="language").loss(dim=8).weight
        1.0
    """

    weight: float = 1.0
    temperature: float = 0.1
    reads: Literal["embeddings", "projections"] = "embeddings"
    schedule: Mapping[str, Any] | None = None
    domain: str | None = None
    domain_weight: float = 2.5
    normaliser: Literal["sum", "count"] = "sum"
    memory: int = 0

    def __post_init__(self) -> None:
        if self.memory and (self.domain is not None or self.reads != "embeddings"):
            raise ValueError("expected a memory of embeddings and without a domain")

    def loss(self, classes: PairClasses | None = None, *, dim: int) -> WeightedLoss:
        """Return the loss, which gathers rows of all processes.

        Args:
            classes: of the pairs; None where labels are classes.
            dim: of the embeddings, for a memory.
        """
        contrast: nn.Module = SupConLoss(temperature=self.temperature, gather=True)
        if self.memory:
            contrast = SupConMemoryLoss(
                size=self.memory, dim=dim, temperature=self.temperature, gather=True
            )
        elif self.domain is not None and isinstance(contrast, SupConLoss):
            contrast = DomainSupConLoss(
                contrast, weight=self.domain_weight, normaliser=self.normaliser
            )
        if isinstance(classes, CircumplexClasses):
            contrast = OnClasses(contrast, classes)
        schedule = made("contrast.schedule", WeightSchedule, self.schedule or {})
        return WeightedLoss(
            "supcon",
            contrast,
            self.weight,
            reads=self.reads,
            domain=self.domain,
            schedule=schedule,
        )


class DomainAdversarialObjective(nn.Module):
    """A joint objective beside players that tell domains apart and terms that hide them.

    One-phase methods train their head in the main phase, at full weight, while the model
    receives ``-beta lambda(p)`` times its gradient. The bounded ones and the critic learn first,
    on detached embeddings of the same pass; the main phase then holds them still. The players'
    accuracy is logged, and is no measure of leakage: a fresh probe on frozen embeddings is.
    Use :class:`JointObjective` alone where no domain is to be hidden.

    Args:
        joint: the task and its other losses.
        dim: dimension of the embeddings.
        domains: key of ``batch.domains`` -> how it is hidden. Rows of an unknown domain (-1) are
            left out; a batch without a known one leaves that term out.
        outputs: number of predicted classes, for the method "cdan".

    Raises:
        ValueError: if a domain has the name of another player, or a head cannot be built.

    Source: Ganin et al. 2016, Domain-Adversarial Training of Neural Networks, Eq. 9.

    Example:
        >>> from affectrep.objectives import CrossEntropyLoss
        >>> task = JointObjective(CrossEntropyLoss(), task_name="cross_entropy")
        >>> hidden = {"speaker": DomainOptions(DomainClasses(9)),
        ...     "corpus": DomainOptions(DomainClasses(3), "confusion")}
        >>> objective = DomainAdversarialObjective(task, dim=8, domains=hidden)
        >>> [(phase.name, phase.updates) for phase in objective.phases()]
        [('corpus_head', ('corpus',)), ('main', ('encoder', 'heads', 'speaker'))]
    """

    done: Tensor

    def __init__(
        self,
        joint: JointObjective,
        *,
        dim: int,
        domains: Mapping[str, DomainOptions],
        outputs: int | None = None,
    ) -> None:
        super().__init__()
        taken = {"encoder", "heads", joint.task_name, *joint.losses} & set(domains)
        if taken:
            raise ValueError(f"expected domains not named as a player, got {', '.join(taken)}")
        self.joint = joint
        self.terms: dict[str, DomainHeadTerm | DomainCriticTerm] = {
            name: DomainCriticTerm(name, dim, options)
            if options.method == "wasserstein"
            else DomainHeadTerm(name, dim, options, outputs=outputs)
            for name, options in domains.items()
        }
        self.hidden = nn.ModuleDict(self.terms)
        needed = dict.fromkeys([*joint.targets.domains, *domains])
        self.targets = replace(joint.targets, domains=tuple(needed))
        self.register_buffer("done", torch.tensor(0.0))

    def phases(self) -> list[Phase]:
        """Return the players' own phases, then the main one; they share one encoder pass."""
        own = [
            Phase(
                phase_name,
                partial(self._learn, name),
                updates=(name,),
                optimizer=name,
                grad=False,
                norm="frozen",
                span=term.span,
                counts=partial(self._learn_counts, name),
            )
            for name, term in self.terms.items()
            for phase_name in term.own_phases
        ]
        (main,) = self.joint.phases()
        learning = [name for name, term in self.terms.items() if term.in_main]
        spans = {main.span, *(term.span for term in self.terms.values())}
        whole = replace(
            main,
            loss=partial(self._main, main),
            updates=(*main.updates, *learning),
            span="batch" if "batch" in spans else "rows",
            counts=partial(self._main_counts, main),
        )
        return [*own, whole]

    def players(self) -> Mapping[str, nn.Module]:
        """Return the heads and critics by domain, and the players of the joint objective."""
        return {**self.joint.players(), **self.terms}

    def sampling_hint(self) -> Mapping[str, Tensor]:
        """Return no hint."""
        return {}

    def findings(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return no table."""
        return {}

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1], which the schedules go by."""
        self.done.fill_(done)
        self.joint.progress(done)

    def coefficient(self, domain: str) -> float:
        """Return ``beta lambda(p)``, the present factor on what the model receives."""
        options = self.terms[domain].options
        return options.weight * options.schedule.at(min(1.0, float(self.done)))

    def _learn(self, name: str, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        return self.terms[name].learn(output, domain_of(batch, name, needed_by="objective"))

    def _learn_counts(self, name: str, batch: Batch) -> dict[str, float]:
        return self.terms[name].learn_counts(domain_of(batch, name, needed_by="objective"))

    def _main(self, main: Phase, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        result = main.loss(output, batch, carry)
        terms, logs = list(result.terms), dict(result.logs)
        for name, term in self.terms.items():
            coefficient = self.coefficient(name)
            labels = domain_of(batch, name, needed_by="objective")
            found = term.hide(output, labels, coefficient)
            terms += found.terms
            logs |= {**found.logs, f"{name}_coefficient": coefficient}
        return PhaseResult(terms, logs, result.carry)

    def _main_counts(self, main: Phase, batch: Batch) -> dict[str, float]:
        counts = dict(main.counts(batch)) if main.counts is not None else {}
        for name, term in self.terms.items():
            counts |= term.hide_counts(domain_of(batch, name, needed_by="objective"))
        return counts


def domain_adversarial_objective(  # noqa: PLR0913 - the plain values of one section
    *,
    task: str = "cross_entropy",
    task_options: Mapping[str, Any] | None = None,
    contrast: Mapping[str, Any] | None = None,
    strong_radius: float | None = None,
    domains: Mapping[str, Mapping[str, Any]] | None = None,
    dim: int | None = None,
    outputs: int | None = None,
) -> DomainAdversarialObjective:
    """Return a task, optional contrast and hidden domains from plain values.

    The cross-lingual recipe is ``contrast={"weight": 1.0, "domain": "language"}`` and
    ``domains={"speaker": {"classes": 288, "weight": 0.3}}``.

    Args:
        task: cross_entropy, binary_cross_entropy, av_regression or heteroscedastic.
        task_options: keywords of the task's loss.
        contrast: fields of :class:`ContrastOptions`; None leaves contrast out.
        strong_radius: contrast beside regression is between quadrants, of rows as strong as this;
            see :class:`CircumplexClasses`.
        domains: domain -> classes, rows (balances classes), groups (of each class), scope (global
            or per_language, by the groups) and fields of :class:`DomainOptions`.
        dim: dimension of the embeddings; needed with domains or a memory.
        outputs: number of predicted classes, for cdan.

    Raises:
        ValueError: if a word or key is unknown, or values do not fit together.

    Example:
        >>> objective = domain_adversarial_objective(dim=8, contrast={"domain": "language"},
        ...     domains={"speaker": {"classes": 4, "schedule": {"kind": "ganin", "start": 0.2}}})
        >>> objective.targets.domains, objective.phases()[0].span
        (('language', 'speaker'), 'batch')
    """
    chosen_task = task_of(task, task_options)
    if (domains or (contrast or {}).get("memory")) and dim is None:
        raise ValueError("expected dim, the dimension of the embeddings, with domains or a memory")
    chosen = None if contrast is None else made("contrast", ContrastOptions, contrast)
    joint = JointObjective(
        chosen_task.loss,
        task_name=task,
        others=[]
        if chosen is None
        else [chosen.loss(pair_classes(chosen_task, strong_radius), dim=dim or 1)],
        targets=chosen_task.targets,
    )
    hidden = {name: _domain(name, values) for name, values in (domains or {}).items()}
    if task != "cross_entropy" and any(options.method == "cdan" for options in hidden.values()):
        raise ValueError(f"expected cross_entropy as task beside cdan, got {task}")
    return DomainAdversarialObjective(joint, dim=dim or 1, domains=hidden, outputs=outputs)


def _domain(name: str, values: Mapping[str, Any]) -> DomainOptions:
    section = f"domains.{name}"
    scope = values.get("scope", "global")
    if scope not in ("global", "per_language"):
        raise ValueError(f"{section}: expected global or per_language as scope, got {scope!r}")
    if scope == "per_language" and values.get("groups") is None:
        raise ValueError(f"{section}: expected groups, one a class, with scope per_language")
    if "classes" not in values:
        raise ValueError(f"{section}: expected classes, the number of {name} values")
    classes = DomainClasses(
        values["classes"],
        rows=values.get("rows"),
        groups=values["groups"] if scope == "per_language" else None,
    )
    rest = {
        key: value
        for key, value in values.items()
        if key not in ("classes", "rows", "groups", "scope")
    }
    if "schedule" in rest:
        rest["schedule"] = made(f"{section}.schedule", WeightSchedule, rest["schedule"])
    options: DomainOptions = made(section, partial(DomainOptions, classes), rest)
    return options
