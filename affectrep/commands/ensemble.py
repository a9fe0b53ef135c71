"""``affectrep ensemble``: the mean of the seeds of a configuration, as a run; no split is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from affectrep.commands.pool import pool_runs
from affectrep.commands.recipe_results import record_results
from affectrep.config import load_config
from affectrep.evaluation.place import Place
from affectrep.evaluation.seed_ensemble import ensemble_folder, ensemble_seeds, seed_groups
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.figures import number, title

__all__ = ["run"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_SHOWN = ("accuracy", "macro_f1", "weighted_f1", "uar", "ccc", "rmse")


def run(runs: Sequence[Path], *, split: str = "test") -> list[StoredRun]:
    """Make a run of the seeds of each configuration and setting, and print it beside its members.

    It stands beside them as ``<name>_ensemble[.<setting>]-<seed>``, with the mean predictions but
    no model, and goes into the recipe's results.csv as an evaluated run does. Where several
    languages or groups were tested the mean over them is taken, too.

    Args:
        runs: run folders that were evaluated on the split.
        split: whose stored predictions.

    Raises:
        FileNotFoundError: if a folder holds no run, or was not evaluated.
        ValueError: if runs do not belong together, or a seed stands alone.
    """
    stored = {path.resolve(): StoredRun(path) for path in map(Path, runs)}
    groups = seed_groups(stored.values())
    for seeds in groups:
        ensemble_folder(seeds)  # refuses what cannot be one, before anything is written
    found = []
    for seeds in groups:
        known = [load_config(run.path / "config.yaml").model_dump() for run in seeds]
        one, card, table = ensemble_seeds(seeds, split, configs=known)
        record_results(one, load_config(one.path / "config.yaml"), card, table, "")
        console.print(f"{one.path}: {len(seeds)} seeds, {card['n']:,} rows")
        console.print(_beside_members(card, [run.scorecard(split) for run in seeds]))
        found.append(one)
    if split == "test" and any(
        (place := Place.of(one.config)) and place.has_target for one in found
    ):
        pool_runs([one.path for one in found])
    return found


def _beside_members(card: dict[str, object], members: Sequence[dict[str, object]]) -> str:
    """Return "UAR 54.1 (members 51.9 to 53.0)" for each figure that the cards have."""
    lines = []
    for name in _SHOWN:
        values = [_value(one, name) for one in (card, *members)]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            least, most = number(name, min(known[1:])), number(name, max(known[1:]))
            lines.append(f"{title(name)} {number(name, known[0])} (members {least} to {most})")
    return "  " + ", ".join(lines)


def _value(card: dict[str, object], name: str) -> float | None:
    metrics = card.get("metrics")
    figure = metrics.get(name) if isinstance(metrics, dict) else None
    return None if figure is None else float(figure["value"])
