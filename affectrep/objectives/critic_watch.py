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


class CriticWatch(nn.Module):
    """Takes note of a critic's outputs in each step, and warns once when they coincide for long.

    A dead critic gives no NaN and a small loss; only its outputs tell. Give it the outputs from
    before the critic's update: of these rows the critic has learnt nothing yet in this epoch.

    Args:
        check_every: steps between two baselines under shuffled groups.
        patience: steps for which the outputs must coincide before the warning: an sd of at most
            .01, and of at most half the first one, as a new critic may have to wake up.

    Raises:
        ValueError: if a number is below 1.

    Example:
        >>> watch = CriticWatch()
        >>> numbers = watch(torch.eye(2), -torch.eye(2), lambda generator: 0.5)
        >>> numbers["auc"], numbers["permuted"]
        (1.0, 0.5)
    """

    seen: Tensor
    first: Tensor
    dead: Tensor
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
        self.register_buffer("dead", torch.zeros((), dtype=torch.int64))
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
            self._count(sign.alive or sign.spread > float(self.first) / 2)
        numbers = {"spread": sign.spread, "auc": sign.auc, "cross_distance": sign.cross_distance}
        numbers["dead"] = float(int(self.dead) >= self.patience)
        shuffled = float(self.permuted)
        return numbers if math.isnan(shuffled) else {**numbers, "permuted": shuffled}

    def _count(self, alive: bool) -> None:
        if int(self.dead) >= self.patience:  # it has been said
            return
        self.dead.copy_(torch.zeros_like(self.dead) if alive else self.dead + 1)
        if int(self.dead) >= self.patience and process_rank() == 0:
            warnings.warn(self.remark(), stacklevel=2)

    def remark(self) -> str:
        """Return the sentence that says that the critic has died; empty while it lives.

        Example:
            >>> CriticWatch().remark()
            ''
        """
        if int(self.dead) < self.patience:
            return ""
        return (
            f"the critic is dead: for {self.patience} steps its outputs have coincided (sd of "
            f"at most 0.01, and half of that at first), so the encoder has nothing to work "
            f"against. Likely causes: a negative_weight below 1, a learning rate of the critic "
            f"that is too high, or groups that cannot be told apart."
        )
