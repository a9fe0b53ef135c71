"""Nested selection: for each fold or group the candidate that was best on its validation rows.

Candidates are configurations, or values of one, each trained on every fold. The validation rows of
a fold are of other people than its training and its test rows, so a choice made on them knows
nothing of the test: what the chosen runs say together is how well training *and choosing* does
(Varma and Simon 2006; Cawley and Talbot 2010). Stored figures only; no split is read.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from affectrep.evaluation.joined_runs import keys_apart, same_configuration, value_of
from affectrep.evaluation.metric_names import lower_is_better
from affectrep.evaluation.place import Place
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["CHOSEN", "Choice", "choose"]

CHOSEN = "chosen"  # key of environment.json in a run that is made of chosen ones
_Outer = tuple[int, str, Any]  # seed, standardisation, protocol with its folds as one


@dataclass(frozen=True)
class Choice:
    """What was chosen for a fold, or for a group that is left out.

    Args:
        run: the chosen one.
        metric: of validation.
        among: each candidate's name -> its figure on the validation rows of this fold.
        values: in which the candidates differ -> the chosen one's.
    """

    run: StoredRun
    metric: str
    among: Mapping[str, float]
    values: Mapping[str, Any]

    @property
    def place(self) -> str:
        """The fold or the group, such as "fold 2/5"."""
        return self.run.setting

    def described(self) -> dict[str, Any]:
        """Return the choice as JSON values."""
        return {
            "place": self.place,
            "run": self.run.path.name,
            "metric": self.metric,
            "values": dict(self.values),
            "among": dict(self.among),
        }


def choose(runs: Sequence[StoredRun]) -> list[list[Choice]]:
    """Return the choices of each seed and outer split: of all folds, or of one group left out.

    Of equal candidates the one that was given first is taken. Pooled and chosen runs among those
    given are left aside.

    Args:
        runs: of every candidate on every fold or group.

    Raises:
        ValueError: if there is one candidate only, runs have no folds or groups, one is missing or
            there twice, a candidate's folds differ in more than the fold, two candidates of a fold
            have other rows or another metric, or a validation figure is missing.
    """
    runs = [run for run in runs if not _is_made(run)]
    names = list(dict.fromkeys(run.name for run in runs))
    if len(names) < 2:
        raise ValueError(
            f"expected runs of two configurations or values to choose from, got {names or 'none'}"
        )
    outer = _outer(runs)
    _refuse_gaps(outer, names)
    found = []
    for inner in outer.values():
        folds = [inner[fold] for fold in sorted(inner)]
        for name in names:
            same_configuration([there[name] for there in folds], of="folds of one candidate")
        found.append([_best([there[name] for name in names]) for there in folds])
    return found


def _is_made(run: StoredRun) -> bool:
    place = Place.of(run.config)
    return CHOSEN in run.environment or (place is not None and place.pooled)


def _outer(runs: Iterable[StoredRun]) -> dict[_Outer, dict[int, dict[str, StoredRun]]]:
    """Return seed and outer split -> fold -> candidate -> run; a group left out is one fold."""
    found: dict[_Outer, dict[int, dict[str, StoredRun]]] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        place = Place.of(run.config)
        if place is None:
            raise ValueError(
                f"{run.path} has the corpus' own splits: give runs of data.protocol=folds … or "
                "leave_group_out …"
            )
        whole = replace(place.protocol, fold=0) if place.is_fold else place.protocol
        fold = place.protocol.fold if place.is_fold else 0
        there = found[run.seed, place.standardise, whole][fold]
        twin = there.setdefault(run.name, run)
        if twin.path.resolve() != run.path.resolve():
            raise ValueError(f"{twin.path} and {run.path} are one candidate: give one of them.")
    return found


def _refuse_gaps(
    outer: Mapping[_Outer, Mapping[int, Mapping[str, StoredRun]]], names: Sequence[str]
) -> None:
    gaps = []
    for (seed, _, protocol), inner in outer.items():
        several = protocol.kind == "folds"
        for fold in range(protocol.folds) if several else [0]:
            lacking = [name for name in names if name not in inner.get(fold, {})]
            if lacking:
                where = f"fold {fold} of {protocol.folds}" if several else protocol.target
                gaps.append(f"seed {seed}, {where}: {', '.join(lacking)}")
    if gaps:
        raise ValueError(
            "every candidate has to be there on every fold or group, missing are "
            f"{'; '.join(gaps[:5])}{' and others' * (len(gaps) > 5)}. Train what is missing."
        )


def _best(candidates: Sequence[StoredRun]) -> Choice:
    """Return the choice among the candidates of a fold, in the order in which they were given."""
    first = candidates[0]
    metrics = {str((run.config.get("training") or {}).get("select")) for run in candidates}
    if len(metrics) > 1:
        raise ValueError(
            f"candidates chose their epochs by {' and by '.join(sorted(metrics))}: set one "
            "training.select for all"
        )
    for run in candidates[1:]:
        for split in ("validation", "test"):
            if run.fingerprint.get(split) != first.fingerprint.get(split):
                raise ValueError(
                    f"{first.path} and {run.path} have other {split} rows: candidates of a fold "
                    "are judged on the same ones"
                )
    metric = metrics.pop()
    among = {run.name: _figure(run, metric) for run in candidates}
    sign = -1 if lower_is_better(metric) else 1
    best = max(candidates, key=lambda run: sign * among[run.name])
    keys = keys_apart([run.config for run in candidates], indifferent=["name"])
    return Choice(best, metric, among, {key: value_of(best.config, key) for key in keys})


def _figure(run: StoredRun, metric: str) -> float:
    """Return the validation figure of the epoch that training kept."""
    value = run.environment.get("best")
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(
            f"{run.path} has no {metric} of its validation rows: training did not end there. Give "
            "its `affectrep train` command again."
        )
    return float(value)
