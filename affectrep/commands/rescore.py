"""``affectrep rescore``: compute a recipe's figures again from its records, without any reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from affectrep.commands.pool import pool_runs
from affectrep.data.manifest import SPLITS
from affectrep.evaluation.families import Families, family_statistics
from affectrep.evaluation.metrics import Statistics
from affectrep.evaluation.predictions import table_statistics, table_targets
from affectrep.evaluation.record_sets import expand_records
from affectrep.evaluation.results import (
    Result,
    read_results,
    results_of,
    update_readme,
    write_results,
)
from affectrep.evaluation.scorecard import Resampling, figures_of
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.strong_weak import RADIUS, strong_weak_report

__all__ = ["run"]

_TOLERANCE = 1e-4  # records keep six digits of a regression's predictions
console = Console(soft_wrap=True, markup=False, highlight=False)


def run(recipe: Path) -> int:
    """Compute figures and intervals of all records again; write results.csv and the README's table.

    Figures that need more than predictions (of training rows, embeddings or probabilities) stay as
    they are. Means over targets are made anew from what was computed.

    Args:
        recipe: folder with ``results.csv`` and ``records/``.

    Returns:
        How many figures were computed again.

    Raises:
        FileNotFoundError: if there are no records.
        ValueError: if a value is not the one that stands in results.csv.
    """
    files = sorted((recipe / "records").glob("*.csv"))
    if not files:
        raise FileNotFoundError(f"{recipe / 'records'} holds no record files.")
    path = recipe / "results.csv"
    standing = _by_key(read_results(path))
    records = expand_records(files)
    found = [result for record in records for result in _rescored(StoredRun(record))]
    known = [result for result in found if _key(result) in standing]
    wrong = [
        f"{one.config}, {one.condition or 'no condition'}, seed {one.seed}: {one.metric} is "
        f"{one.value:.6g}, results.csv has {standing[_key(one)]:.6g}"
        for one in known
        if not abs(one.value - standing[_key(one)]) < _TOLERANCE
    ]
    if wrong:
        lines = "".join(f"\n- {line}" for line in wrong[:20])
        raise ValueError(f"{len(wrong)} figures of {path} are not those of its records:{lines}")
    write_results(path, known)
    update_readme(recipe / "README.md", path)
    pool_runs(records)
    console.print(
        f"{len(known):,} of {len(standing):,} figures of {path} computed again from {len(records)} "
        "records: the values are the same, intervals are as they are made now."
    )
    return len(known)


def _rescored(stored: StoredRun) -> Iterator[Result]:
    """Yield the figures of a record; its scorecards stay beside it, for means over targets."""
    settings = stored.config.get("evaluation") or {}
    resampling = Resampling(
        settings.get("resamples", 2000), settings.get("confidence", 0.95), settings.get("cluster")
    )
    for path in sorted((stored.path / "predictions").glob("*.csv")):
        if path.stem not in SPLITS:  # photos of smiles have no labels
            continue
        table = stored.table(path.stem)
        card: dict[str, Any] = {
            "config": stored.name,
            "seed": stored.seed,
            "split": path.stem,
            "task": table.attrs["task"],
            "n": len(table),
            "metrics": figures_of(_statistics(settings, table), table, resampling),
        }
        if RADIUS in table.attrs:
            radius = float(table.attrs[RADIUS])
            card["strong_weak"] = strong_weak_report(table, radius, resampling=resampling)
        card["data"] = str(stored.fingerprint.get(path.stem, {}).get("content", ""))[:12]
        path.with_suffix(".json").write_text(json.dumps(card) + "\n", encoding="utf-8")
        yield from results_of(card, stored.environment, stored.setting)


def _statistics(settings: dict[str, Any], table: pd.DataFrame) -> list[Statistics]:
    """Return what a record suffices for; it has no probabilities."""
    found, file = [table_statistics(table)], settings.get("families")
    if file and table.attrs["task"] == "classification":
        families = Families.load(file, table.attrs["classes"])
        found.append(family_statistics(*table_targets(table), families))
    return found


def _key(result: Result) -> tuple[object, ...]:
    return (result.config, result.condition, result.split, result.seed, result.metric)


def _by_key(table: pd.DataFrame) -> dict[tuple[object, ...], float]:
    names = ("config", "condition", "split", "seed", "metric")
    keys = zip(*(table[name] for name in names), strict=True)
    return dict(zip(keys, table["value"].astype(float), strict=True))
