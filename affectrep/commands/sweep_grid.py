"""The figures of a sweep: a line per system, a column per corpus or setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from affectrep.commands.pool import pool_runs
from affectrep.commands.sweep_cells import Cell
from affectrep.commands.sweep_systems import Slot
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
    slots: Sequence[Slot],
    done: Sequence[Cell],
    *,
    split: str | None,
    pool: bool,
    refused: Sequence[Cell] = (),
) -> Grid:
    """Return the table of a sweep: a line per configuration and values, a column per setting.

    Of several corpora the columns are corpora and their settings, and a system that has no
    configuration for one of them is not run there.

    Args:
        slots: all cells of the sweep.
        done: those that have figures.
        split: that was evaluated; None shows validation.
        pool: pool folds and take means over targets; they stand in place of folds and of pairs
            of a source and a target.
        refused: those whose objective does not apply to the corpus.

    Raises:
        ValueError: if a run has no such metric.
    """
    there, apart = {id(cell) for cell in done}, {id(cell) for cell in refused}
    entries = []
    for slot in slots:
        cell, place = slot.cell, slot.place
        if pool and place is not None and (place.is_fold or place.protocol.sources):
            continue
        value = figure_of(cell.folder, split, slot.metric) if id(cell) in there else None
        applies = id(cell) not in apart
        entries.append(Entry(slot.system, slot.column(), cell.settings.seed, value, applies))
    if pool:
        entries += _pooled(slots, done, apart)
    corpora = {slot.column(""): slot.metric for slot in slots}
    entries += _absent(slots, entries)
    metrics = {
        entry.column: metric
        for entry in entries
        for corpus, metric in corpora.items()
        if f"{entry.column} ".startswith(f"{corpus} ")
    }
    return Grid(slots[0].metric, split or "validation", entries, metrics)


def _absent(slots: Sequence[Slot], entries: Sequence[Entry]) -> list[Entry]:
    """Return an entry for each system and column of a corpus that it has no configuration for."""
    corpora = {slot.corpus for slot in slots}
    if len(corpora) == 1:
        return []
    known = {(slot.system, slot.corpus) for slot in slots}
    systems = dict.fromkeys(slot.system for slot in slots)
    columns = dict.fromkeys((entry.column, entry.column.partition(" ")[0]) for entry in entries)
    return [
        Entry(system, column, slots[0].cell.settings.seed, None)
        for system in systems
        for column, corpus in columns
        if (system, corpus) not in known
    ]


def _pooled(slots: Sequence[Slot], done: Sequence[Cell], apart: set[int]) -> list[Entry]:
    """Return what pooling makes of the cells: folds of a target as one, means over targets."""
    by_name = {slot.cell.settings.name: slot for slot in slots}
    metrics = {name: slot.metric for name, slot in by_name.items()}
    values = _pooled_values([cell.folder for cell in done], metrics)
    wanted: dict[tuple[str, str, int], bool] = {}
    for slot in slots:
        place, cell = slot.place, slot.cell
        if place is not None and place.is_fold:
            wanted[cell.settings.name, place.pooled_setting, cell.settings.seed] = (
                id(cell) not in apart
            )
    wanted |= {key: True for key in values if key not in wanted}
    return [
        Entry(by_name[name].system, by_name[name].column(setting), seed, value, applies)
        for (name, setting, seed), applies in wanted.items()
        for value in [values.get((name, setting, seed))]
    ]


def _pooled_values(
    folders: list[Path], metrics: Mapping[str, str]
) -> dict[tuple[str, str, int], float | None]:
    try:
        found = pool_runs(folders)
    except (ValueError, OSError) as error:
        console.print(f"note: not pooled: {error}")
        return {}
    for words in found.missing:
        console.print(f"note: not pooled: {words}.")
    values = {
        (run.name, place.setting, run.seed): figure_of(run.path, "test", metrics[run.name])
        for run in found.runs
        if (place := Place.of(run.config)) is not None
    }
    for one in (mean.result for mean in found.means):
        if one.metric == metrics[one.config]:
            values[one.config, one.condition, one.seed] = one.value
    return values
