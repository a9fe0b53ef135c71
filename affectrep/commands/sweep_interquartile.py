"""The last line of a sweep over several corpora: the interquartile mean over corpora and seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from affectrep.commands.sweep_cells import Cell
from affectrep.commands.sweep_grid import figure_of
from affectrep.commands.sweep_systems import Slot, runs_of
from affectrep.evaluation.interquartile import interquartile_interval, interquartile_mean
from affectrep.evaluation.sides import pair_seeds
from affectrep.reporting.figures import number
from affectrep.reporting.sheet import Sheet

__all__ = ["interquartile_sheet"]

_Scores = Mapping[int, Mapping[str, float]]  # seed -> target -> figure
_LOWER = ("rmse", "cross_entropy")
_HEADINGS = ("corpora", "IQM", "95 % interval", "gain", "95 % interval")
_RECORD = ("system", "kind", "corpora", "runs", "value", "low", "high")
_UNIT = "uar"  # all figures are shown times 100


def interquartile_sheet(
    slots: Sequence[Slot],
    done: Sequence[Cell],
    *,
    split: str | None,
    pool: bool,
    reference: str,
) -> Sheet | None:
    """Return the interquartile means of figures and of gains over the reference, per system.

    A corpus counts once: of several targets the mean is taken for each seed. Gains are paired by
    seed, on the targets that both have.

    Args:
        slots: all cells of the sweep.
        done: those that have figures.
        split: that was evaluated; None takes validation.
        pool: take pooled runs in place of folds.
        reference: system that gains are over.

    Returns:
        None for one corpus, or where a figure is better when lower.
    """
    if len({slot.corpus for slot in slots}) == 1:
        return None
    if any(slot.metric.startswith(_LOWER) for slot in slots):
        return None
    systems, corpora = (
        list(dict.fromkeys(names))
        for names in ((slot.system for slot in slots), (slot.group for slot in slots))
    )
    scores: dict[tuple[str, str], _Scores] = {}
    for system in systems:
        for corpus in corpora:
            mine = [slot for slot in slots if (slot.system, slot.group) == (system, corpus)]
            scores[system, corpus] = _scores(mine, done, split, pool)
    rows, records = [], [list(_RECORD)]
    for system in systems:
        own = [_means(scores[system, corpus], None) for corpus in corpora]
        gains = [_gains(scores[system, corpus], scores[reference, corpus]) for corpus in corpora]
        own, gains = ([task for task in tasks if task] for tasks in (own, gains))
        shown = [] if system == reference else gains
        words = [*_words(own, sign=False), *_words(shown, sign=True)]
        rows.append([system, f"{len(own)} of {len(corpora)}", *words])
        records += [
            _record(system, kind, tasks) for kind, tasks in (("figure", own), ("gain", shown))
        ]
    caption = (
        f"Interquartile mean over {len(corpora)} corpora and their seeds, times 100: of figures, "
        f"and of gains over {reference} with the same seed."
    )
    return Sheet("interquartile", ["", *_HEADINGS], rows, caption, records, _notes(rows))


def _scores(slots: Sequence[Slot], done: Sequence[Cell], split: str | None, pool: bool) -> _Scores:
    found: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs_of(slots, done, pool=pool):
        value = figure_of(run.path, split, slots[0].metric)
        if value is not None:
            found[run.seed][run.target].append(value)
    return {
        seed: {target: fmean(values) for target, values in targets.items()}
        for seed, targets in sorted(found.items())
    }


def _means(scores: _Scores, targets: set[str] | None) -> list[float]:
    """Return a mean over targets for each seed that has them all."""
    wanted = targets or {target for one in scores.values() for target in one}
    return [
        fmean(one[target] for target in wanted)
        for one in scores.values()
        if wanted and wanted <= set(one)
    ]


def _gains(scores: _Scores, reference: _Scores) -> list[float]:
    both = [{target for one in side.values() for target in one} for side in (scores, reference)]
    targets = both[0] & both[1]
    if not targets:
        return []
    whole = [
        {seed: _means({seed: one}, targets) for seed, one in side.items()}
        for side in (scores, reference)
    ]
    seeds = [sorted(seed for seed, value in side.items() if value) for side in whole]
    pairs, _ = pair_seeds(seeds[0], seeds[1], "B")
    return [whole[0][a][0] - whole[1][b][0] for a, b in pairs]


def _words(tasks: Sequence[Sequence[float]], *, sign: bool) -> list[str]:
    if not tasks:
        return ["", ""]
    value = interquartile_mean([score for task in tasks for score in task])
    cell = number(_UNIT, value, sign=sign)
    if min(map(len, tasks)) < 2:
        return [cell, "n/a"]
    found = interquartile_interval(tasks)
    low, high = (number(_UNIT, end, sign=sign) for end in (found.low, found.high))
    return [cell, f"[{low}, {high}]"]


def _record(system: str, kind: str, tasks: Sequence[Sequence[float]]) -> list[str]:
    runs = [score for task in tasks for score in task]
    named = [system, kind, str(len(tasks)), str(len(runs))]
    if not runs:
        return [*named, "", "", ""]
    if min(map(len, tasks)) < 2:
        return [*named, f"{interquartile_mean(runs):.6g}", "", ""]
    found = interquartile_interval(tasks)
    return [*named, *(f"{value:.6g}" for value in (found.value, found.low, found.high))]


def _notes(rows: Sequence[Sequence[str]]) -> list[str]:
    notes = [
        "A quarter of the scores is left out at either end; intervals draw seeds anew inside each "
        "corpus (stratified bootstrap, Agarwal et al. 2021)."
    ]
    if len({row[1] for row in rows}) > 1:
        notes.append("Systems that were run on other corpora are not to be ranked by the first.")
    return notes
