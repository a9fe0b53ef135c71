"""How the weight of a term moves along training, as a factor between 0 and 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from affectrep.objectives.gradient_reversal import ganin_lambda

__all__ = ["WeightSchedule"]


@dataclass(frozen=True)
class WeightSchedule:
    """A factor on a term's weight by the share of training done; 0 until ``start``.

    Use a later ``start`` to let the task alone shape the representation first. For the reversal
    of a head outside an objective there is :class:`ReversalSchedule`, whose Ganin curve always
    begins with training.

    Args:
        kind: "constant", 1 from ``start`` on; "linear", from 0 at ``start`` to 1 at ``end``;
            "ganin", ``2 / (1 + exp(-gamma p)) - 1`` with p the share of what follows ``start``.
        start: share of training, in [0, 1].
        end: share of training, in [start, 1], for "linear"; equal to ``start`` it is a step.
        gamma: steepness of "ganin", > 0.

    Raises:
        ValueError: if the kind is unknown or a number is out of its range.

    Source: Ganin et al. 2016, Domain-Adversarial Training of Neural Networks, section 5.2.2.

    Example:
        >>> ramp = WeightSchedule("linear", start=0.2, end=0.6)
        >>> [round(ramp.at(done), 2) for done in (0.0, 0.2, 0.3, 0.6, 1.0)]
        [0.0, 0.0, 0.25, 1.0, 1.0]
        >>> round(WeightSchedule("ganin", start=0.5).at(0.55), 4)  # a tenth of the rest
        0.4621
    """

    kind: Literal["constant", "linear", "ganin"] = "constant"
    start: float = 0.0
    end: float = 1.0
    gamma: float = 10.0

    def __post_init__(self) -> None:
        if self.kind not in ("constant", "linear", "ganin"):
            raise ValueError(f"expected constant, linear or ganin, got {self.kind!r}")
        _check_share("start", self.start)
        _check_share("end", self.end)
        if self.kind == "linear" and self.start > self.end:
            raise ValueError(f"expected start <= end, got {self.start} and {self.end}")
        if not (math.isfinite(self.gamma) and self.gamma > 0):
            raise ValueError(f"expected a finite gamma above 0, got {self.gamma}")

    @property
    def moves(self) -> bool:
        """Whether the factor depends on the progress of training at all."""
        return self.kind != "constant" or self.start > 0

    def at(self, done: float) -> float:
        """Return the factor when a share ``done`` of training, in [0, 1], is over."""
        _check_share("done", done)
        if self.kind == "constant":
            return float(done >= self.start)
        if self.kind == "linear" and done >= self.end:
            return 1.0
        if done <= self.start:
            return 0.0
        if self.kind == "linear":
            return (done - self.start) / (self.end - self.start)
        return ganin_lambda((done - self.start) / (1 - self.start), gamma=self.gamma)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"expected {name} in [0, 1], got {value}")
