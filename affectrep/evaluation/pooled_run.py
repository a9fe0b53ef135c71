"""Make one run of the fold runs of a configuration and seed, from their stored predictions.

Each row of a target, or of a corpus, is tested in exactly one fold, so the folds' predictions
together are those of the whole, as a zero-shot run has them. No split is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from affectrep.data.keys import digest
from affectrep.data.setting import setting_slug
from affectrep.evaluation.joined_runs import (
    join_ledgers,
    joined_environment,
    same_configuration,
    write_json,
)
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.nested_choice import CHOSEN, Choice
from affectrep.evaluation.place import Place
from affectrep.evaluation.predictions import write_predictions
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["pool_choices", "pool_folds", "pooled_folder", "whole_groups"]


def pooled_folder(folds: Sequence[StoredRun], name: str = "") -> Path:
    """Return the folder of the pooled run, beside its folds.

    Args:
        folds: that are pooled.
        name: of a run that is made of chosen ones; empty takes that of the folds.

    Raises:
        ValueError: if another run stands there.
    """
    first = folds[0]
    slug = setting_slug(_place(first).pooled_setting)
    folder = first.path.parent / f"{name or first.name}.{slug}-{first.seed}"
    if (folder / "config.yaml").is_file():
        stored = StoredRun(folder)
        there = Place.of(stored.config)
        made = CHOSEN in stored.environment if name else there is not None and there.pooled
        if not made:
            raise ValueError(
                f"{folder} is a run of its own, where the pooled folds would stand: move it away."
            )
    return folder


def whole_groups(runs: Iterable[StoredRun]) -> tuple[list[list[StoredRun]], list[str]]:
    """Return the fold runs of each configuration, seed and target, and what is missing.

    Runs that are no folds are left aside.

    Returns:
        Complete groups, each in the order of its folds, and a sentence for each other group.

    Raises:
        ValueError: if a fold is there twice.
    """
    groups: dict[tuple[Any, ...], dict[int, StoredRun]] = defaultdict(dict)
    for run in runs:
        place = Place.of(run.config)
        if place is None or not place.is_fold:
            continue
        same = replace(place.protocol, fold=0)
        folds = groups[run.path.resolve().parent, run.name, run.seed, place.standardise, same]
        twin = folds.setdefault(place.protocol.fold, run)
        if twin.path.resolve() != run.path.resolve():
            raise ValueError(f"{twin.path} and {run.path} are one fold: give one of them.")
    whole, missing = [], []
    for (_, name, seed, _, protocol), folds in groups.items():
        lacking = [str(fold) for fold in range(protocol.folds) if fold not in folds]
        if lacking:
            target = f", target {protocol.target}" if protocol.target else ""
            missing.append(
                f"{name}, seed {seed}{target}: fold {', '.join(lacking)} of {protocol.folds} is "
                "missing"
            )
        else:
            whole.append([folds[fold] for fold in sorted(folds)])
    return whole, missing


def pool_folds(folds: Sequence[StoredRun]) -> tuple[StoredRun, dict[str, Any], pd.DataFrame]:
    """Write the run folder of all folds; return it, its scorecard and its predictions.

    Args:
        folds: of one configuration and seed, as :func:`whole_groups` returns them.

    Raises:
        FileNotFoundError: if a fold was not evaluated on test.
        ValueError: if the folds differ in more than the fold, or share rows.
    """
    same_configuration(folds, of="folds of one run")
    return _written(folds, folds[0].name, pooled_folder(folds), ())


def pool_choices(
    choices: Sequence[Choice], name: str
) -> tuple[StoredRun, dict[str, Any], pd.DataFrame]:
    """Write the run folder of what was chosen for each fold, or for a group that is left out.

    Its configuration is that of the first fold's choice and belongs to no recipe; what was chosen
    where stands in ``environment.json`` and in the notes of ``data.json``.

    Args:
        choices: of one seed, as :func:`affectrep.evaluation.nested_choice.choose` returns them.
        name: of the run that is written.

    Raises:
        FileNotFoundError: if a chosen run was not evaluated on test.
        ValueError: if a candidate has the name, or folds share rows.
    """
    if name in choices[0].among:
        raise ValueError(f"{name} is one of the candidates: give another name")
    folds = [choice.run for choice in choices]
    return _written(folds, name, pooled_folder(folds, name), choices)


def _written(
    folds: Sequence[StoredRun], name: str, folder: Path, choices: Sequence[Choice]
) -> tuple[StoredRun, dict[str, Any], pd.DataFrame]:
    table = _joined_table(folds)
    if _place(folds[0]).is_fold:
        _all_rows_are_there(folds, table)
    config = {**folds[0].config, "name": name, "data": {**folds[0].config["data"]}}
    config["data"]["protocol"] = _place(folds[0]).pooled_protocol
    config |= {"recipe": None} if choices else {}
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    data = {"fingerprint": {"test": _fingerprint(folds, table)}, "info": _info(folds, choices)}
    write_json(folder / "data.json", data)
    environment = joined_environment(folds, "pooled")
    if choices:
        environment[CHOSEN] = [choice.described() for choice in choices]
    write_json(folder / "environment.json", environment)
    join_ledgers(folder, folds, split="test", names=[f"fold {n}" for n in range(len(folds))])
    write_predictions(folder / "predictions" / "test.parquet", table)
    card = {**_card(folds, table, data["fingerprint"]["test"]["content"]), "config": name}
    write_json(folder / "predictions" / "test.json", card)
    return StoredRun(folder), card, table


def _place(run: StoredRun) -> Place:
    place = Place.of(run.config)
    if place is None or place.pooled:
        raise ValueError(f"expected a run of the protocol folds, got {run.path}")
    return place


def _joined_table(folds: Sequence[StoredRun]) -> pd.DataFrame:
    tables = [run.table("test") for run in folds]
    for run, table in zip(folds, tables, strict=True):
        for key in ("task", "classes"):
            if table.attrs[key] != tables[0].attrs[key]:
                raise ValueError(f"{folds[0].path} and {run.path} have a different {key}.")
    thresholds = {table.attrs.get("threshold") for table in tables}
    attrs = {key: tables[0].attrs[key] for key in ("task", "classes")}
    attrs |= {"threshold": thresholds.pop() if len(thresholds) == 1 else None, "split": "test"}
    attrs["model"] = digest(str(table.attrs.get("model")) for table in tables)[:12]
    for table in tables:
        table.attrs = {}  # pandas compares them when it joins
    joined = pd.concat(tables, ignore_index=True)
    twice = joined["id"][joined["id"].duplicated()]
    if len(twice):
        raise ValueError(
            f"{len(twice)} rows are in several folds of {folds[0].path.parent / folds[0].name}, "
            f"such as {twice.iloc[0]}: the folds were drawn from other data or with another seed."
        )
    joined.attrs = attrs
    return joined


def _all_rows_are_there(folds: Sequence[StoredRun], table: pd.DataFrame) -> None:
    """Compare with the rows of each fold: what it did not test, it trained and chose on."""
    if float(folds[0].config["data"].get("train_fraction") or 1.0) < 1:
        return
    for run in folds:
        rows = sum(int(part.get("rows", 0)) for part in run.fingerprint.values())
        # folds of one corpus leave training rows out, such as those whose text is tested
        left_out = run.info.get("dropped") or {} if _place(run).of_groups else {}
        if rows and not rows <= len(table) <= rows + sum(map(int, left_out.values())):
            of = "" if _place(run).of_groups else " of its target"
            raise ValueError(
                f"{run.path} has {rows:,} rows{of}, the test splits of all folds {len(table):,}: "
                "the folds were drawn from other data."
            )


def _fingerprint(folds: Sequence[StoredRun], table: pd.DataFrame) -> dict[str, Any]:
    parts = [run.fingerprint.get("test", {}) for run in folds]
    known = {
        key: digest(str(part.get(key, "")) for part in parts) for key in ("content", "targets")
    }
    return {"rows": len(table), "ids": digest(map(str, table["id"])), **known}


def _info(folds: Sequence[StoredRun], choices: Sequence[Choice]) -> dict[str, Any]:
    """Return the description of the corpus, without what was true of one fold only."""
    place, info = _place(folds[0]), folds[0].info
    shared = set.intersection(*(set(run.info.get("notes") or []) for run in folds))
    counts = ("train:", "validation:", "test:")
    notes = [
        note for note in info.get("notes") or [] if note in shared and not note.startswith(counts)
    ]
    of = f" of {place.target}" if place.has_target else ""
    whose = "group" if place.of_groups and not place.column else place.column or "speaker"
    if place.is_fold:
        notes.append(
            f"{len(folds)} folds{of} together: each row was predicted by a model that its {whose} "
            "took no part in."
        )
    notes += [
        f"{one.place}: {one.run.name} was chosen from {len(one.among)} by {one.metric} on "
        "validation rows."
        for one in choices
    ]
    dropped = {
        str(reason).replace(place.protocol.name, place.pooled_protocol): count
        for reason, count in (info.get("dropped") or {}).items()
    }
    return {**info, "notes": notes, "dropped": dropped}


def _card(folds: Sequence[StoredRun], table: pd.DataFrame, content: str) -> dict[str, Any]:
    settings = folds[0].config.get("evaluation") or {}
    names = ("resamples", "confidence", "cluster")
    known = {name: settings[name] for name in names if name in settings}
    table.attrs["ranking"] = any(run.gives_rankings for run in folds)
    card = scorecard(table, resampling=Resampling(**known))
    for number, run in enumerate(folds):
        leaks = run.scorecard("test").get("without_leaks")
        if leaks:
            card["warnings"].append(
                f"{leaks['leaked']} rows of fold {number} are also in its training rows; the "
                "figures count them."
            )
    return {
        "config": folds[0].name,
        "seed": folds[0].seed,
        "split": "test",
        "data": content[:12],
        "readings": max(len(readings(run.path, "test")) for run in folds),
        **card,
    }
