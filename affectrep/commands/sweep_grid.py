"""The table that a sweep ends with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from affectrep.commands.pool import pool_runs
from affectrep.commands.sweep_cells import Cell
from affectrep.evaluation.place import Place
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.grid import Entry, Grid

__all__ = ["figure_of", "sweep_grid"]

console = Console(soft_wrap=True, markup=False, highlight=False)


def figure_of(folder: Path, split: str | None, metric: str) -> float | None:
    """Return a figure of a run; that of validation at the chosen epoch where nothing was read.

    Raises:
        ValueError: if the run has no such figure.
    """
    run = StoredRun(folder)
    if split is not None:
        metrics = run.scorecard(split).get("metrics", {})
        known = {name: figure["value"] for name, figure in metrics.items()}
    else:
        history, best = run.history(), int(run.environment.get("best_epoch", 0)) - 1
        chosen = history[(history["phase"] == "validation") & (history["epoch"] == best)]
        known = dict(zip(chosen["name"], chosen["value"], strict=True))
    if known and metric not in known:
        raise ValueError(f"there is no metric {metric!r} here; there are {', '.join(known)}.")
    return known.get(metric)


def sweep_grid(
    cells: Sequence[Cell], done: Sequence[Cell], *, split: str | None, metric: str, pool: bool
) -> Grid:
    """Return the table of a sweep: a line per configuration and values, a column per setting.

    Args:
        cells: all of the sweep.
        done: those that have figures.
        split: that was evaluated; None shows validation.
        metric: to show.
        pool: pool folds and take means over targets; they stand in place of folds and of pairs
            of a source and a target.

    Raises:
        ValueError: if a run has no such metric.
    """
    there = {id(cell) for cell in done}
    entries = []
    for cell in cells:
        place = _place(cell)
        if pool and place is not None and (place.is_fold or place.protocol.sources):
            continue
        value = figure_of(cell.folder, split, metric) if id(cell) in there else None
        entries.append(Entry(cell.label, cell.setting, cell.settings.seed, value))
    if pool:
        entries += _pooled(cells, done, metric)
    return Grid(metric, split or "validation", entries)


def _pooled(cells: Sequence[Cell], done: Sequence[Cell], metric: str) -> list[Entry]:
    """Return what pooling makes of the cells: folds of a target as one, means over targets."""
    values = _pooled_values([cell.folder for cell in done], metric)
    labels = {cell.settings.name: cell.label for cell in cells}
    wanted: dict[tuple[str, str, int], None] = {}
    for cell in cells:
        place = _place(cell)
        if place is not None and place.is_fold:
            wanted[cell.settings.name, place.pooled_setting, cell.settings.seed] = None
    wanted |= dict.fromkeys(values)
    return [
        Entry(labels[name], setting, seed, values.get((name, setting, seed)))
        for name, setting, seed in wanted
    ]


def _pooled_values(folders: list[Path], metric: str) -> dict[tuple[str, str, int], float | None]:
    try:
        found = pool_runs(folders)
    except (ValueError, OSError) as error:
        console.print(f"note: not pooled: {error}")
        return {}
    for words in found.missing:
        console.print(f"note: not pooled: {words}.")
    values = {
        (run.name, place.setting, run.seed): figure_of(run.path, "test", metric)
        for run in found.runs
        if (place := Place.of(run.config)) is not None
    }
    for one in (mean.result for mean in found.means):
        if one.metric == metric:
            values[one.config, one.condition, one.seed] = one.value
    return values


def _place(cell: Cell) -> Place | None:
    return Place.of(cell.settings.model_dump())
