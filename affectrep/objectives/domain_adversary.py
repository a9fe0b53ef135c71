"""A head that tells domains (speakers, corpora) apart, and ways to work against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss
from affectrep.objectives.gradient_reversal import (
    GradientReversal,
    ReversalSchedule,
    reverse_gradient,
)

__all__ = [
    "Adversary",
    "DomainAdversary",
    "DomainClasses",
    "class_balanced_weights",
    "domain_cross_entropy_loss",
]


def class_balanced_weights(counts: Tensor) -> Tensor:
    """Return weights ``total / (present * count)``: classes count alike, the mean row weighs 1.

    Args:
        counts: ``(classes,)`` rows of each class in training; a class without rows weighs 0.

    Raises:
        ValueError: if there is no row at all or a count is negative.

    Example:
        >>> class_balanced_weights(torch.tensor([6, 2, 0])).tolist()
        [0.6666666865348816, 2.0, 0.0]
    """
    if counts.ndim != 1 or bool((counts < 0).any()) or not bool((counts > 0).any()):
        raise ValueError(f"expected (classes,) counts with a row among them, got {counts.tolist()}")
    counts = _at_least_float32(counts)
    present = counts > 0
    balanced = counts.sum() / (present.sum() * counts.clamp(min=1))
    return balanced * present


def domain_cross_entropy_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    class_weights: Tensor | None = None,
    class_groups: Tensor | None = None,
    average: Literal["groups", "rows"] = "groups",
) -> Tensor:
    """Cross-entropy over known domains, in nats; unknown ones (-1) are left out of the mean.

    Without ``class_groups`` the scope is global: one softmax over all classes, which an adversary
    of speakers solves in part from language or channel alone. With them it is per domain: a row is
    told apart from the classes of its own group only (others have logit -inf). Without a row in
    the mean the loss is zero with a live graph.

    Args:
        logits: ``(batch, classes)``, taken in float32 at least.
        labels: ``(batch,)`` int64, -1 where unknown.
        class_weights: ``(classes,)`` >= 0; the mean is weighted by them.
        class_groups: ``(classes,)`` int64, the group (language) of each class (speaker), -1 where
            unknown (left out).
        average: "groups" takes the mean within a group, then over groups, and skips groups with
            fewer than two classes; "rows" the mean over rows, where such a group counts as zero.

    Raises:
        ValueError: if shapes do not fit, there are no rows, or a label is out of range.

    Source: Ganin et al. 2016, Domain-Adversarial Training of Neural Networks, Eq. 9 (the loss of
    the domain head); the scope per language is this project's.

    Example:
        >>> logits, speakers = torch.zeros(3, 5), torch.tensor([0, 4, -1])
        >>> round(domain_cross_entropy_loss(logits, speakers).item(), 4)  # log 5
        1.6094
        >>> language = torch.tensor([0, 0, 1, 1, 1])  # (log 2 + log 3) / 2
        >>> round(domain_cross_entropy_loss(logits, speakers, class_groups=language).item(), 4)
        0.8959
    """
    _check(logits, labels, class_weights, class_groups, average)
    weights, groups = _shares(labels, class_weights, class_groups, average)
    kept = weights > 0
    rows, targets, weights = _at_least_float32(logits)[kept], labels[kept], weights[kept]
    if class_groups is not None:
        owner = class_groups.to(labels.device)
        rows = rows.masked_fill(owner[targets][:, None] != owner, -math.inf)
    losses = functional.cross_entropy(rows, targets, reduction="none")
    found, index = torch.unique(groups[kept], return_inverse=True)
    weights = weights.to(losses.dtype)
    zeros = losses.new_zeros(len(found))
    total = zeros.index_add(0, index, weights * losses)
    return (total / zeros.index_add(0, index, weights)).sum() / max(1, len(found))


@dataclass(frozen=True)
class DomainClasses:
    """What the head tells apart; plain values, so that a configuration can hold them.

    Args:
        count: number of classes S (speakers of the training corpora).
        rows: rows of each class in training, for balanced weights; None weighs rows alike.
        groups: group (language) of each class for the scope per domain; None is global.
        average: see :func:`domain_cross_entropy_loss`.
    """

    count: int
    rows: Sequence[int] | None = None
    groups: Sequence[int] | None = None
    average: Literal["groups", "rows"] = "groups"

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"expected at least one class, got {self.count}")
        for name, values in (("rows", self.rows), ("groups", self.groups)):
            if values is not None and len(values) != self.count:
                raise ValueError(f"expected {self.count} {name}, one a class, got {len(values)}")


@dataclass(frozen=True)
class Adversary:
    """How the encoder works against the head.

    Args:
        mode: "reversal"; "gated", reversal that pauses while the head is worse than chance
            (cross-entropy above log S); "confusion" or "entropy", a bounded loss through the
            frozen head.
        weight: beta, factor on the encoder's part, >= 0.
        schedule: factor on it by the progress of training; Ganin's by default.
        scale_head: True puts beta on the whole loss, head and encoder (the literal reading,
            ``beta * L_spk`` above a reversal of the schedule alone); the encoder's gradient is
            the same. For "reversal" and "gated".
    """

    mode: Literal["reversal", "gated", "confusion", "entropy"] = "reversal"
    weight: float = 0.3
    schedule: ReversalSchedule = field(default_factory=ReversalSchedule)
    scale_head: bool = False

    def __post_init__(self) -> None:
        if self.mode not in ("reversal", "gated", "confusion", "entropy"):
            raise ValueError(
                f"expected reversal, gated, confusion or entropy as mode, got {self.mode!r}"
            )
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(f"expected a finite weight of at least 0, got {self.weight}")
        if self.scale_head and self.mode not in ("reversal", "gated"):
            raise ValueError(f"expected scale_head with reversal or gated, got mode {self.mode!r}")


class DomainAdversary(nn.Module):
    """A head dim-hidden-S that learns the domain while the encoder below learns to hide it.

    One loss serves both: the head gets the full gradient of its cross-entropy, the encoder
    ``-beta lambda(p)`` times it (or that of a bounded loss). The accuracy of this head is no
    measure of leakage; a fresh probe on frozen embeddings is. Call ``progress`` before each step.

    Args:
        dim: dimension of the embeddings.
        classes: what the head tells apart.
        adversary: how the encoder works against it.
        hidden: width of the hidden layer; 0 makes the head linear.
        dropout: in the head, in [0, 1).

    Raises:
        ValueError: if a number is out of its range.

    Source: Ganin et al. 2016, Domain-Adversarial Training of Neural Networks, Eq. 9.

    Example:
        >>> adversary = DomainAdversary(8, DomainClasses(3), hidden=16)
        >>> adversary.progress(0.5)
        >>> loss = adversary(torch.randn(4, 8), torch.tensor([0, 2, 1, -1]))
        >>> loss.isfinite().item(), adversary.count(torch.tensor([0, 2, 1, -1]))
        (True, 3.0)
    """

    class_weights: Tensor | None
    class_groups: Tensor | None

    def __init__(
        self,
        dim: int,
        classes: DomainClasses,
        adversary: Adversary | None = None,
        *,
        hidden: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if dim < 1 or hidden < 0:
            raise ValueError(f"expected dim >= 1 and hidden >= 0, got {dim} and {hidden}")
        self.average = classes.average
        self.adversary = adversary or Adversary()
        scaled = self.adversary.scale_head
        self.reversal = GradientReversal(
            weight=1.0 if scaled else self.adversary.weight, schedule=self.adversary.schedule
        )
        rows, groups = classes.rows, classes.groups
        weights = None if rows is None else class_balanced_weights(torch.tensor(list(rows)))
        self.register_buffer("class_weights", weights)
        owner = None if groups is None else torch.tensor(list(groups))
        self.register_buffer("class_groups", owner)
        self.head: nn.Module = nn.Linear(dim, classes.count)
        if hidden:
            first, last = nn.Linear(dim, hidden), nn.Linear(hidden, classes.count)
            self.head = nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of ``(batch, dim)`` embeddings and ``(batch,)`` labels, -1 unknown."""
        if self.adversary.mode in ("confusion", "entropy"):
            head_loss = self._cross_entropy(self.head(embeddings.detach()), labels)
            return head_loss + self.reversal.coefficient * self._bounded(embeddings, labels)
        coefficient = self.reversal.coefficient
        if self.adversary.mode == "gated":
            head = self.diagnostics(embeddings, labels)
            coefficient *= head["cross_entropy"] <= head["chance"]
        loss = self._cross_entropy(self.head(reverse_gradient(embeddings, coefficient)), labels)
        return loss * self.adversary.weight if self.adversary.scale_head else loss

    def count(self, labels: Tensor) -> float:
        """Return what the mean is over: rows, their class weights, or groups."""
        weights, groups = _shares(labels, self.class_weights, self.class_groups, self.average)
        if self.class_groups is not None and self.average == "groups":
            return float(len(torch.unique(groups[weights > 0])))
        return float(weights.sum())

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1]."""
        self.reversal.progress(done)

    @torch.no_grad()
    def diagnostics(self, embeddings: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the head's cross-entropy and that of chance (all classes alike), in nats.

        A head at chance says nothing to the encoder; one above it is confidently wrong.
        """
        logits = self.head(embeddings)
        chance = self._cross_entropy(torch.zeros_like(logits), labels)
        own = self._cross_entropy(logits, labels)
        return {"cross_entropy": float(own), "chance": float(chance)}

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        return domain_cross_entropy_loss(
            logits,
            labels,
            class_weights=self.class_weights,
            class_groups=self.class_groups,
            average=self.average,
        )

    def _bounded(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        frozen = {name: value.detach() for name, value in self.head.named_parameters()}
        logits = cast(Tensor, functional_call(self.head, frozen, (embeddings,)))
        weights, _ = _shares(labels, self.class_weights, self.class_groups, self.average)
        allowed = (weights > 0)[:, None].expand(logits.shape)
        if self.class_groups is not None:
            owner = self.class_groups
            allowed = allowed & (owner[labels.clamp(min=0)][:, None] == owner)
        confused = self.adversary.mode == "confusion"
        return (domain_confusion_loss if confused else domain_entropy_loss)(logits, allowed=allowed)


def _shares(
    labels: Tensor, class_weights: Tensor | None, class_groups: Tensor | None, average: str
) -> tuple[Tensor, Tensor]:
    """Return each row's weight in its mean (0 leaves it out) and the mean it belongs to."""
    known, index = labels >= 0, labels.clamp(min=0)
    groups = torch.zeros_like(labels)
    weights = torch.ones_like(labels, dtype=torch.float32)
    if class_weights is not None:
        weights = class_weights.to(labels.device)[index]
    if class_groups is not None:
        owner = class_groups.to(labels.device)
        known = known & (owner[index] >= 0)
        if average == "groups":
            classes_of_group = (owner[:, None] == owner).sum(dim=1)
            known = known & (classes_of_group[index] >= 2)
            groups = owner[index]
    return weights * known, groups


def _check(
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    class_groups: Tensor | None,
    average: str,
) -> None:
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"expected logits (batch, classes) and labels (batch,), got "
            f"{(*logits.shape,)} and {(*labels.shape,)}"
        )
    if 0 in logits.shape:
        raise ValueError(f"expected at least one row and one class, got {(*logits.shape,)}")
    classes = logits.shape[1]
    for name, values in (("class_weights", class_weights), ("class_groups", class_groups)):
        if values is not None and values.shape != (classes,):
            raise ValueError(f"expected {name} ({classes},), got {(*values.shape,)}")
    low, high = int(labels.min()), int(labels.max())
    if low < -1 or high >= classes:
        raise ValueError(f"expected labels in -1...{classes - 1}, got {low}...{high}")
    if average not in ("groups", "rows"):
        raise ValueError(f"expected groups or rows as average, got {average!r}")


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
