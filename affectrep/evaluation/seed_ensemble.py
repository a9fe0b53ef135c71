"""Make one run of the seeds of a configuration: the mean of what they say of every row.

The mean of the seeds' probabilities is a committee of equal votes (Hansen and Salamon, 1990;
Lakshminarayanan et al., 2017): it errs less than its members do on average, as far as they err
apart. Only stored predictions are used; no split is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import yaml

from affectrep.data.keys import digest
from affectrep.evaluation.families import Families
from affectrep.evaluation.joined_runs import (
    join_ledgers,
    joined_environment,
    same_configuration,
    write_json,
)
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.metrics import AXES
from affectrep.evaluation.predictions import write_predictions
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["SUFFIX", "ensemble_folder", "ensemble_seeds", "mean_predictions", "seed_groups"]

SUFFIX = "_ensemble"


def seed_groups(runs: Iterable[StoredRun]) -> list[list[StoredRun]]:
    """Return the runs of each configuration and setting, in the order of their seeds.

    Raises:
        ValueError: if a seed is there twice, or a configuration has one seed only.
    """
    groups: dict[tuple[Path, str, str], dict[int, StoredRun]] = defaultdict(dict)
    for run in runs:
        seeds = groups[run.path.resolve().parent, run.name, run.setting]
        twin = seeds.setdefault(run.seed, run)
        if twin.path.resolve() != run.path.resolve():
            raise ValueError(f"{twin.path} and {run.path} are one seed: give one of them.")
    alone = [run.path for seeds in groups.values() if len(seeds) == 1 for run in seeds.values()]
    if alone:
        raise ValueError(
            f"{alone[0]} is the only seed of its configuration and setting here: an ensemble "
            "needs two or more."
        )
    return [[seeds[seed] for seed in sorted(seeds)] for seeds in groups.values()]


def ensemble_folder(seeds: Sequence[StoredRun]) -> Path:
    """Return the folder of the ensemble, beside its members.

    Raises:
        ValueError: if a member's folder does not begin with its name, or is itself an ensemble.
    """
    first = seeds[0]
    if first.name.endswith(SUFFIX):
        raise ValueError(f"{first.path} is an ensemble already: give its members.")
    if not first.path.name.startswith(first.name):
        raise ValueError(f"{first.path}: expected a folder that begins with {first.name}.")
    return first.path.parent / (first.name + SUFFIX + first.path.name.removeprefix(first.name))


def ensemble_seeds(
    seeds: Sequence[StoredRun], split: str, *, configs: Sequence[Mapping[str, Any]] | None = None
) -> tuple[StoredRun, dict[str, Any], pd.DataFrame]:
    """Write the run folder of the ensemble; return it, its scorecard and its predictions.

    It has the first member's seed, and the name of the configuration with ``_ensemble``.

    Args:
        seeds: of one configuration and setting, as :func:`seed_groups` returns them.
        split: whose stored predictions.
        configs: of the members, with the keys that came after they were trained.

    Raises:
        FileNotFoundError: if a member was not evaluated on the split.
        ValueError: if the members differ in more than their seed, or in their rows.
    """
    folder, first = ensemble_folder(seeds), seeds[0]
    words = "members of an ensemble"
    same_configuration(seeds, of=words, indifferent=["seed"], configs=configs)
    tables = [run.table(split) for run in seeds]
    try:
        table = mean_predictions(tables)
    except ValueError as error:
        raise ValueError(f"{first.path.parent / first.name}, {split}: {error}") from error
    table.attrs["ranking"] = first.gives_rankings
    folder.mkdir(parents=True, exist_ok=True)
    config = {**first.config, "name": first.name + SUFFIX}
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    write_json(folder / "data.json", _described(seeds))
    write_json(folder / "environment.json", joined_environment(seeds, "ensemble"))
    join_ledgers(folder, seeds, names=[f"seed {run.seed}" for run in seeds])
    write_predictions(folder / "predictions" / f"{split}.parquet", table)
    card = _card(seeds, split, table)
    write_json(folder / "predictions" / f"{split}.json", card)
    return StoredRun(folder), card, table


def mean_predictions(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the table of the mean of several models' predictions for the same rows.

    Classes: the mean probability, and the class where it is greatest (one label), or the classes
    where it reaches the mean of the members' thresholds (several). Regression: the mean value.

    Args:
        tables: of :func:`~affectrep.evaluation.predictions.predictions_table`; in any order of
            rows.

    Raises:
        ValueError: if the tables differ in task, classes, rows or labels, or hold no probabilities.

    Example:
        >>> from affectrep.evaluation.evaluate import Predictions
        >>> from affectrep.evaluation.predictions import predictions_table
        >>> def said(*scores):
        ...     scores = np.array([scores], dtype=np.float32)
        ...     told = Predictions(["a"], np.array([1]), scores)
        ...     return predictions_table(told, "classification", ["calm", "angry"])
        >>> mean_predictions([said(1.0, 0.0), said(-3.0, 0.0)])["predicted"].tolist()
        ['angry']
    """
    first = tables[0]
    own = [name for name in first if _is_said(str(name))]
    others = []
    for table in tables:
        for key in ("task", "classes"):
            if table.attrs[key] != first.attrs[key]:
                raise ValueError(f"members have a different {key}")
        if set(table["id"]) != set(first["id"]) or len(table) != len(first):
            raise ValueError("members have predicted other rows")
        others.append(table.set_index("id").loc[first["id"]].reset_index())
    labels = [name for name in ("label", "labels", *AXES) if name in first]
    for table in others:
        if any(list(map(str, table[name])) != list(map(str, first[name])) for name in labels):
            raise ValueError("the same rows have other labels")
    values = [name for name in own if name != "predicted"]
    if not values:
        raise ValueError(
            "the stored predictions hold no probabilities; give run folders, not records"
        )
    found = first.copy()
    for name in values:
        found[name] = np.mean([table[name].to_numpy(dtype=np.float64) for table in others], axis=0)
    found.attrs = {key: first.attrs.get(key) for key in ("task", "classes", "split")}
    found.attrs["threshold"] = _threshold(tables)
    found.attrs["model"] = digest(str(table.attrs.get("model")) for table in tables)[:12]
    return _decided(found)


def _is_said(name: str) -> bool:
    return name.startswith(("prob_", "predicted"))


def _threshold(tables: Sequence[pd.DataFrame]) -> float | None:
    known = [table.attrs.get("threshold") for table in tables]
    return fmean(known) if None not in known else None


def _decided(table: pd.DataFrame) -> pd.DataFrame:
    """Put the classes in ``predicted`` that the probabilities now say."""
    if table.attrs["task"] == "regression":
        return table
    names = np.array(table.attrs["classes"], dtype=object)
    said = table[[f"prob_{i}" for i in range(len(names))]].to_numpy()
    if table.attrs["task"] == "classification":
        table["predicted"] = names[said.argmax(1)]
    else:
        threshold = table.attrs["threshold"]
        chosen = said >= (0.5 if threshold is None else threshold)
        table["predicted"] = [list(names[row]) for row in chosen]
    return table


def _described(seeds: Sequence[StoredRun]) -> dict[str, Any]:
    known = seeds[0].info
    told = ", ".join(str(run.seed) for run in seeds)
    notes = [*(known.get("notes") or []), f"Mean of the predictions of seeds {told}."]
    return {"fingerprint": seeds[0].fingerprint, "info": {**known, "notes": notes}}


def _card(seeds: Sequence[StoredRun], split: str, table: pd.DataFrame) -> dict[str, Any]:
    settings = seeds[0].config.get("evaluation") or {}
    names = ("resamples", "confidence", "cluster")
    known = {name: settings[name] for name in names if name in settings}
    cards = [run.scorecard(split) for run in seeds]
    stored = cards[0].get("families")
    families = Families(**stored) if stored else None
    found = scorecard(table, families=families, resampling=Resampling(**known))
    leaks = (cards[0].get("without_leaks") or {}).get("leaked")
    if leaks:
        found["warnings"].append(
            f"{leaks} rows are also in the training rows; the figures count them."
        )
    return {
        "config": seeds[0].name + SUFFIX,
        "seed": seeds[0].seed,
        "split": split,
        "data": cards[0].get("data", ""),
        "readings": max(len(readings(run.path, split)) for run in seeds),
        **found,
    }
