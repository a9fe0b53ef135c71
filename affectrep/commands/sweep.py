"""``affectrep sweep``: train and evaluate every cell that is not there yet, then compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from affectrep.commands.sweep_cells import NOTES, Cell, cells_of, read_seeds
from affectrep.commands.sweep_comparison import compare_cells, comparison_sheet
from affectrep.commands.sweep_grid import sweep_grid
from affectrep.commands.sweep_interquartile import interquartile_sheet
from affectrep.commands.sweep_jobs import jobs_of, work_side_by_side
from affectrep.commands.sweep_systems import Slot, reference_of, slots_of
from affectrep.commands.sweep_work import SweepWork
from affectrep.reporting.grid import Grid, grid_sheet, grid_table
from affectrep.reporting.sheet import ENDINGS, Sheet, sheet_table, write_sheets

__all__ = ["run"]

console = Console(soft_wrap=True, markup=False, highlight=False)


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
    jobs: int | None = None,
    dry_run: bool = False,
) -> Grid | None:
    """Train and evaluate configurations x values x seeds, one after another or several at once.

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
        jobs: cells at once, each in a process with a GPU, or with a share of the cores; None: as
            many as there are GPUs.
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
    metrics = {slot.cell.folder: slot.metric for slot in slots}
    sweep = SweepWork(cells, split, metrics, jobs=jobs_of(jobs))
    if dry_run:
        sweep.show()
        return None
    try:
        sweep.look()
        if sweep.jobs > 1 and len(sweep.left) > 1:
            work_side_by_side(sweep)
        sweep.work()
    except KeyboardInterrupt:
        console.print(
            f"\nStopped: {len(cells) - len(sweep.left)} of {len(cells)} cells are settled."
        )
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


def _judged(slots: Sequence[Slot], sweep: SweepWork, pool: bool, reference: str) -> list[Sheet]:
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


def _raise_failures(sweep: SweepWork) -> None:
    if sweep.failed:
        names = "; ".join(f"{cell.words}: {words}" for cell, words in sweep.failed)
        raise ValueError(
            f"{len(sweep.failed)} of {len(sweep.cells)} cells failed: {names}. What each printed "
            f"is in {sweep.cells[0].output / NOTES}. The same command tries them again."
        )
