"""Strong and weak emotions where labels are classes: some classes are of high intensity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from affectrep.objectives.grouping import Groups

__all__ = ["ClassGrouper"]


class ClassGrouper(nn.Module):
    """Group rows by their class, as :class:`Grouper` does by valence and arousal.

    Use it to play the game of :class:`CAFObjective` beside a classifier: which classes are of high
    intensity is the user's to say. Rows below 0 (unknown) are in neither group.

    Args:
        strong: classes of high intensity; all others are weak.

    Raises:
        ValueError: if no class is named.

    Example:
        >>> groups = ClassGrouper([0, 2])(torch.tensor([0, 1, 2, -1]))
        >>> groups.strong.tolist(), groups.weak.tolist()
        ([True, False, True, False], [False, True, False, False])
    """

    def __init__(self, strong: Sequence[int]) -> None:
        super().__init__()
        if not strong or min(strong) < 0:
            raise ValueError(f"expected classes of high intensity, got {list(strong)}")
        self.classes = sorted(set(strong))

    def forward(self, labels: Tensor) -> Groups:
        """Return the groups of ``(batch,)`` classes.

        Raises:
            ValueError: if the labels are no classes.
        """
        if labels.ndim != 1 or labels.is_floating_point():
            raise ValueError(f"expected classes (batch,), got {tuple(labels.shape)}")
        strong = torch.isin(labels, torch.tensor(self.classes, device=labels.device))
        return Groups(strong, ~strong & (labels >= 0))

    def held_out(self, labels: Tensor) -> Groups:
        """Return the groups of rows that are not trained on; they are the same."""
        groups: Groups = self(labels)
        return groups

    def learn(self, labels: Tensor) -> str | None:
        """Return why the classes ``(rows,)`` of the training split leave a group empty, or None."""
        groups = self(labels)
        strong, weak = int(groups.strong.sum()), int(groups.weak.sum())
        if weak == 0:
            return f"none of {len(labels)} rows is of a weak class"
        if strong < 2:
            return f"{strong} of {len(labels)} rows are of a strong class"
        return None

    def hint(self) -> Mapping[str, Tensor]:
        """Return nothing for the sampler: it draws by radius."""
        return {}
