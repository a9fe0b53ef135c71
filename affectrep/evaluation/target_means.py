"""Figures over targets: for each configuration and seed the mean over the targets it was tested on.

A target is an unseen language or corpus, or a group that was left out.
Each target counts alike, however many rows it has. Where a target was tested from several sources
(Baseline 1), the mean over its sources comes first. Only what evaluation stored is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from affectrep.data.keys import digest
from affectrep.evaluation.alignment import align, clustered_table
from affectrep.evaluation.intervals import Interval
from affectrep.evaluation.nested import TargetRuns, nested_intervals
from affectrep.evaluation.place import Place
from affectrep.evaluation.predictions import table_statistics
from affectrep.evaluation.results import Result
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["METRICS", "TargetMean", "target_means"]

METRICS = ("uar", "macro_f1", "accuracy", "weighted_f1")
_OF_REGRESSION = ("ccc", "rmse")
_Key = tuple[str, str, str]
_NAN = float("nan")


@dataclass(frozen=True)
class TargetMean:
    """A mean, and the figures that it was made of.

    Args:
        result: the mean, as a line of results.csv, with the interval over speakers and targets.
        parts: setting -> figure.
        targets: that it is over.
    """

    result: Result
    parts: Mapping[str, float]
    targets: frozenset[str]


@dataclass(frozen=True)
class _Tested:
    place: Place
    run: StoredRun
    card: Mapping[str, Any]

    @property
    def target(self) -> str:
        return self.place.target

    @property
    def pair(self) -> tuple[str, tuple[str, ...]]:
        return self.target, self.place.protocol.sources


def target_means(runs: Iterable[StoredRun]) -> tuple[list[TargetMean], list[str]]:
    """Return the means over targets, and sentences about those that could not be made.

    A seed counts where it was tested on every target (and from every source) that another seed of
    its configuration was tested on. Folds count where they are pooled.

    Args:
        runs: evaluated ones; those that are not cross-lingual are left aside.

    Raises:
        ValueError: if two runs are one configuration, seed and setting.
    """
    groups: dict[_Key, dict[int, list[_Tested]]] = defaultdict(lambda: defaultdict(list))
    for one in _evaluated(runs):
        key = (one.run.name, one.place.standardise, _suffix(one.place))
        _refuse_twin(one, groups[key][one.run.seed])
        groups[key][one.run.seed].append(one)
    found: list[TargetMean] = []
    notes: list[str] = []
    for key, seeds in groups.items():
        every = [one for tested in seeds.values() for one in tested]
        kinds = sorted({one.place.protocol.kind for one in every})
        if len(kinds) > 1:
            notes.append(f"{key[0]}: no mean over runs of {' and of '.join(kinds)} together.")
            continue
        for seed, tested in sorted(seeds.items()):
            lacking = _lacking(tested, every)
            if lacking:
                notes.append(f"{key[0]}, seed {seed}: no mean, {lacking} is missing.")
            else:
                found += _means_of(tested, suffix=key[2])
    return found, notes + _uneven(found)


def _lacking(tested: Sequence[_Tested], every: Sequence[_Tested]) -> str:
    """Return what other seeds were tested on and this one was not; empty where nothing."""
    pairs = sorted({one.pair for one in every} - {one.pair for one in tested})
    return ", ".join("+".join(sources) + ">" * bool(sources) + goal for goal, sources in pairs)


def _uneven(means: Sequence[TargetMean]) -> list[str]:
    """Say where means that stand side by side are over different targets."""
    covered: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for one in means:
        if len(one.targets) > 1:
            covered[one.result.condition][one.result.config] = one.targets
    return [
        f"{condition}: the configurations cover different targets ("
        + "; ".join(f"{name} {', '.join(sorted(goals))}" for name, goals in names.items())
        + "), so these means cannot be compared."
        for condition, names in covered.items()
        if len(set(names.values())) > 1
    ]


def _refuse_twin(one: _Tested, others: Iterable[_Tested]) -> None:
    for other in others:
        if other.pair == one.pair:
            raise ValueError(
                f"{other.run.path} and {one.run.path} are one configuration, seed and setting: "
                "give one of them."
            )


def _evaluated(runs: Iterable[StoredRun]) -> Iterable[_Tested]:
    for run in runs:
        place, card = Place.of(run.config), run.scorecard("test")
        if place is not None and place.has_target and not place.is_fold and card:
            yield _Tested(place, run, card)


def _suffix(place: Place) -> str:
    """Return what tells means apart beside the condition: corpora, languages that took no part."""
    parts = ["of corpora"] if place.protocol.kind == "leave_corpus_out" else []
    if place.column:
        parts.append(f"of one {place.column} left out")
    if place.protocol.without:
        parts.append(f"without {'+'.join(place.protocol.without)}")
    return " ".join(["", *parts])


def _means_of(tested: Sequence[_Tested], *, suffix: str) -> list[TargetMean]:
    by_target: dict[str, list[_Tested]] = defaultdict(list)
    said = tested[0].place.in_condition
    for one in sorted(tested, key=lambda one: one.pair):
        by_target[one.target].append(one)
    known = set.intersection(*(set(one.card["metrics"]) for one in tested))
    metrics = [name for name in (*METRICS, *_OF_REGRESSION) if name in known]
    parts = {
        said(f"*>{target}{suffix}"): {target: group}
        for target, group in by_target.items()
        if len(group) > 1
    }
    if len(by_target) > 1:
        parts[said(f"mean{suffix}")] = by_target
    found = []
    for condition, groups in parts.items():
        intervals = _intervals(groups)
        for metric in metrics:
            each = [fmean(_value(one, metric) for one in group) for group in groups.values()]
            all_of_them = [one for group in groups.values() for one in group]
            result = _result(all_of_them, condition, metric, fmean(each), intervals.get(metric))
            values = {one.place.setting: _value(one, metric) for one in all_of_them}
            found.append(TargetMean(result, values, frozenset(groups)))
    return found


def _intervals(groups: Mapping[str, Sequence[_Tested]]) -> dict[str, Interval]:
    """Return the intervals of the means: speakers drawn anew, and the targets where several."""
    found = nested_intervals([_target_runs(name, group) for name, group in groups.items()])
    return {metric: one.drawn or one.fixed for metric, one in found.items()}


def _target_runs(name: str, group: Sequence[_Tested]) -> TargetRuns:
    first = group[0].run
    reference = clustered_table(first, "test")
    tables = [align(clustered_table(one.run, "test"), one.run, reference, first) for one in group]
    speakers = group[0].place.clusters(reference)
    return TargetRuns(name, [[table_statistics(table) for table in tables]], speakers)


def _value(one: _Tested, metric: str) -> float:
    return float(one.card["metrics"][metric]["value"])


def _result(
    group: Sequence[_Tested], condition: str, metric: str, value: float, interval: Interval | None
) -> Result:
    """Return a mean as a line of results.csv; a row that several runs tested counts once."""
    rows = {one.target: int(one.card["n"]) for one in group}
    known = [one.run.environment for one in group]
    minutes = [float(each.get("minutes") or _NAN) for each in known]
    data = {one.target: str(one.card.get("data", "")) for one in group}
    return Result(
        config=group[0].run.name,
        condition=condition,
        split="test",
        seed=group[0].run.seed,
        metric=metric,
        value=value,
        low=interval.low if interval else _NAN,
        high=interval.high if interval else _NAN,
        n=sum(rows.values()),
        commit=_joined(each.get("commit") for each in known),
        data=digest(data[target] for target in sorted(data))[:12],
        minutes=sum(minutes),
        device=_joined(each.get("device") for each in known),
    )


def _joined(names: Iterable[Any]) -> str:
    return "+".join(sorted({str(name) for name in names if name}))
