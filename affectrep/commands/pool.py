"""``affectrep pool``: fold runs made one run, and figures over targets; no split is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from affectrep.commands.recipe_results import record_results
from affectrep.config import load_config
from affectrep.evaluation.place import Place
from affectrep.evaluation.pooled_run import pool_folds, pooled_folder, whole_groups
from affectrep.evaluation.results import read_results, update_readme, write_results
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.target_means import TargetMean, target_means
from affectrep.reporting.figures import number, title
from affectrep.reporting.grid import Entry, Grid, grid_table

__all__ = ["Pooled", "pool_runs", "run"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_SHOWN = ("uar", "macro_f1", "ccc")


@dataclass(frozen=True)
class Pooled:
    """What came of some runs.

    Args:
        runs: pooled ones that were written.
        means: over targets.
        missing: a sentence for each group of folds that is not complete.
    """

    runs: list[StoredRun] = field(default_factory=list)
    means: list[TargetMean] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def run(runs: list[Path]) -> Pooled:
    """Pool the fold runs among some runs, take means over targets, and print both.

    Runs of several configurations, seeds and targets are grouped by themselves. A pooled run
    stands beside its folds as ``<name>.<target>-<seed>``, ``<name>.folds-<seed>`` where the folds
    have no target, with predictions but no model.

    Args:
        runs: run folders that were evaluated on test.

    Raises:
        FileNotFoundError: if a folder holds no run, or a fold was not evaluated.
        ValueError: if a fold is missing (the others are pooled all the same), folds do not belong
            together, or nothing can be made of these runs.
    """
    found = pool_runs(runs)
    for one in found.runs:
        folds = ", ".join(one.environment["pooled"])
        console.print(f"{one.path}: {folds}; {_figures(one)}")
    if found.means:
        there = {one.result.metric for one in found.means}
        metric = next((name for name in _SHOWN if name in there), "uar")
        console.print(grid_table(_grid(found.means, metric)))
    if found.missing:
        raise ValueError("; ".join(found.missing) + ". Train and evaluate what is missing.")
    if not found.runs and not found.means:
        raise ValueError(
            f"nothing to pool: these {len(runs)} runs hold neither folds nor evaluated runs of "
            "one configuration on several targets."
        )
    return found


def pool_runs(paths: Sequence[Path]) -> Pooled:
    """Write pooled runs and the means over targets; return them, and which folds are missing.

    Both go into the recipe's results.csv, as evaluated runs do.

    Raises:
        FileNotFoundError: if a folder holds no run, or a fold was not evaluated.
        ValueError: if folds do not belong together.
    """
    stored = {path.resolve(): StoredRun(path) for path in map(Path, paths)}
    whole, missing = whole_groups(stored.values())
    for folds in whole:
        stored.pop(pooled_folder(folds).resolve(), None)  # of an earlier call, written anew
    pooled = [_pooled(folds) for folds in whole]
    evaluated = [*stored.values(), *pooled]
    means, notes = target_means(evaluated)
    for note in notes:
        console.print(f"note: {note}")
    _record_means(means, evaluated)
    return Pooled(pooled, means, missing)


def _pooled(folds: Sequence[StoredRun]) -> StoredRun:
    stored, card, table = pool_folds(folds)
    record_results(stored, load_config(stored.path / "config.yaml"), card, table, "")
    return stored


def _record_means(means: Sequence[TargetMean], runs: Sequence[StoredRun]) -> None:
    """Write the means whose parts stand in the results.csv of their recipe with these values.

    So a run with values of its own, which evaluation keeps out, stays out here, too.
    """
    recipes = {run.name: run.config.get("recipe") for run in runs if Place.of(run.config)}
    for recipe in dict.fromkeys(filter(None, recipes.values())):
        folder = Path("recipes") / recipe
        if not folder.is_dir():
            continue
        path = folder / "results.csv"
        table = read_results(path)
        keys = zip(
            *(table[name] for name in ("config", "condition", "split", "seed", "metric")),
            strict=True,
        )
        standing = dict(zip(keys, table["value"], strict=True))
        mine = [one for one in means if recipes[one.result.config] == recipe]
        chosen = [one.result for one in mine if _stands(one, standing)]
        if chosen:
            write_results(path, chosen)
            update_readme(folder / "README.md", path)
            console.print(f"{len(chosen)} means over targets written to {path}.")
        left = dict.fromkeys(one.result.config for one in mine if not _stands(one, standing))
        if left:
            console.print(
                f"note: means of {', '.join(left)} are not written to {path}, as the figures they "
                "are made of do not stand there."
            )


def _stands(one: TargetMean, standing: dict[tuple[object, ...], float]) -> bool:
    result = one.result
    for setting, value in one.parts.items():
        known = standing.get((result.config, setting, result.split, result.seed, result.metric))
        if known is None or not abs(known - value) < 1e-5:
            return False
    return True


def _figures(run: StoredRun) -> str:
    card = run.scorecard("test")
    shown = [name for name in _SHOWN if name in card["metrics"]]
    figures = [f"{title(name)} {number(name, card['metrics'][name]['value'])}" for name in shown]
    return ", ".join([f"{card['n']:,} rows", *figures])


def _grid(means: Sequence[TargetMean], metric: str) -> Grid:
    results = [one.result for one in means if one.result.metric == metric]
    entries = [Entry(one.config, one.condition, one.seed, one.value) for one in results]
    return Grid(metric, "test", entries)
