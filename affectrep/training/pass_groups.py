"""Which phases of a step can share one pass through the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from affectrep.objectives.phase import Phase

__all__ = ["PassGroup", "pass_groups"]


@dataclass(frozen=True)
class PassGroup:
    """Consecutive phases that share one pass.

    Either no phase but the last moves the model, or those that do wait until the gradients of all
    are there, as there is no way back over a pass whose weights have moved.
    """

    phases: tuple[Phase, ...]

    @property
    def norm(self) -> Literal["train", "frozen"]:
        """How normalisation layers treat the pass that all phases share."""
        return "train" if any(phase.norm == "train" for phase in self.phases) else "frozen"

    @property
    def grad(self) -> bool:
        """Whether any phase needs the graph of the pass."""
        return any(phase.grad for phase in self.phases)

    def waits(self, phase: Phase) -> bool:
        """Whether the phase moves its players only at the end of the group."""
        return _moves_model(phase) and sum(map(_moves_model, self.phases)) > 1

    def norm_of(self, phase: Phase) -> Literal["train", "frozen"]:
        """How the pass is made where each phase has one of its own: statistics move once."""
        last = [one for one in self.phases if one.grad] or self.phases
        return self.norm if phase is last[-1] else "frozen"


def pass_groups(phases: Sequence[Phase]) -> list[PassGroup]:
    """Return the phases in order, put together where one pass serves them.

    Example:
        >>> one = Phase("adversarial", lambda output, batch, carry: None, updates=("encoder",))
        >>> two = Phase("main", lambda output, batch, carry: None)
        >>> [len(group.phases) for group in pass_groups([one, two])]
        [1, 1]
    """
    groups: list[list[Phase]] = [[]]
    for phase in phases:
        if any(map(_moves_model, groups[-1])) and not phase.same_pass:
            groups.append([])
        groups[-1].append(phase)
    return [PassGroup(tuple(group)) for group in groups if group]


def _moves_model(phase: Phase) -> bool:
    return bool({"encoder", "heads"} & set(phase.updates))
