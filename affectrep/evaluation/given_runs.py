"""The runs among what a user gave, such as ``runs/*``, and what of it was left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affectrep.evaluation.place import Place
from affectrep.evaluation.record_origin import told_path
from affectrep.evaluation.record_sets import expand_records, is_record
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["given_runs", "listed"]

_NAMED = 4  # of what was left out, the rest is counted


def given_runs(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the run folders that were given, records unpacked, and sentences on what was not one.

    Left out are files that are no record, folders that are no run, and folds whose pooled run was
    given too: it holds their rows already.

    Args:
        paths: run folders, record files, and whatever lies beside them.

    Raises:
        FileNotFoundError: if a path does not exist: it was misspelt.
        ValueError: if a record file is damaged.
    """
    kept: list[Path] = []
    odd: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such run folder.")
        there = is_record(path) if path.is_file() else (path / "config.yaml").is_file()
        (kept if there else odd).append(path)
    runs, folds = _without_pooled([StoredRun(path) for path in expand_records(kept)])
    notes = [f"Left out, as no run and no record: {listed(odd)}."] if odd else []
    if folds:
        notes.append(f"Left out, as their pooled run is given, too: {listed(folds)}.")
    return [run.path for run in runs], notes


def _without_pooled(runs: Sequence[StoredRun]) -> tuple[list[StoredRun], list[Path]]:
    """Return the runs without folds whose pooled run is among them, and those folds."""
    places = [Place.of(run.config) for run in runs]
    pooled = {
        (*_whose(run), place.setting)
        for run, place in zip(runs, places, strict=True)
        if place is not None and place.pooled
    }
    kept: list[StoredRun] = []
    folds: list[Path] = []
    for run, place in zip(runs, places, strict=True):
        fold = place is not None and place.is_fold
        if fold and place is not None and (*_whose(run), place.pooled_setting) in pooled:
            folds.append(run.path)
        else:
            kept.append(run)
    return kept, folds


def _whose(run: StoredRun) -> tuple[Path, str, int]:
    return run.path.resolve().parent, run.name, run.seed


def listed(paths: Sequence[Path]) -> str:
    """Return what a message calls some runs and files: the first of them, and how many more.

    Example:
        >>> listed([Path(f"runs/ce-{seed}") for seed in range(6)])
        'runs/ce-0, runs/ce-1, runs/ce-2, runs/ce-3 and 2 more'
    """
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(map(told_path, paths[:_NAMED])) + more
