"""``affectrep rescore``: compute a recipe's figures again from its records, without any reading."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from affectrep.commands.pool import pool_runs
from affectrep.data.manifest import SPLITS
from affectrep.evaluation.families import Families
from affectrep.evaluation.record_cards import record_card, record_resampling
from affectrep.evaluation.record_sets import expand_records
from affectrep.evaluation.results import (
    Result,
    read_results,
    results_of,
    update_readme,
    write_results,
)
from affectrep.evaluation.smile_pairs import SMILES, smile_pairs
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.strong_weak import RADIUS

__all__ = ["run"]

_Key = tuple[object, ...]
_TOLERANCE = 1e-4  # records keep six digits of a regression's predictions
console = Console(soft_wrap=True, markup=False, highlight=False)


def run(recipe: Path) -> int:
    """Compute figures and intervals of all records again; write results.csv and the README's table.

    Figures that need more than predictions stay as they are: those of probabilities, embeddings,
    training rows, and of rows without those that leaked. Means over targets are made anew from what
    was computed. A file of ``families/`` counts where it has the classes of a record.

    Args:
        recipe: folder with ``results.csv`` and ``records/``.

    Returns:
        How many figures were computed again.

    Raises:
        FileNotFoundError: if there are no records.
        ValueError: if a value is not the one that stands in results.csv, none of them stands
            there, or a record is damaged.
    """
    files = sorted((recipe / "records").glob("*.csv"))
    if not files:
        raise FileNotFoundError(f"{recipe / 'records'} holds no record files.")
    path = recipe / "results.csv"
    standing = _by_key(read_results(path))
    records = expand_records(files)
    runs = [StoredRun(record) for record in records]
    radii = _radii(runs)
    found = [result for run in runs for result in _rescored(run, recipe, radii)]
    known = [_with_data(result, standing) for result in found if _key(result) in standing]
    if not known:
        raise ValueError(
            f"{path} has no figure of the records in {recipe / 'records'}: restore it, or "
            "evaluate the runs again."
        )
    wrong = [
        f"{one.config}, {one.condition or 'no condition'}, seed {one.seed}: {one.metric} is "
        f"{one.value:.6g}, results.csv has {standing[_key(one)][0]:.6g}"
        for one in known
        if not abs(one.value - standing[_key(one)][0]) < _TOLERANCE
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


def _rescored(stored: StoredRun, recipe: Path, radii: Mapping[str, float]) -> Iterator[Result]:
    """Yield the figures of a record; its scorecards stay beside it, for means over targets."""
    settings = stored.config.get("evaluation") or {}
    resampling = record_resampling(stored)
    for path in sorted((stored.path / "predictions").glob("*.csv")):
        table = stored.table(path.stem)
        card: dict[str, Any] = {"config": stored.name, "seed": stored.seed, "split": path.stem}
        if path.stem == SMILES:  # photos without labels
            card |= smile_pairs(table, confidence=resampling.confidence) | {"data": ""}
            card["n"] = card["people"]
        elif path.stem in SPLITS:
            families = _families(settings, table, recipe)
            if _trained_on(stored) in radii:
                table.attrs.setdefault(RADIUS, radii[_trained_on(stored)])
            card |= record_card(table, resampling, families)
            card["data"] = str(stored.fingerprint.get(path.stem, {}).get("content", ""))[:12]
        else:
            continue
        path.with_suffix(".json").write_text(json.dumps(card) + "\n", encoding="utf-8")
        yield from results_of(card, stored.environment, stored.setting)


def _radii(runs: Sequence[StoredRun]) -> dict[str, float]:
    """Return from which radius rows are strong, by the digest of the training labels it is of.

    Older records do not name it, but others of the same training labels do.
    """
    known: dict[str, float] = {}
    for run in runs:
        if run.config.get("task") == "regression" and _trained_on(run):
            path = run.path / "predictions" / "test.csv"
            radius = run.table("test").attrs.get(RADIUS) if path.is_file() else None
            if radius is not None:
                known[_trained_on(run)] = float(radius)
    return known


def _trained_on(run: StoredRun) -> str:
    return str(run.fingerprint.get("train", {}).get("targets", ""))


def _families(settings: Mapping[str, Any], table: pd.DataFrame, recipe: Path) -> Families | None:
    """Return the families of the configuration, else those that the recipe has of these classes.

    ``affectrep evaluate --families`` names them outside the configuration.
    """
    classes = table.attrs["classes"]
    if table.attrs["task"] != "classification":
        return None
    if settings.get("families"):
        return Families.load(settings["families"], classes)
    for path in sorted((recipe / "families").glob("*.json")):
        if sorted(Families.load(path).classes) == sorted(classes):
            return Families.load(path, classes)
    return None


def _with_data(result: Result, standing: Mapping[_Key, tuple[float, str]]) -> Result:
    """Return a figure with the digest of its rows; a record has none of the photos of smiles."""
    return result if result.data else replace(result, data=standing[_key(result)][1])


def _key(result: Result) -> _Key:
    return (result.config, result.condition, result.split, result.seed, result.metric)


def _by_key(table: pd.DataFrame) -> dict[_Key, tuple[float, str]]:
    """Return the value and the digest of the rows of each figure."""
    names = ("config", "condition", "split", "seed", "metric")
    keys = zip(*(table[name] for name in names), strict=True)
    values = zip(table["value"].astype(float), table["data"], strict=True)
    return dict(zip(keys, values, strict=True))
