"""What a sweep does with its cells: train and evaluate each, keep what became of it."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import Literal

import torch
from filelock import FileLock, Timeout
from rich.console import Console

from affectrep.commands import evaluate, train
from affectrep.commands.sweep_cells import Cell, is_held
from affectrep.commands.sweep_grid import figure_of
from affectrep.commands.sweep_refusal import refusal
from affectrep.reporting.figures import number, title

__all__ = ["Outcome", "SweepWork"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_POLL_SECONDS = 5.0
Outcome = Literal["done", "failed", "refused"]


class SweepWork:
    """Works through cells and keeps what became of them.

    Args:
        cells: of the sweep.
        split: to evaluate on; None trains only.
        metrics: to tell of each cell, by its folder.
        jobs: processes that share the cells; with several, only whole lines are written.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        split: str | None,
        metrics: Mapping[Path, str],
        *,
        jobs: int = 1,
    ) -> None:
        self.cells, self.split, self.metrics, self.jobs = cells, split, metrics, jobs
        self._found: dict[Path, tuple[Outcome, str]] = {}
        self.seconds: dict[Path, list[float]] = defaultdict(list)
        self.started = time.monotonic()

    def note(self, cell: Cell, outcome: Outcome, words: str = "") -> None:
        """Keep what became of a cell, and why it failed or does not apply."""
        self._found[cell.folder] = (outcome, words)

    def outcome(self, cell: Cell) -> tuple[Outcome, str]:
        """Return what became of a cell that is settled, and why."""
        return self._found[cell.folder]

    @property
    def done(self) -> list[Cell]:
        """The cells that are trained, and evaluated where a split is."""
        return [cell for cell, _ in self._of("done")]

    @property
    def failed(self) -> list[tuple[Cell, str]]:
        """The cells that failed, with the error's words."""
        return self._of("failed")

    @property
    def refused(self) -> list[tuple[Cell, str]]:
        """The cells whose objective does not apply to the corpus, with the reason."""
        return self._of("refused")

    @property
    def left(self) -> list[Cell]:
        """The cells that are not settled, as far as this process knows."""
        return [cell for cell in self.cells if cell.folder not in self._found]

    def _of(self, outcome: Outcome) -> list[tuple[Cell, str]]:
        found = ((cell, self._found.get(cell.folder)) for cell in self.cells)
        return [(cell, one[1]) for cell, one in found if one and one[0] == outcome]

    def show(self) -> None:
        """Print each cell and its state."""
        counts: dict[str, int] = defaultdict(int)
        for cell in self.cells:
            try:
                state = "held by another process" if cell.is_held else cell.state(self.split)
                console.print(f"{state:9}  {cell.folder}  {cell.words}")
            except ValueError as error:
                state = "refused"
                console.print(f"{state:9}  {cell.folder}  {error}")
            counts[state] += 1
        told = ", ".join(f"{count} {state}" for state, count in counts.items())
        console.print(f"{len(self.cells)} cells: {told}.")

    def look(self) -> None:
        """Note which cells are done or cannot be done, and print how many there are."""
        for cell in self.left:
            self._is_there(cell)
        self.cells[0].file("lock").parent.mkdir(parents=True, exist_ok=True)
        console.print(f"{len(self.cells)} cells, {len(self.done)} of them done already.")

    def work(self) -> None:
        """Settle every cell; wait for those that other processes have in hand."""
        todo, waited = self.left, False
        while todo:
            held = [cell for cell in todo if not self.settle(cell)]
            if len(held) == len(todo):
                if not waited:
                    names = ", ".join(cell.folder.name for cell in held)
                    console.print(f"Waiting for another process: {names} …")
                waited = True
                time.sleep(_POLL_SECONDS)
            todo = held

    def settle(self, cell: Cell) -> bool:
        """Run the cell; return False where another process has it in hand."""
        lock = FileLock(cell.file("lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return False
        try:
            if is_held(cell.folder / ".lock"):
                return False
            if not self._is_there(cell):
                self._run(cell)
            elif self.outcome(cell)[0] == "done":
                console.print(f"{cell.words} … done by another process meanwhile")
            return True
        finally:
            lock.release()

    def _is_there(self, cell: Cell) -> bool:
        """Whether nothing is left to do for the cell, as it is done or cannot be done."""
        try:
            if cell.state(self.split) != "done":
                return False
        except ValueError as error:
            self._begin(cell)
            self._fail(cell, error)
            return True
        self.note(cell, "done")
        return True

    def _run(self, cell: Cell) -> None:
        self._begin(cell)
        for other, reason in self.refused:
            if (other.config, other.values) == (cell.config, cell.values):  # another seed
                self._refuse(cell, reason)
                return
        started = time.monotonic()
        try:
            with self._captured(cell), _machine_as_it_was():
                train.run(cell.config, list(cell.overrides), output=cell.output)
                if self.split is not None:
                    evaluate.run(cell.folder, split=self.split)
        except Exception as error:
            with self._captured(cell):
                reason = refusal(cell.settings)
            if reason:
                self._refuse(cell, reason)
            else:
                self._fail(cell, error)
            return
        self.seconds[cell.config].append(time.monotonic() - started)
        self.note(cell, "done")
        self._end(cell, self._told(cell))

    def _begin(self, cell: Cell) -> None:
        """Say that a cell is begun: the head of its line, or a line where others write as well."""
        if self.jobs > 1:
            console.print(f"{self._place(cell)} {cell.words}: begun")
        else:
            console.print(f"{self._place(cell)} {cell.words} … ", end="")

    def _end(self, cell: Cell, words: str, style: str | None = None) -> None:
        head = f"{self._place(cell)} {cell.words}: " if self.jobs > 1 else ""
        console.print(f"{head}{words}", style=style)

    def _place(self, cell: Cell) -> str:
        return f"[{self.cells.index(cell) + 1}/{len(self.cells)}]"

    def _fail(self, cell: Cell, error: Exception) -> None:
        words = " ".join((str(error) or type(error).__name__).split())
        self.note(cell, "failed", words)
        self._end(cell, f"failed: {words}", "red")

    def _refuse(self, cell: Cell, reason: str) -> None:
        self.note(cell, "refused", reason)
        self._end(cell, f"not applicable: {reason}")

    def _told(self, cell: Cell) -> str:
        now, metric = time.monotonic(), self.metrics[cell.folder]
        value = figure_of(cell.folder, self.split, metric)
        words = f"{title(metric)} {number(metric, value)}, {_clock(self.seconds[cell.config][-1])}"
        if self.jobs > 1:  # what the others have settled is not known here
            return words
        known = [seconds for group in self.seconds.values() for seconds in group]
        rest = sum(fmean(self.seconds.get(one.config) or known) for one in self.left)
        words += f"; {_clock(now - self.started)} so far"
        return f"{words}, about {_clock(rest)} left" if self.left else words

    @contextlib.contextmanager
    def _captured(self, cell: Cell) -> Iterator[None]:
        """Send what the cell prints into a file of its own."""
        with (
            cell.file("log").open("a", encoding="utf-8", buffering=1) as file,
            contextlib.redirect_stdout(file),
            contextlib.redirect_stderr(file),
        ):
            try:
                yield
            except Exception:
                traceback.print_exc()
                raise


@contextlib.contextmanager
def _machine_as_it_was() -> Iterator[None]:
    """Undo what a configuration sets for the whole process, so that a cell trains as if alone."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
