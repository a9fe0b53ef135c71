"""Players that know a domain (speaker, corpus) by the embedding, and how the model hides it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from affectrep.batch import Output
from affectrep.objectives.cdan import conditioned_embeddings
from affectrep.objectives.domain_adversary import (
    DomainClasses,
    class_balanced_weights,
    domain_cross_entropy_loss,
)
from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss
from affectrep.objectives.gather import gather_rows
from affectrep.objectives.gradient_reversal import reverse_gradient
from affectrep.objectives.phase import PhaseResult, Term
from affectrep.objectives.wasserstein_critic import WassersteinCritic, wasserstein_critic_loss
from affectrep.objectives.weight_schedule import WeightSchedule

__all__ = ["DomainCriticTerm", "DomainHeadTerm", "DomainOptions"]

METHODS = ("reversal", "gate", "cdan", "confusion", "entropy", "wasserstein")
ONE_PHASE = ("reversal", "gate", "cdan")


@dataclass(frozen=True)
class DomainOptions:
    """How one domain is hidden.

    Args:
        classes: what is told apart; with groups (language of each speaker) the scope is per
            group, without it is global; with rows the classes weigh alike.
        method: "reversal" of the gradient; "gate", the same while the head is better than chance;
            "cdan", the same on embeddings times predicted shares; "confusion" or "entropy", a
            bounded loss through the frozen head; "wasserstein", a critic of two domains.
        weight: beta, peak factor on what the model receives, >= 0; 0 only watches.
        schedule: lambda(p), factor on it along training.
        hidden: width of the hidden layer; 0 makes a head linear.
        dropout: in a head, in [0, 1).
        critic_steps: steps of the critic for each of the model, "wasserstein" only.

    Raises:
        ValueError: if the method is unknown, a number is out of range, or the critic has not
            two domains.

    Example:
        >>> DomainOptions(DomainClasses(24)).method
        'reversal'
    """

    classes: DomainClasses
    method: Literal["reversal", "gate", "cdan", "confusion", "entropy", "wasserstein"] = "reversal"
    weight: float = 0.3
    schedule: WeightSchedule = field(default_factory=lambda: WeightSchedule("ganin"))
    hidden: int = 256
    dropout: float = 0.1
    critic_steps: int = 5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"expected one of {', '.join(METHODS)} as method, got {self.method!r}")
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(f"expected a finite weight of at least 0, got {self.weight}")
        if self.hidden < 0 or not 0 <= self.dropout < 1 or self.critic_steps < 1:
            raise ValueError(
                f"expected hidden >= 0, dropout in [0, 1) and critic_steps >= 1, got "
                f"{self.hidden}, {self.dropout} and {self.critic_steps}"
            )
        if self.method == "wasserstein" and (
            self.classes.count != 2 or self.classes.groups is not None
        ):
            raise ValueError(
                f"expected two domains without groups for wasserstein, got {self.classes.count}"
                f"{'' if self.classes.groups is None else ' with groups'}"
            )


class DomainHeadTerm(nn.Module):
    """A head dim-hidden-S, its cross-entropy, and the term that hides the domain from it.

    The head always learns at full weight; the model receives ``coefficient`` times the term that
    hides: minus the head's own gradient in the one-phase methods, a bounded loss otherwise.
    Values and counts are exact over processes: a mean per group is taken over all processes.

    Args:
        name: logged name.
        dim: dimension of the embeddings.
        options: classes, method and head.
        outputs: number of predicted classes, for "cdan".

    Raises:
        ValueError: if a dimension is missing or below 1.

    Source: Ganin et al. 2016, Domain-Adversarial Training of Neural Networks, Eq. 9; Long et al.
    2018, CDAN, Eq. 3; Tzeng et al. 2015, Simultaneous Deep Transfer, Eq. 3.

    Example:
        >>> term = DomainHeadTerm("speaker", 4, DomainOptions(DomainClasses(3), "confusion"))
        >>> output, speakers = Output(torch.randn(2, 4), torch.zeros(2, 2)), torch.tensor([2, -1])
        >>> [part.count for part in term.learn(output, speakers).terms]
        [1.0]
    """

    class_weights: Tensor | None
    class_groups: Tensor | None

    def __init__(
        self, name: str, dim: int, options: DomainOptions, *, outputs: int | None = None
    ) -> None:
        super().__init__()
        conditional = options.method == "cdan"
        if dim < 1 or (conditional and (outputs is None or outputs < 1)):
            raise ValueError(f"{name}: expected dim and outputs of 1 or more, got {dim}, {outputs}")
        self.name, self.options, classes = name, options, options.classes
        width = dim * (outputs or 1) if conditional else dim
        self.head: nn.Module = nn.Linear(width, classes.count)
        if options.hidden:
            first, last = nn.Linear(width, options.hidden), nn.Linear(options.hidden, classes.count)
            self.head = nn.Sequential(first, nn.ReLU(), nn.Dropout(options.dropout), last)
        rows, groups = classes.rows, classes.groups
        weights = None if rows is None else class_balanced_weights(torch.tensor(list(rows)))
        self.register_buffer("class_weights", weights)
        owner = None if groups is None else torch.tensor(list(groups))
        self.register_buffer("class_groups", owner)
        self.by_group = groups is not None and classes.average == "groups"
        self.in_main = options.method in ONE_PHASE
        self.own_phases = () if self.in_main else (f"{name}_head",)
        self.span: Literal["rows", "batch"] = (
            "batch" if self.by_group or options.method == "gate" else "rows"
        )

    def learn(self, output: Output, labels: Tensor) -> PhaseResult:
        """Return the head's cross-entropy, for the phase of its own."""
        return self._told_apart(self.head(self._inputs(output)), labels)

    def hide(self, output: Output, labels: Tensor, coefficient: float) -> PhaseResult:
        """Return what the main phase minimises; ``labels`` (batch,), -1 unknown."""
        values = self._inputs(output)
        if self.in_main:
            if self.options.method == "gate" and not self._better_than_chance(values, labels):
                coefficient = 0.0
            return self._told_apart(self.head(reverse_gradient(values, coefficient)), labels)
        if coefficient == 0:
            return PhaseResult([])
        kept = self._weights(labels) > 0
        logits, name = self.head(values), f"{self.name}_{self.options.method}"
        if not len(labels):
            return PhaseResult([Term(name, logits.sum() * 0.0, 0.0, coefficient)])
        confused = self.options.method == "confusion"
        loss = domain_confusion_loss if confused else domain_entropy_loss
        value = loss(logits, allowed=self._rivals(labels) & kept[:, None])
        return PhaseResult([Term(name, value, float(kept.sum()), coefficient)])

    def learn_counts(self, labels: Tensor) -> dict[str, float]:
        """Return the weight of the rows that the head's mean is over."""
        return {self.name: float(self._weights(labels).sum())}

    def hide_counts(self, labels: Tensor) -> dict[str, float]:
        """Return what the means of the main phase are over."""
        if self.in_main:
            return self.learn_counts(labels)
        kept = self._weights(labels) > 0
        return {f"{self.name}_{self.options.method}": float(kept.sum())}

    def _inputs(self, output: Output) -> Tensor:
        values = output.embeddings
        if self.options.method == "cdan":
            values = conditioned_embeddings(values, output.predictions)
        return values.to(next(self.head.parameters()).dtype)

    def _told_apart(self, logits: Tensor, labels: Tensor) -> PhaseResult:
        value, count = self._cross_entropy(logits, labels)
        kept = self._weights(labels) > 0
        logs = {}
        if kept.any():
            rivals = self._rivals(labels)
            found = logits.detach().masked_fill(~rivals, -math.inf).argmax(dim=1)
            logs[f"{self.name}_accuracy"] = float((found == labels)[kept].double().mean())
            # of an even guess among the classes that a row is told apart from
            logs[f"{self.name}_chance"] = float((1 / rivals.sum(dim=1).double())[kept].mean())
        return PhaseResult([Term(self.name, value, count)], logs)

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, float]:
        """Return this process's share of the mean over all processes, and how much it counts."""
        weights = self._weights(labels)
        if not self.by_group or self.class_groups is None:
            return self._mean(logits, labels), float(weights.sum())
        # each group counts 1/groups, whatever process its rows are on; in float64 on the CPU
        everyone = torch.cat(gather_rows(labels))
        owner, weights = self._owner(labels), weights.cpu().double()
        totals = torch.zeros(int(self.class_groups.max()) + 1, dtype=torch.float64)
        totals.index_add_(0, self._owner(everyone).cpu(), self._weights(everyone).cpu().double())
        value, count = logits.sum() * 0.0, 0.0
        for group in torch.unique(owner[self._weights(labels) > 0]).tolist():
            mine = owner == group
            mass = float(weights[mine.cpu()].sum() / totals[group] / (totals > 0).sum())
            value = value + mass * self._mean(logits, labels.where(mine, -1))
            count += mass
        return (value / count if count else value), count

    def _mean(self, logits: Tensor, labels: Tensor) -> Tensor:
        if not len(labels):
            return logits.sum() * 0.0
        return domain_cross_entropy_loss(
            logits,
            labels,
            class_weights=self.class_weights,
            class_groups=self.class_groups,
            average=self.options.classes.average,
        )

    @torch.no_grad()
    def _better_than_chance(self, values: Tensor, labels: Tensor) -> bool:
        logits = self.head(values)
        (own, count), (chance, _) = (
            self._cross_entropy(scores, labels) for scores in (logits, torch.zeros_like(logits))
        )
        sums = torch.stack([own * count, chance * count])[None]
        own, chance = torch.cat(gather_rows(sums)).sum(dim=0)
        return bool(own <= chance)

    def _weights(self, labels: Tensor) -> Tensor:
        """Return each row's weight in its mean, ``(batch,)``; 0 leaves it out."""
        classes = self.options.classes.count
        if labels.ndim != 1 or bool(((labels < -1) | (labels >= classes)).any()):
            raise ValueError(f"{self.name}: expected (batch,) labels in -1...{classes - 1}")
        known, index = labels >= 0, labels.clamp(min=0)
        weights = torch.ones_like(labels, dtype=torch.float32)
        if self.class_weights is not None:
            weights = self.class_weights[index]
        if self.class_groups is not None:
            known = known & (self.class_groups[index] >= 0)
            if self.by_group:
                sizes = (self.class_groups[:, None] == self.class_groups).sum(dim=1)
                known = known & (sizes[index] >= 2)
        return weights * known

    def _owner(self, labels: Tensor) -> Tensor:
        groups = self.class_groups
        return labels if groups is None else groups[labels.clamp(min=0)].clamp(min=0)

    def _rivals(self, labels: Tensor) -> Tensor:
        """Say which classes a row is told apart from, ``(batch, classes)``."""
        groups = self.class_groups
        if groups is None:
            return labels.new_ones(len(labels), self.options.classes.count, dtype=torch.bool)
        return groups[labels.clamp(min=0)][:, None] == groups


class DomainCriticTerm(nn.Module):
    """A Wasserstein critic of two domains, some steps of its own, then the model against it.

    The critic learns on the rows of all processes with random points that a counter in the state
    seeds, so that a restart and another number of processes draw the same ones.

    Args:
        name: logged name.
        dim: dimension of the embeddings.
        options: two classes (0 the source, 1 the target), steps, width.

    Source: Shen et al. 2018, Wasserstein Distance Guided Representation Learning, Algorithm 1.

    Example:
        >>> options = DomainOptions(DomainClasses(2), "wasserstein", critic_steps=2)
        >>> DomainCriticTerm("corpus", 4, options).own_phases
        ('corpus_critic_1', 'corpus_critic_2')
    """

    draws: Tensor
    in_main = False
    span: Literal["rows", "batch"] = "batch"

    def __init__(self, name: str, dim: int, options: DomainOptions) -> None:
        super().__init__()
        self.name, self.options = name, options
        self.critic = WassersteinCritic(dim, hidden=options.hidden)
        self.register_buffer("draws", torch.tensor(0))
        self.own_phases = tuple(f"{name}_critic_{i + 1}" for i in range(options.critic_steps))

    def learn(self, output: Output, labels: Tensor) -> PhaseResult:
        """Return the critic's loss on the rows of all processes, for a phase of its own."""
        self._check(output, labels)
        values = output.embeddings.detach().to(next(self.critic.parameters()).dtype)
        points = torch.cat(gather_rows(values))
        everyone = torch.cat(gather_rows(labels))
        source, target = points[everyone == 0], points[everyone == 1]
        if not (len(source) and len(target)):
            return PhaseResult([Term(self.name, points.sum() * 0.0, 0.0)])
        self.draws += 1
        generator = torch.Generator().manual_seed(int(self.draws))
        loss = wasserstein_critic_loss(
            self.critic, source, target, penalty=self.critic.penalty, generator=generator
        )
        return PhaseResult([Term(self.name, loss, 1.0)])

    def hide(self, output: Output, labels: Tensor, coefficient: float) -> PhaseResult:
        """Return the distance that the main phase makes small; ``labels`` (batch,), -1 unknown."""
        if coefficient == 0:
            return PhaseResult([])
        self._check(output, labels)
        scores = self.critic(output.embeddings.to(next(self.critic.parameters()).dtype))
        everyone = torch.cat(gather_rows(labels))
        value, mass = scores.sum() * 0.0, 0.0
        totals = [int((everyone == side).sum()) for side in (0, 1)]
        if min(totals) > 0:
            for side, sign in ((0, 1.0), (1, -1.0)):
                mine = labels == side
                value = value + sign * scores[mine].sum() / totals[side]
                mass += float(mine.sum()) / totals[side]
        # the masses of all processes add up to 2: their weighted mean is the whole distance
        value = 2.0 * value / mass if mass else value
        return PhaseResult([Term(f"{self.name}_wasserstein", value, mass, coefficient)])

    def learn_counts(self, labels: Tensor) -> dict[str, float]:
        """Return nothing: micro-batches are put together before the critic sees them."""
        return {}

    def hide_counts(self, labels: Tensor) -> dict[str, float]:
        """Return nothing, as above."""
        return {}

    def _check(self, output: Output, labels: Tensor) -> None:
        if labels.shape != (len(output),):
            raise ValueError(
                f"{self.name}: expected labels ({len(output)},), got {tuple(labels.shape)}"
            )
