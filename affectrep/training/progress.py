"""What a person sees while training: a bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)

__all__ = ["Progress"]


class Progress:
    """Shows steps, the loss and each epoch's validation.

    Args:
        epochs: of the training.
        steps: per epoch.
        shown: False says nothing (all processes but the first).
    """

    def __init__(self, epochs: int, steps: int, *, shown: bool = True) -> None:
        self.epochs, self.shown = epochs, shown
        self.console = Console(stderr=True, soft_wrap=True, markup=False)
        self.bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            console=self.console,
            disable=not (shown and self.console.is_terminal),
        )
        self.task = self.bar.add_task("training", total=epochs * steps, numbers="")
        self.steps = steps

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def step(self, epoch: int, step: int, numbers: Mapping[tuple[str, str], float]) -> None:
        """Show a finished step."""
        losses = [f"{name} {value:.3f}" for (_, name), value in numbers.items()]
        self.bar.update(
            self.task,
            completed=epoch * self.steps + step,
            description=f"epoch {epoch + 1}/{self.epochs}",
            numbers="  ".join(losses[:4]),
        )

    def validated(
        self, epoch: int, scores: Mapping[str, float], select: str, best_epoch: int
    ) -> None:
        """Print an epoch's validation in a line."""
        if self.shown:
            best = " (best so far)" if best_epoch == epoch else ""
            others = [name for name in scores if name != select][:3]
            figures = ", ".join(f"{name} {scores[name]:.4f}" for name in [select, *others])
            self.console.print(f"epoch {epoch + 1}/{self.epochs}: validation {figures}{best}")
