"""``affectrep sweep``: train and evaluate every cell that is not there yet, then compare them."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from filelock import FileLock, Timeout
from rich.console import Console

from affectrep.commands import evaluate, train
from affectrep.commands.sweep_cells import NOTES, Cell, cells_of, is_held, read_seeds
from affectrep.commands.sweep_comparison import compare_cells, comparison_sheet
from affectrep.commands.sweep_grid import figure_of, sweep_grid
from affectrep.commands.sweep_interquartile import interquartile_sheet
from affectrep.commands.sweep_refusal import refusal
from affectrep.commands.sweep_systems import Slot, reference_of, slots_of
from affectrep.reporting.figures import number, title
from affectrep.reporting.grid import Grid, grid_sheet, grid_table
from affectrep.reporting.sheet import ENDINGS, Sheet, sheet_table, write_sheets

__all__ = ["run"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_POLL_SECONDS = 5.0


def run(  # noqa: PLR0913 - one for each option of the command
    configs: Sequence[Path],
    overrides: Sequence[str] = (),
    *,
    seeds: str = "1",
    sets: Sequence[str] = (),
    output: Path = Path("runs"),
    split: str | None = "test",
    metric: str | None = None,
    pool: bool = False,
    table: Path | None = None,
    reference: str | None = None,
    dry_run: bool = False,
) -> Grid | None:
    """Train and evaluate configurations x values x seeds in this process, one after another.

    What is there already is left alone, so the same command goes on where it was stopped. Cells
    that another sweep has in hand are passed over and looked at again at the end. A value that is
    not part of the setting (protocol, standardisation) becomes part of the run's name.

    Args:
        configs: files of configurations.
        overrides: ``key=value`` for all cells, ``PATTERN:key=value`` for those of some files.
        seeds: ``5`` (the first five), ``0-4`` or ``0,3,7``.
        sets: ``key=value,value``; parted by | where there is one; a PATTERN: as above.
        output: folder that holds the runs.
        split: to evaluate on; None or empty trains only.
        metric: of the tables; None takes ``training.select``, of each corpus its first one.
        pool: also pool folds and take means over targets, and show these.
        table: write the tables here, too: .md, .tex or .csv.
        reference: system that the others are compared with; None takes the first.
        dry_run: list the cells and their state only.

    Returns:
        The table of figures; None after a dry run.

    Raises:
        KeyboardInterrupt: after Ctrl-C, once the cell in hand is safe.
        ValueError: for a mistake in configurations or values, before anything is trained; naming
            the cells that failed, after all others.
    """
    split = split or None
    _check_options(split, pool, table)
    cells = cells_of(configs, overrides, seeds=read_seeds(seeds), sets=sets, output=output)
    slots = slots_of(cells, metric)
    reference = reference_of(slots, reference)
    sweep = _Sweep(cells, split, {id(slot.cell): slot.metric for slot in slots})
    if dry_run:
        sweep.show()
        return None
    try:
        sweep.work()
    except KeyboardInterrupt:
        console.print(f"\nStopped: {sweep.settled} of {len(cells)} cells are settled.")
        console.print("The same command goes on from here.")
        raise
    refused = [cell for cell, _ in sweep.refused]
    grid = sweep_grid(slots, sweep.done, split=split, pool=pool, refused=refused)
    console.print(grid_table(grid))
    sheets = [replace(grid_sheet(grid), notes=_said(sweep.refused, slots))]
    sheets += _judged(slots, sweep, pool, reference)
    _show(sheets)
    if table is not None:
        console.print(f"Table: {', '.join(map(str, write_sheets(table, sheets)))}")
    _raise_failures(sweep)
    return grid


def _said(refused: Sequence[tuple[Cell, str]], slots: Sequence[Slot]) -> list[str]:
    """Return a line for each system and corpus that do not go together."""
    known = {id(slot.cell): slot for slot in slots}
    lines = [(known[id(cell)], words) for cell, words in refused]
    said = {f"{one.system}{f' on {one.corpus}' * bool(one.corpus)}: {w}" for one, w in lines}
    return [f"Not applicable: {words}" for words in sorted(said)]


def _judged(slots: Sequence[Slot], sweep: _Sweep, pool: bool, reference: str) -> list[Sheet]:
    """Return the comparison with the reference, and the means over corpora where there are some."""
    if len({slot.system for slot in slots}) == 1:
        return []
    found: list[Sheet | None] = []
    options: dict[str, Any] = {"pool": pool, "reference": reference}
    if sweep.split is not None:
        refused = [cell for cell, _ in sweep.refused]
        compared = compare_cells(slots, sweep.done, split=sweep.split, refused=refused, **options)
        found.append(comparison_sheet(compared, split=sweep.split))
    found.append(interquartile_sheet(slots, sweep.done, split=sweep.split, **options))
    return [sheet for sheet in found if sheet is not None]


def _show(sheets: Sequence[Sheet]) -> None:
    """Print notes and the tables after the first, which stands there already."""
    for place, sheet in enumerate(sheets):
        if place:
            # what goes into a file need not fit into a window
            width = None if console.is_terminal else max(console.width, 110)
            Console(markup=False, highlight=False, width=width).print(sheet_table(sheet))
        for note in sheet.notes:
            console.print(note)


def _check_options(split: str | None, pool: bool, table: Path | None) -> None:
    if split not in (None, "train", "validation", "test"):
        raise ValueError(f"there is no split {split!r}; give train, validation or test.")
    if pool and split != "test":
        raise ValueError("--pool joins predictions of test: leave --split as it is.")
    if table is not None and table.suffix not in ENDINGS:
        raise ValueError(f"--table {table}: expected a file {', '.join(ENDINGS)}.")


def _raise_failures(sweep: _Sweep) -> None:
    if sweep.failed:
        names = "; ".join(f"{cell.words}: {words}" for cell, words in sweep.failed)
        raise ValueError(
            f"{len(sweep.failed)} of {len(sweep.cells)} cells failed: {names}. What each printed "
            f"is in {sweep.cells[0].output / NOTES}. The same command tries them again."
        )


class _Sweep:
    """Works through cells and keeps what became of them.

    Args:
        cells: of the sweep.
        split: to evaluate on; None trains only.
        metrics: to tell of each cell, by its id.
    """

    def __init__(
        self, cells: Sequence[Cell], split: str | None, metrics: Mapping[int, str]
    ) -> None:
        self.cells, self.split, self.metrics = cells, split, metrics
        self.done: list[Cell] = []
        self.failed: list[tuple[Cell, str]] = []
        self.refused: list[tuple[Cell, str]] = []
        self.seconds: dict[Path, list[float]] = defaultdict(list)
        self.started = time.monotonic()

    @property
    def settled(self) -> int:
        return len(self.done) + len(self.failed) + len(self.refused)

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

    def work(self) -> None:
        """Settle every cell; wait for those that other processes have in hand."""
        todo = [cell for cell in self.cells if not self._is_there(cell)]
        self.cells[0].file("lock").parent.mkdir(parents=True, exist_ok=True)
        console.print(f"{len(self.cells)} cells, {len(self.done)} of them done already.")
        waited = False
        while todo:
            held = [cell for cell in todo if not self._settle(cell)]
            if len(held) == len(todo):
                if not waited:
                    names = ", ".join(cell.folder.name for cell in held)
                    console.print(f"Waiting for another process: {names} …")
                waited = True
                time.sleep(_POLL_SECONDS)
            todo = held

    def _is_there(self, cell: Cell) -> bool:
        """Whether nothing is left to do for the cell, as it is done or cannot be done."""
        try:
            if cell.state(self.split) != "done":
                return False
        except ValueError as error:
            console.print(f"{cell.words} … ", end="")
            self._fail(cell, error)
            return True
        self.done.append(cell)
        return True

    def _settle(self, cell: Cell) -> bool:
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
            elif cell in self.done[-1:]:
                console.print(f"{cell.words} … done by another process meanwhile")
            return True
        finally:
            lock.release()

    def _run(self, cell: Cell) -> None:
        place = f"[{self.settled + 1}/{len(self.cells)}]"
        console.print(f"{place} {cell.words} … ", end="")
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
        self.done.append(cell)
        console.print(self._told(cell))

    def _fail(self, cell: Cell, error: Exception) -> None:
        words = " ".join((str(error) or type(error).__name__).split())
        self.failed.append((cell, words))
        console.print(f"failed: {words}", style="red")

    def _refuse(self, cell: Cell, reason: str) -> None:
        self.refused.append((cell, reason))
        console.print(f"not applicable: {reason}")

    def _told(self, cell: Cell) -> str:
        now, metric = time.monotonic(), self.metrics[id(cell)]
        value = figure_of(cell.folder, self.split, metric)
        settled = {id(one) for one, _ in [*self.failed, *self.refused]} | set(map(id, self.done))
        left = [one for one in self.cells if id(one) not in settled]
        known = [seconds for group in self.seconds.values() for seconds in group]
        rest = sum(fmean(self.seconds.get(one.config) or known) for one in left)
        words = f"{title(metric)} {number(metric, value)}, "
        words += f"{_clock(self.seconds[cell.config][-1])}; {_clock(now - self.started)} so far"
        return f"{words}, about {_clock(rest)} left" if left else words

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
