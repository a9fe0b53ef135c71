"""The steps of contrastive adversarial learning: how often, in which order, on which pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["CAFSteps"]

ORDERS = ("critic_first", "main_first", "joint")


@dataclass(frozen=True)
class CAFSteps:
    """How often, in which order and with which optimizers the players move.

    Args:
        order: "critic_first" (critic, adversarial, main: the paper) | "main_first" (the released
            code) | "joint": the adversarial loss is a term of the main phase, so the encoder moves
            once, by the sum, and its weight counts as Adam sees both in one gradient.
        shared_adam: the adversarial step shares the optimizer, and so the moments, of the main
            step (the released code). The encoder then goes on with the task's momentum in the
            adversarial step, which acts like a larger learning rate: compare with a regression
            that has one. False gives it one of its own, with a smaller learning rate: Adam does
            not see the scale of a loss.
        shared_pass: adversarial and main step take their gradients on one pass, before either
            moves. A step then costs a third less; the second gradient is of the encoder as it was
            before the first move, an approximation.
        critic_steps: of the critic for each step of the encoder (Fisher's paper: 5).
        adversarial_weight: of the encoder's adversarial loss; 0 leaves its phase out.
        adversary_from: share of training after which the encoder is moved against the critic,
            which learns from the first step on.
        check_every: steps between two baselines under shuffled groups.
        patience: steps for which the critic's outputs must coincide before a warning is given.

    Raises:
        ValueError: if the order is unknown or a number is out of range.

    Example:
        >>> CAFSteps(order="joint").shared_pass
        False
    """

    order: Literal["critic_first", "main_first", "joint"] = "critic_first"
    shared_adam: bool = False
    shared_pass: bool = False
    critic_steps: int = 1
    adversarial_weight: float = 1.0
    adversary_from: float = 0.0
    check_every: int = 50
    patience: int = 100

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"expected order {', '.join(ORDERS)}, got {self.order!r}")
        if self.order == "joint" and (self.shared_adam or self.shared_pass):
            raise ValueError(
                "expected neither shared_adam nor shared_pass with order joint, which has one "
                "optimizer and one pass in any case"
            )
        if self.critic_steps < 1:
            raise ValueError(f"expected critic_steps of at least 1, got {self.critic_steps}")
        if not 0 <= self.adversarial_weight < math.inf:
            raise ValueError(
                f"expected a finite adversarial_weight of at least 0, got {self.adversarial_weight}"
            )
        if not 0 <= self.adversary_from < 1:
            raise ValueError(
                f"expected adversary_from of at least 0 and below 1, got {self.adversary_from}"
            )
