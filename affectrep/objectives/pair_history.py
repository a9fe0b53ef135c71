"""What mining has found over a whole training: confusable classes, and rows that keep recurring."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from affectrep.objectives.gather import gather_rows
from affectrep.objectives.hard_pairs import HardPairs

__all__ = ["PairHistory", "row_numbers"]


class PairHistory(nn.Module):
    """Counts hard pairs as they are mined, to be read when training is over.

    Hard negatives are counted by their two classes, apart for those that the cosine and the
    learned metric chose: both choose equally many an anchor, so that the two counts are found
    with one budget. Rows of hard positives are counted one by one: a row that is again and again
    the least similar of its class may carry a wrong label. It counts once for each anchor that
    chose it.

    Args:
        classes: number of classes, >= 1.
        gather: count the pairs of all processes; each must then call :meth:`update` alike.

    Raises:
        ValueError: if there is no class.

    Source: this project's design for AML (ACL 2026, of which only the abstract is public).

    Example:
        >>> history = PairHistory(2)
        >>> one = torch.tensor([[0, 1]])
        >>> none, found = one[:0, 0], torch.tensor([2])
        >>> pairs = HardPairs(one[:0], one, one[:0], one[:0], none, found, none)
        >>> history.update(pairs, torch.tensor([1, 0]), torch.tensor([7, 8]))
        >>> {name: column.tolist() for name, column in history.mined_pairs().items()}
        {'class_a': [0], 'class_b': [1], 'cosine': [0], 'learned': [1], 'both': [0]}
    """

    found: Tensor

    def __init__(self, classes: int, *, gather: bool = False) -> None:
        super().__init__()
        if classes < 1:
            raise ValueError(f"expected at least one class, got {classes}")
        self.classes, self.gather = classes, gather
        # by who found them (cosine alone, learned alone, both), then by the two classes
        self.register_buffer("found", torch.zeros(3, classes, classes, dtype=torch.int64))
        self.recurring: Counter[int] = Counter()

    @torch.no_grad()
    def update(self, pairs: HardPairs, labels: Tensor, numbers: Tensor) -> None:
        """Take note of the pairs of a step.

        Args:
            pairs: as the miner gave them; an anchor is always a row of the batch.
            labels: ``(candidates,)`` int64 classes, the batch's rows first.
            numbers: ``(candidates,)`` int64 of the rows, -1 where unknown; the batch may be
                shorter than the candidates, whose others are memory.

        Raises:
            ValueError: if labels and numbers differ in length.
        """
        if labels.shape != numbers.shape or labels.ndim != 1:
            raise ValueError(
                f"expected labels and numbers (candidates,), got {tuple(labels.shape)} and "
                f"{tuple(numbers.shape)}"
            )
        left, right = labels[pairs.negative].sort(dim=1).values.unbind(dim=1)
        places = ((pairs.negative_found - 1) * self.classes + left) * self.classes + right
        counts = torch.bincount(places, minlength=self.found.numel()).view_as(self.found)
        chosen = numbers[pairs.chosen_positives()].contiguous()
        if self.gather:
            counts = torch.cat(gather_rows(counts[None])).sum(dim=0)
            chosen = torch.cat(gather_rows(chosen))
        self.found += counts
        self.recurring.update(chosen[chosen >= 0].tolist())

    def mined_pairs(self) -> dict[str, Tensor]:
        """Return every pair of classes and how often each metric chose it, columns of a table.

        ``cosine`` and ``learned`` both count the pairs of ``both``.
        """
        first, second = torch.triu_indices(self.classes, self.classes, 1).unbind()
        cosine, learned, both = (part[first, second] for part in self.found.cpu())
        return {
            "class_a": first,
            "class_b": second,
            "cosine": cosine + both,
            "learned": learned + both,
            "both": both,
        }

    def recurring_positives(self, most: int = 500) -> dict[str, Tensor]:
        """Return rows by how often they were somebody's hard positive, most often first."""
        ranked = sorted(self.recurring.items(), key=lambda item: (-item[1], item[0]))[:most]
        rows = torch.tensor(ranked, dtype=torch.int64).reshape(-1, 2)
        return {"row": rows[:, 0], "times": rows[:, 1]}

    def get_extra_state(self) -> Any:
        """Return the counted rows, for ``state_dict``."""
        return {"recurring": dict(self.recurring)}

    def set_extra_state(self, state: Mapping[str, Mapping[int, int]]) -> None:
        """Go on counting from a saved state."""
        self.recurring = Counter(state["recurring"])


def row_numbers(ids: Sequence[str]) -> Tensor:
    """Return a number for each row id, ``(rows,)`` int64 >= 0, the same wherever it is asked for.

    Example:
        >>> row_numbers(["a", "b", "a"]).unique().shape
        torch.Size([2])
    """
    values = [
        int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") >> 1
        for name in ids
    ]
    return torch.tensor(values, dtype=torch.int64)
