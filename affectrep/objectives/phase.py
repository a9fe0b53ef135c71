"""The protocol between an objective and the trainer: a step is a list of phases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from affectrep.batch import Batch, Output

__all__ = ["Carry", "HeldOut", "Objective", "Phase", "PhaseResult", "Remarks", "Targets", "Term"]
__all__ += ["WatchesHeldOut"]

Carry = dict[str, Any]


@dataclass(frozen=True)
class Term:
    """One part of a phase's loss.

    ``value`` is a mean over ``count`` items. The trainer needs the count to put micro-batches
    and processes of unequal size together exactly: the gradient of the step is that of
    ``weight * sum(value * count) / sum(count)``, sums over micro-batches and processes.

    Args:
        name: what is logged.
        value: scalar with its graph.
        count: items (rows, anchors, pairs) that the mean is over; 0 says "nothing to do here".
        weight: factor in the phase's loss.
    """

    name: str
    value: Tensor
    count: float
    weight: float = 1.0


@dataclass(frozen=True)
class PhaseResult:
    """What a phase returns: terms to minimise, numbers to log, values for later phases."""

    terms: Sequence[Term]
    logs: Mapping[str, float] = field(default_factory=dict)
    carry: Carry = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One update within a step.

    Args:
        name: logged with every number of the phase.
        loss: ``(output, batch, carry) -> PhaseResult``; always called on every process, also with
            no rows, so that a collective call inside it finds its partners.
        updates: players whose parameters move: "encoder", "heads" and those of the objective.
        optimizer: phases that name the same optimizer share its state.
        reads: the part of the output that the loss looks at; "features" makes the model keep them.
        rows: ``(batch, carry) -> mask (batch,)``; the loss sees only those rows.
        grad: False hands the loss detached values, and no gradient reaches the model.
        norm: "frozen" leaves the running statistics of normalisation layers as they are (the
            statistics of the batch are used all the same).
        span: "batch" says that rows depend on one another: micro-batches are then put together
            by gradient caching (Gao et al. 2021) instead of summed one by one.
        counts: ``batch -> {term: count}`` from labels and domains alone; makes accumulation of
            weighted means exact. Without it a micro-batch counts by its rows.
        same_pass: read the pass of the phases before it although one of them moves the model. All
            gradients of the pass are then taken before the first move: cheaper, and an
            approximation, as this phase's is of the model before that move.
        advice: what to change in the configuration should this phase's loss explode.
        largest_loss: a term beyond it, or below minus it, stops the run as having exploded.
    """

    name: str
    loss: Callable[[Output, Batch, Carry], PhaseResult]
    updates: tuple[str, ...] = ("encoder", "heads")
    optimizer: str = "main"
    reads: Literal["features", "embeddings", "projections", "predictions", "expressions"] = (
        "embeddings"
    )
    rows: Callable[[Batch, Carry], Tensor] | None = None
    grad: bool = True
    norm: Literal["train", "frozen"] = "train"
    span: Literal["rows", "batch"] = "rows"
    counts: Callable[[Batch], Mapping[str, float]] | None = None
    same_pass: bool = False
    advice: str = ""
    largest_loss: float = 1e6

    def __post_init__(self) -> None:
        model_players = {"encoder", "heads"} & set(self.updates)
        if not self.updates:
            raise ValueError(f"phase {self.name}: expected at least one player in updates")
        if not self.grad and model_players:
            raise ValueError(
                f"phase {self.name}: grad=False reads detached values, so it cannot update "
                f"{', '.join(sorted(model_players))}"
            )


@dataclass(frozen=True)
class Targets:
    """What an objective needs to know of a row: its labels' kind and its domains."""

    labels: Literal["classes", "multilabel", "continuous", "any"] = "any"
    domains: tuple[str, ...] = ()


class Objective(Protocol):
    """A module with phases. Everything that must survive a restart is in its ``state_dict``."""

    targets: Targets

    def phases(self) -> Sequence[Phase]:
        """Return the phases of a step, in order."""

    def players(self) -> Mapping[str, nn.Module]:
        """Return the objective's own players (critic, discriminator, ...), by name."""

    def sampling_hint(self) -> Mapping[str, Tensor]:
        """Return plain tensors for the sampler, such as confusable class pairs."""

    def findings(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return tables of what training showed: name -> column -> values ``(rows,)``.

        A column whose name begins with "class" holds classes; one named "row" holds numbers of
        row ids, see :func:`~affectrep.objectives.pair_history.row_numbers`.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a restart."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Go on from a saved state."""

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1], before a step."""


class HeldOut(Protocol):
    """Looks at the validation split, batch by batch, and has numbers for the log at its end."""

    def add(self, output: Output, labels: Tensor) -> None:
        """Take note of a batch; the model is in evaluation mode and nothing has a graph."""

    def numbers(self) -> Mapping[str, float]:
        """Return what is logged under the phase "validation"; empty where there is nothing."""


@runtime_checkable
class WatchesHeldOut(Protocol):
    """An objective that also looks at rows it does not learn from, once an epoch."""

    def held_out(self) -> HeldOut:
        """Return a fresh look; it must draw no random number and leave every state alone."""


@runtime_checkable
class Remarks(Protocol):
    """An objective that has something to say of how training went."""

    def remarks(self) -> Sequence[str]:
        """Return sentences to keep with the run; they follow from its state, so resuming is safe.

        The user has been told already, by a warning when it happened.
        """
