"""Signs of life of a critic during training, and a warning when there are none."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from affectrep.objectives.contrastive_critic import critic_liveness
from affectrep.objectives.gather import process_rank

__all__ = ["CriticWatch"]

_WAKING = 5  # a new critic has this many times the patience to wake up


class CriticWatch(nn.Module):
    """Takes note of a critic's outputs in each step, and warns once when they coincide for long.

    A critic is dead once its outputs have an sd of at most .01 for ``patience`` steps on end, and
    until they have more. A new one may have to wake up: in the first steps, five times the
    patience, it lives as long as its sd is above half of the first one.

    A dead critic gives no NaN and a small loss; only its outputs tell. Give it the outputs from
    before the critic's update: of these rows the critic has learnt nothing yet in this epoch.

    Args:
        check_every: steps between two baselines under shuffled groups.
        patience: steps for which the outputs must coincide before the warning.

    Raises:
        ValueError: if a number is below 1.

    Example:
        >>> watch = CriticWatch()
        >>> numbers = watch(torch.ones(4, 2), -torch.ones(4, 2), lambda generator: 0.5)
        >>> numbers["auc"], numbers["permuted"]
        (1.0, 0.5)
    """

    seen: Tensor
    first: Tensor
    dead: Tensor
    spent: Tensor
    permuted: Tensor

    def __init__(self, *, check_every: int = 50, patience: int = 100) -> None:
        super().__init__()
        if check_every < 1 or patience < 1:
            raise ValueError(
                f"expected check_every and patience of at least 1, got {check_every} and {patience}"
            )
        self.check_every, self.patience = check_every, patience
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("first", torch.tensor(math.nan, dtype=torch.float64))
        self.register_buffer("dead", torch.zeros((), dtype=torch.int64))  # steps on end
        self.register_buffer("spent", torch.zeros((), dtype=torch.int64))  # in all, if for long
        self.register_buffer("permuted", torch.tensor(math.nan, dtype=torch.float64))

    @torch.no_grad()
    def forward(
        self, strong: Tensor, weak: Tensor, baseline: Callable[[torch.Generator], float]
    ) -> dict[str, float]:
        """Return numbers to log for critic outputs ``(strong, dim)`` and ``(weak, dim)``.

        Args:
            strong: of strong rows.
            weak: of weak rows.
            baseline: a figure under shuffled groups, or NaN; called now and then.
        """
        sign = critic_liveness(strong, weak)
        if self.training:
            if int(self.seen) % self.check_every == 0:
                # a generator of its own, so that no other random number depends on the baseline
                self.permuted.fill_(baseline(torch.Generator().manual_seed(int(self.seen))))
            if int(self.seen) == 0:
                self.first.fill_(sign.spread)
            self.seen += 1
            waking = int(self.seen) <= _WAKING * self.patience
            self._count(sign.alive or (waking and sign.spread > float(self.first) / 2))
        numbers = {"spread": sign.spread, "auc": sign.auc, "cross_distance": sign.cross_distance}
        numbers["dead"] = float(int(self.dead) >= self.patience)
        shuffled = float(self.permuted)
        return numbers if math.isnan(shuffled) else {**numbers, "permuted": shuffled}

    def _count(self, alive: bool) -> None:
        self.dead.copy_(torch.zeros_like(self.dead) if alive else self.dead + 1)
        if int(self.dead) < self.patience:
            return
        first = int(self.spent) == 0
        self.spent += self.patience if int(self.dead) == self.patience else 1
        if first and process_rank() == 0:
            warnings.warn(self.remark(), stacklevel=2)

    def remark(self) -> str:
        """Return the sentence that says that the critic is or was dead; empty if it never was.

        Example:
            >>> CriticWatch().remark()
            ''
        """
        if int(self.spent) == 0:
            return ""
        if int(self.dead) < self.patience:
            return (
                f"the critic was dead for {int(self.spent)} of {int(self.seen)} steps (its "
                f"outputs coincided: sd of at most 0.01) and has come back."
            )
        return (
            f"the critic is dead: for {int(self.dead)} steps its outputs have coincided (sd of "
            f"at most 0.01), so the encoder has nothing to work against. Likely causes: a "
            f"negative_weight below 1, a learning rate of the critic that is too high, or groups "
            f"that cannot be told apart."
        )
