"""``affectrep pool``: fold runs made one run, and figures over targets; no split is read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from affectrep.commands.recipe_results import record_results
from affectrep.config import load_config
from affectrep.evaluation.nested_choice import Choice, choose
from affectrep.evaluation.place import Place
from affectrep.evaluation.pooled_run import pool_choices, pool_folds, pooled_folder, whole_groups
from affectrep.evaluation.results import read_results, update_readme, write_results
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.target_means import TargetMean, target_means
from affectrep.reporting.figures import number, title
from affectrep.reporting.grid import Entry, Grid, grid_table

__all__ = ["Pooled", "choose_runs", "pool_runs", "run"]

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


def run(runs: list[Path], *, choose: str | None = None) -> Pooled:
    """Pool the fold runs among some runs, take means over targets, and print both.

    Runs of several configurations, seeds and targets are grouped by themselves. A pooled run
    stands beside its folds as ``<name>.<target>-<seed>``, ``<name>.folds-<seed>`` where the folds
    have no target, with predictions but no model.

    Args:
        runs: run folders that were evaluated on test.
        choose: name of the run that is made of the best one of each fold or group, by its
            validation rows; None pools each configuration for itself.

    Raises:
        FileNotFoundError: if a folder holds no run, or a fold was not evaluated.
        ValueError: if a fold is missing (the others are pooled all the same), folds do not belong
            together, or nothing can be made of these runs; with a name to choose, as
            :func:`affectrep.evaluation.nested_choice.choose`.
    """
    found = pool_runs(runs) if choose is None else choose_runs(runs, choose)
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


def choose_runs(paths: Sequence[Path], name: str) -> Pooled:
    """Write runs of what is best on validation for each fold or group; return them and means.

    What was chosen is printed. Nothing goes into a recipe's results.csv: a row there is one
    configuration.

    Raises:
        FileNotFoundError: if a folder holds no run, or chosen ones were not evaluated.
        ValueError: if the runs are no complete choice, or the name is no name of a folder.
    """
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError(f"--choose {name}: expected a name of letters, digits, _ and -")
    outer = choose(list({path.resolve(): StoredRun(path) for path in map(Path, paths)}.values()))
    chosen = [choice.run for choices in outer for choice in choices]
    unread = [run.path for run in chosen if not run.table_path("test").is_file()]
    for choices in outer:
        _show(choices)
    if unread:
        commands = "; ".join(f"affectrep evaluate {shlex.quote(str(path))}" for path in unread)
        raise FileNotFoundError(f"{len(unread)} chosen runs were not evaluated. Give {commands}")
    pooled = [pool_choices(choices, name)[0] for choices in outer]
    means, notes = target_means(pooled)
    for note in notes:
        console.print(f"note: {note}")
    return Pooled(pooled, means)


def _show(choices: Sequence[Choice]) -> None:
    for one in choices:
        values = ", ".join(f"{key}={value}" for key, value in one.values.items())
        others = [
            number(one.metric, said) for other, said in one.among.items() if other != one.run.name
        ]
        console.print(
            f"seed {one.run.seed}, {one.place}: {one.run.name}{f' ({values})' * bool(values)}, "
            f"validation {title(one.metric)} {number(one.metric, one.among[one.run.name])} "
            f"(others {', '.join(others)})"
        )


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
