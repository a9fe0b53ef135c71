"""Adaptive class margins from a memory of rows: a batch holds too few of most classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectrep.objectives.adaptive_margin import Margin
from affectrep.objectives.class_margins import SQUARED_LIMITS, class_margins
from affectrep.objectives.class_memory import ClassMemory
from affectrep.objectives.gather import gather_rows
from affectrep.objectives.metric_pairs import MarginTable

__all__ = ["MemoryClassMargin"]

UNKNOWN = 0.2  # margin of a pair of classes of which one has not come yet


class MemoryClassMargin(nn.Module):
    """A margin for each pair of classes, from the last rows of each; the ``margin`` of a loss.

    With 27 classes a batch of 64 has two rows a class, and the information between two such groups
    is mostly bias. This keeps rows of earlier steps, and makes the table anew every so many steps.
    :class:`AdaptiveClassMargin` needs no memory and suits large batches of few classes.

    Args:
        classes: number of classes.
        dim: dimension of the embeddings.
        margin: how the adaptive margin is read.
        limits: smallest and largest margin.
        per_class: rows kept of a class.
        refresh: steps between two tables.

    Raises:
        ValueError: if a number is out of range.

    Source: the margin is Kim and Song 2021's (AAAI); classes and memory are this project's reading.

    Example:
        >>> margins = MemoryClassMargin(2, 3)
        >>> margins(torch.eye(3), torch.tensor([0, 1, 1])).values.shape
        torch.Size([2, 2])
    """

    table: Tensor
    step: Tensor

    def __init__(
        self,
        classes: int,
        dim: int,
        *,
        margin: Margin | None = None,
        limits: tuple[float, float] = SQUARED_LIMITS,
        per_class: int = 16,
        refresh: int = 50,
    ) -> None:
        super().__init__()
        if refresh < 1:
            raise ValueError(f"expected at least 1 step between two tables, got {refresh}")
        self.margin, self.limits, self.refresh = margin or Margin(), limits, refresh
        self.memory = ClassMemory(classes, dim, per_class=per_class, max_age=10 * refresh)
        self.register_buffer("table", torch.full((classes, classes), UNKNOWN))
        self.register_buffer("step", torch.tensor(0))

    @torch.no_grad()
    def forward(self, embeddings: Tensor, labels: Tensor) -> MarginTable:
        """Take note of the rows ``(batch, dim)`` and return the table of all classes.

        In evaluation mode nothing is noted.
        """
        if self.training:
            everyone = [torch.cat(gather_rows(part.detach())) for part in (embeddings, labels)]
            self.memory.push(*everyone)
            if int(self.step) % self.refresh == 0:
                self._refresh()
            self.step += 1
        return MarginTable(torch.arange(len(self.table), device=labels.device), self.table)

    def logs(self) -> dict[str, float]:
        """Return the mean margin between classes, and the share of pairs at a limit."""
        between = ~torch.eye(len(self.table), dtype=torch.bool, device=self.table.device)
        values = self.table[between]
        low, high = self.limits
        at_limit = (values <= low) | (values >= high)
        return {"margin_mean": float(values.mean()), "margin_limit": float(at_limit.float().mean())}

    def _refresh(self) -> None:
        kept = self.memory.rows()
        if len(kept.labels) == 0:
            return
        found = class_margins(kept.embeddings, kept.labels, margin=self.margin, limits=self.limits)
        self.table[found.classes[:, None], found.classes[None]] = found.values.to(self.table)
