"""Means over targets, such as languages never seen in training: target -> speaker -> seed.

A system's point value is the mean over targets of the mean over seeds of a metric, so each target
counts alike. Three things could have come out otherwise, and each has its part of the variance:

- **Speakers** of a target: the jackknife, which leaves out one speaker at a time. A target with G
  speakers has G - 1 degrees of freedom. It needs no draws, and where few speakers hold most rows
  of a class it errs on the long side, the bootstrap on the short one. The mean over seeds is
  jackknifed, so that what belongs to a speaker and a seed jointly is counted here, once.
- **Seeds**: the variance of the means over targets from seed to seed, beyond what the speakers
  explain, divided by the seeds, with seeds - 1 degrees of freedom. A number of a seed may mean the
  same thing in every target (the same first weights): that is covered.
- **Targets**: the variance of the targets' values, divided by the targets, with targets - 1
  degrees of freedom at most. It holds the speakers' and the seeds' parts already; only what a
  seed shares among targets is added.

*Fixed* intervals add the first two: they speak of these targets. *Drawn* intervals use the third:
they speak of other targets of which these were a sample. All are Student's t: with one seed, and
with five or more, by Satterthwaite's degrees of freedom; with two to four, which these would take
for more than they are, as in :func:`affectrep.evaluation.student.over_seeds`.

Simulated with the sizes of five real corpora (24, 10, 29, 6 and 9 speakers, five seeds), 95 %
intervals covered 94 to 96 % (fixed) and 93 to 97 % (drawn), a percentile bootstrap of the speakers
of each target 67 to 92 % and 41 to 89 %: ``tests/benchmarks/nested_coverage.py``. With two targets
drawn intervals cover 95 to 99 %.
Not promised: five targets are seldom drawn at random, and no arithmetic mends that. With five, a
drawn interval is long (2.8 standard errors each way, 12.7 with two) and its length is itself known
to a third only. When targets agree by luck it can be shorter than the fixed one, which then is the
one to go by. A class that a single speaker has is lost when that speaker is left out: UAR is then
that of the other classes, which is counted as spread; one speaker of a class says nothing about
how speakers of that class differ.

Source: Owen 2007, The pigeonhole bootstrap (which parts to add); MacKinnon, Nielsen and Webb 2023,
Fast and reliable jackknife and bootstrap methods for cluster-robust inference; Ibragimov and
Müller 2010, t-statistic based correlation and heterogeneity robust inference (t over few groups of
unequal precision keeps its level).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.intervals import Interval, cluster_sums
from affectrep.evaluation.metrics import Statistics
from affectrep.evaluation.student import Part, Spread, over_seeds, student

__all__ = [
    "NestedDifference",
    "NestedInterval",
    "TargetRuns",
    "nested_difference",
    "nested_intervals",
]

Array = NDArray[Any]
_SEVERAL = 5  # seeds, from which on Satterthwaite's degrees of freedom err in at most 6 %


@dataclass(frozen=True)
class TargetRuns:
    """What one system did on one target.

    Args:
        name: of the target.
        runs: per seed the statistics of its rows, all in one order of rows; several per seed,
            such as one per source language, are averaged and taken as fixed.
        clusters: ``(rows,)`` names of the speakers; None takes each row by itself.
    """

    name: str
    runs: Sequence[Sequence[Statistics]]
    clusters: Array | None = None


@dataclass(frozen=True)
class NestedInterval:
    """A mean over targets.

    Args:
        fixed: with its interval over speakers and seeds, for these targets.
        drawn: over targets, speakers and seeds; None for a single target.
    """

    fixed: Interval
    drawn: Interval | None


@dataclass(frozen=True)
class NestedDifference:
    """A difference of two systems in the mean over targets.

    Args:
        fixed: over speakers and seeds, for these targets.
        drawn: over targets, speakers and seeds; None for a single target.
    """

    fixed: Difference
    drawn: Difference | None


@dataclass(frozen=True)
class _Measured:
    """A metric: ``values`` (seeds,), ``pulls`` (seeds, speakers): what leaving one out moves."""

    values: Array
    pulls: Array


def nested_intervals(
    targets: Sequence[TargetRuns], *, confidence: float = 0.95
) -> dict[str, NestedInterval]:
    """Return a system's means over targets with both intervals, for each metric.

    Args:
        targets: with one number of seeds; the k-th of each target share a seed.
        confidence: share of such intervals that hold the true value.

    Raises:
        ValueError: if there is no target, the targets differ in seeds, or one has fewer than two
            speakers.

    Example:
        >>> from affectrep.evaluation.metrics import classification_statistics
        >>> labels = np.arange(120) % 4
        >>> def target(name, right):
        ...     said = np.where(np.arange(120) % 10 < right, labels, (labels + 1) % 4)
        ...     seed = classification_statistics(labels, said, 4)
        ...     return TargetRuns(name, [[seed]], np.arange(120) // 10)
        >>> found = nested_intervals([target("de", 5), target("it", 6), target("pl", 7)])["uar"]
        >>> round(found.fixed.value, 3), found.drawn.low < found.fixed.low
        (0.6, True)
    """
    measured = [_measure(target) for target in _checked(targets)]
    found = {}
    for name in measured[0]:
        parts = [one[name] for one in measured]
        value = float(np.mean([part.values.mean() for part in parts]))
        fixed, drawn = _fixed(parts), _drawn(parts)
        found[name] = NestedInterval(
            _interval(name, value, fixed, confidence),
            None if drawn is None else _interval(name, value, drawn, confidence),
        )
    return found


def nested_difference(
    side_a: Sequence[TargetRuns], side_b: Sequence[TargetRuns], *, confidence: float = 0.95
) -> dict[str, NestedDifference]:
    """Compare two systems on the same targets, rows and seeds; return both differences by metric.

    Speakers and seeds are paired: what counts is how far the *differences* vary.

    Args:
        side_a: targets of system A.
        side_b: the same of system B, in the same order; rows and speakers alike.
        confidence: of the intervals.

    Raises:
        ValueError: also if the sides differ in targets, seeds, rows or speakers.

    Example:
        >>> from affectrep.evaluation.metrics import classification_statistics
        >>> labels = np.arange(120) % 4
        >>> def target(name, right):
        ...     said = np.where(np.arange(120) % 10 < right, labels, (labels + 1) % 4)
        ...     seed = classification_statistics(labels, said, 4)
        ...     return TargetRuns(name, [[seed]], np.arange(120) // 10)
        >>> good, poor = [target("de", 7), target("it", 9)], [target("de", 5), target("it", 6)]
        >>> found = nested_difference(good, poor)["uar"]
        >>> round(found.fixed.effect, 3), found.fixed.told_apart, found.drawn.told_apart
        (0.25, True, False)
    """
    _same_targets(side_a, side_b)
    pairs = zip(_checked(side_a), _checked(side_b), strict=True)
    measured = [(_measure(a), _measure(b)) for a, b in pairs]
    found = {}
    for name in measured[0][0]:
        a = float(np.mean([one[name].values.mean() for one, _ in measured]))
        b = float(np.mean([one[name].values.mean() for _, one in measured]))
        parts = [
            _Measured(a[name].values - b[name].values, a[name].pulls - b[name].pulls)
            for a, b in measured
        ]
        fixed, drawn = _fixed(parts), _drawn(parts)
        effect = float(np.mean([part.values.mean() for part in parts]))
        seeds = len(parts[0].values)
        found[name] = NestedDifference(
            _difference(name, (a, b, effect), fixed, seeds, confidence),
            None if drawn is None else _difference(name, (a, b, effect), drawn, seeds, confidence),
        )
    return found


def _measure(target: TargetRuns) -> Mapping[str, _Measured]:
    """Return each metric on a target, averaged over the several runs of a seed."""
    runs = [run for seed in target.runs for run in seed]
    columns = np.concatenate([run.columns for run in runs], axis=1)
    sums = columns if target.clusters is None else cluster_sums(columns, target.clusters)
    speakers = len(sums)
    if speakers < 2:
        raise ValueError(f"the target {target.name} needs at least 2 speakers or rows, got 1")
    whole = sums.sum(0)
    stacked = np.stack(np.split(np.vstack([whole, whole - sums]), len(runs), axis=1))
    owner = np.repeat(np.arange(len(target.runs)), [len(seed) for seed in target.runs])
    found = {}
    for name, values in runs[0].metrics(stacked).items():  # (runs, 1 + speakers)
        mean = np.stack([values[owner == seed].mean(0) for seed in range(len(target.runs))])
        pulls = np.sqrt((speakers - 1) / speakers) * (mean[:, 1:] - mean[:, :1])
        found[name] = _Measured(mean[:, 0], pulls)
    return found


def _fixed(parts: Sequence[_Measured]) -> Spread:
    """Return the spread of the mean over these targets: speakers and seeds."""
    seeds, count = len(parts[0].values), len(parts)
    speakers = [
        (float((part.pulls.mean(0) ** 2).sum()) / count**2, part.pulls.shape[1] - 1.0)
        for part in parts
    ]
    alone = _satterthwaite(speakers)
    if seeds == 1:
        return Spread([alone])
    between = float(np.mean([part.values for part in parts], axis=0).var(ddof=1))
    within = sum(float(part.pulls.var(axis=0, ddof=1).sum()) for part in parts) / count**2
    if seeds < _SEVERAL:
        return over_seeds(alone, between=between, within=within, seeds=seeds)
    extra = max(0.0, between - within)
    _, freedom = _satterthwaite(
        [*speakers, (between / seeds, seeds - 1.0)], alone[0] + extra / seeds
    )
    return Spread([(alone[0] + extra / seeds, freedom)], float(np.sqrt(extra)))


def _drawn(parts: Sequence[_Measured]) -> Spread | None:
    """Return the same with the targets drawn, too; None for a single one."""
    count, seeds = len(parts), len(parts[0].values)
    if count < 2:
        return None
    values = np.stack([part.values for part in parts])  # (targets, seeds)
    targets = (float(values.mean(1).var(ddof=1)) / count, count - 1.0)
    if seeds == 1:
        return Spread([targets])
    # what a seed has in common in all targets: their mean varies more than by chance
    chance = float(values.var(axis=1, ddof=1).sum()) / count**2
    excess = float(values.mean(0).var(ddof=1)) - chance
    shared = max(0.0, excess) * count / (count - 1)
    if seeds < _SEVERAL:
        found = over_seeds(targets, between=shared, within=0.0, seeds=seeds)
    else:
        both = [targets, (shared / seeds, seeds - 1.0)]
        found = Spread([_satterthwaite(both)], float(np.sqrt(shared)))
    # a chance excess must not make up for targets: with two, 1.5 degrees halve the interval
    capped = [(variance, min(freedom, count - 1.0)) for variance, freedom in found.parts]
    return replace(found, parts=capped)


def _satterthwaite(parts: Sequence[Part], variance: float | None = None) -> Part:
    """Return the parts as one; ``variance`` where the sum of the parts is not that of the whole."""
    total = sum(part for part, _ in parts) if variance is None else variance
    doubt = sum(part**2 / freedom for part, freedom in parts)
    return total, max(1.0, total**2 / doubt) if doubt > 0 else np.inf


def _interval(name: str, value: float, spread: Spread, confidence: float) -> Interval:
    half, _, _ = student(value, spread, confidence)
    lowest = -1.0 if name.startswith(("ccc", "pcc")) else 0.0
    highest = np.inf if name.startswith("rmse") else 1.0
    return Interval(value, max(lowest, value - half), float(min(highest, value + half)))


def _difference(
    name: str, values: tuple[float, float, float], spread: Spread, seeds: int, confidence: float
) -> Difference:
    a, b, effect = values
    half, p, detectable = student(effect, spread, confidence)
    ends = {"low": effect - half, "high": effect + half}
    more = {"p": p, "detectable": detectable, "seed_sd": spread.seed_sd}
    return Difference(metric=name, a=a, b=b, effect=effect, seeds=seeds, **ends, **more)


def _checked(targets: Sequence[TargetRuns]) -> Sequence[TargetRuns]:
    if not targets:
        raise ValueError("expected at least one target, got none")
    for target in targets:
        if not target.runs or not all(target.runs):
            raise ValueError(f"the target {target.name} has a seed without runs, or no seed")
        shapes = sorted({run.columns.shape for seed in target.runs for run in seed})
        if len(shapes) > 1:
            raise ValueError(
                f"the runs on {target.name} were scored on different rows or classes: {shapes}"
            )
    counts = {target.name: len(target.runs) for target in targets}
    if len(set(counts.values())) > 1:
        raise ValueError(f"expected as many seeds on every target, got {counts}")
    return targets


def _same_targets(side_a: Sequence[TargetRuns], side_b: Sequence[TargetRuns]) -> None:
    names = [[target.name for target in side] for side in (side_a, side_b)]
    if names[0] != names[1]:
        raise ValueError(
            f"expected the same targets on both sides, got {', '.join(names[0])} "
            f"and {', '.join(names[1])}"
        )
    for a, b in zip(_checked(side_a), _checked(side_b), strict=True):
        if len(a.runs) != len(b.runs):
            raise ValueError(
                f"expected as many seeds on both sides, got {len(a.runs)} and {len(b.runs)}"
            )
        if a.runs[0][0].columns.shape != b.runs[0][0].columns.shape or not _alike(a, b):
            raise ValueError(f"the sides were scored on other rows or speakers of {a.name}")


def _alike(a: TargetRuns, b: TargetRuns) -> bool:
    if a.clusters is None or b.clusters is None:
        return a.clusters is b.clusters
    return np.array_equal(a.clusters, b.clusters)
