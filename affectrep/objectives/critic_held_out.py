"""The critic on rows that nobody trained on: does it live, and does it know the groups?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from affectrep.batch import Output
from affectrep.objectives.contrastive_critic import critic_liveness
from affectrep.objectives.grouping import Groups

__all__ = ["CriticHeldOut"]


class CriticHeldOut:
    """Gathers a critic's outputs over a split and gives their spread and strong-weak AUC.

    Only the critic's few outputs are kept, not the features that it reads.

    Args:
        judge: the critic's outputs ``(batch, dim)`` for a batch, without dropout.
        group: the groups of all labels ``(rows, 2)``.

    Example:
        >>> look = CriticHeldOut(lambda output: output.embeddings,
        ...     lambda labels: Groups(labels[:, 0] > 0.5, labels[:, 0] <= 0.5))
        >>> points = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
        >>> look.add(Output(points, points), points.expand(4, 2))
        >>> look.numbers()
        {'critic_auc': 1.0, 'critic_spread': 0.5}
    """

    def __init__(
        self, judge: Callable[[Output], Tensor], group: Callable[[Tensor], Groups]
    ) -> None:
        self.judge, self.group = judge, group
        self.points: list[Tensor] = []
        self.labels: list[Tensor] = []

    @torch.no_grad()
    def add(self, output: Output, labels: Tensor) -> None:
        """Take note of a batch with labels ``(batch, 2)``."""
        self.points.append(self.judge(output).cpu())
        self.labels.append(labels.detach().cpu())

    def numbers(self) -> Mapping[str, float]:
        """Return ``critic_auc`` and ``critic_spread``; nothing where a group has no row."""
        if not self.points:
            return {}
        groups = self.group(torch.cat(self.labels))
        points = torch.cat(self.points)
        strong, weak = points[groups.strong], points[groups.weak]
        if len(strong) == 0 or len(weak) == 0:
            return {}
        sign = critic_liveness(strong, weak)
        return {"critic_auc": sign.auc, "critic_spread": sign.spread}
