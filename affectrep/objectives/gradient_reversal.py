"""Gradient reversal: identity forwards, the gradient times a negative number backwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

__all__ = [
    "GradientReversal",
    "ReversalSchedule",
    "ganin_lambda",
    "ganin_learning_rate",
    "reverse_gradient",
]


def reverse_gradient(values: Tensor, coefficient: float = 1.0) -> Tensor:
    """Return ``values`` unchanged; their gradient is ``-coefficient`` times the one from above.

    Only what lies below is reversed: a head on top of it learns from the plain gradient.

    Args:
        values: any shape.
        coefficient: >= 0; 0 lets no gradient through.

    Raises:
        ValueError: if the coefficient is negative or not finite.

    Source: Ganin and Lempitsky 2015, Unsupervised Domain Adaptation by Backpropagation,
    section 3.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> (3 * reverse_gradient(x, 0.5)).sum().backward()
        >>> x.grad.tolist()
        [-1.5, -1.5]
    """
    if not (math.isfinite(coefficient) and coefficient >= 0):
        raise ValueError(f"expected a finite coefficient of at least 0, got {coefficient}")
    return cast(Tensor, _Reverse.apply(values, coefficient))  # type: ignore[no-untyped-call]


def ganin_lambda(done: float, *, gamma: float = 10.0) -> float:
    """Return ``2 / (1 + exp(-gamma done)) - 1``: 0 at the start of training, near 1 at its end.

    ``gamma`` = 1 (the default of thuml's tllib) is another curve, which ends at 0.46.

    Args:
        done: share of training done, in [0, 1].
        gamma: steepness, > 0.

    Raises:
        ValueError: if a number is out of its range.

    Source: Ganin et al. 2016, Domain-Adversarial Training of Neural Networks, section 5.2.2.

    Example:
        >>> [round(ganin_lambda(done), 4) for done in (0.0, 0.1, 1.0)]
        [0.0, 0.4621, 0.9999]
    """
    _check_share("done", done)
    _check_positive("gamma", gamma)
    return math.tanh(gamma * done / 2)  # the same function, without overflow


def ganin_learning_rate(done: float, *, alpha: float = 10.0, beta: float = 0.75) -> float:
    """Return ``(1 + alpha done)^-beta``, the factor on the learning rate that goes with it.

    Args:
        done: share of training done, in [0, 1].
        alpha: speed of the decay, > 0.
        beta: exponent, > 0.

    Raises:
        ValueError: if a number is out of its range.

    Source: Ganin et al. 2016, section 5.2.2.

    Example:
        >>> round(ganin_learning_rate(0.1), 6)
        0.594604
    """
    _check_share("done", done)
    _check_positive("alpha", alpha)
    _check_positive("beta", beta)
    return float((1 + alpha * done) ** -beta)


@dataclass(frozen=True)
class ReversalSchedule:
    """How strong the reversal is along training, from 0 to 1.

    Args:
        kind: "ganin"; "constant", always 1; "warmup", 0 until ``start``, then linear to 1 at
            ``end``, 1 after that.
        gamma: steepness of "ganin", > 0.
        start: share of training, in [0, 1], for "warmup".
        end: share of training, in [start, 1], for "warmup"; equal to ``start`` it is a step.

    Raises:
        ValueError: if a number is out of its range or the kind is unknown.

    Example:
        >>> ReversalSchedule("warmup", start=0.0, end=0.5).at(0.25)
        0.5
    """

    kind: Literal["ganin", "constant", "warmup"] = "ganin"
    gamma: float = 10.0
    start: float = 0.0
    end: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in ("ganin", "constant", "warmup"):
            raise ValueError(f"expected ganin, constant or warmup, got {self.kind!r}")
        _check_positive("gamma", self.gamma)
        _check_share("start", self.start)
        _check_share("end", self.end)
        if self.kind == "warmup" and self.start > self.end:
            raise ValueError(f"expected start <= end, got {self.start} and {self.end}")

    def at(self, done: float) -> float:
        """Return the coefficient when a share ``done`` of training, in [0, 1], is over."""
        _check_share("done", done)
        if self.kind == "ganin":
            return ganin_lambda(done, gamma=self.gamma)
        if self.kind == "constant" or done >= self.end:
            return 1.0
        if done <= self.start:
            return 0.0
        return (done - self.start) / (self.end - self.start)


class GradientReversal(nn.Module):
    """Reversal with a schedule by the progress of training, which is kept in ``state_dict``.

    Use it below a head that must not be able to solve its task (speaker, corpus), and call
    ``progress`` before each step. The reversed cross-entropy has no bound: where the head ends up
    confidently wrong, use the bounded modes of :class:`DomainAdversary`.

    Args:
        weight: factor on the schedule, >= 0.
        schedule: Ganin's by default.

    Raises:
        ValueError: if the weight is negative or not finite.

    Example:
        >>> reversal = GradientReversal(weight=0.3)
        >>> reversal.progress(0.5)
        >>> round(reversal.coefficient, 4), list(reversal.state_dict())
        (0.296, ['done'])
    """

    done: Tensor

    def __init__(self, *, weight: float = 1.0, schedule: ReversalSchedule | None = None) -> None:
        super().__init__()
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"expected a finite weight of at least 0, got {weight}")
        self.weight = weight
        self.schedule = schedule or ReversalSchedule()
        self.register_buffer("done", torch.tensor(0.0))

    @property
    def coefficient(self) -> float:
        """The present factor on the reversed gradient."""
        return self.weight * self.schedule.at(min(1.0, float(self.done)))

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1]."""
        _check_share("done", done)
        self.done.fill_(done)

    def forward(self, values: Tensor) -> Tensor:
        """Return ``values``, any shape, with their gradient reversed."""
        return reverse_gradient(values, self.coefficient)


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, coefficient: float) -> Tensor:
        ctx.coefficient = coefficient
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.coefficient * grads[0], None


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"expected {name} in [0, 1], got {value}")


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"expected a finite {name} above 0, got {value}")
