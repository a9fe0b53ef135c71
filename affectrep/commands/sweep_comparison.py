"""The comparison that a sweep ends with: every other system minus the reference, from stored rows.

Runs are paired as ``affectrep compare`` pairs them: rows and seeds of one corpus; target, speaker
and seed of cross-lingual runs. Holm's method allows for the systems of one corpus.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from affectrep.commands.sweep_cells import Cell
from affectrep.commands.sweep_systems import Slot, runs_of
from affectrep.evaluation.attainable import attainable_p, fewest_units
from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.multiple import with_holm
from affectrep.evaluation.nested import NestedDifference
from affectrep.evaluation.pairing import compare_pairs, pair_runs
from affectrep.evaluation.setting_pairing import compare_settings, has_settings, pair_settings
from affectrep.reporting.figures import number, p_value, title
from affectrep.reporting.grid import NOT_APPLICABLE, NOT_RUN
from affectrep.reporting.sheet import Sheet
from affectrep.reporting.tables import mean_verdict, verdict

__all__ = ["Compared", "compare_cells", "comparison_sheet"]

_KINDS = ("these targets", "targets drawn")
_HEADINGS = ("system", "reference", "effect", "95 % interval", "p", "Holm's p", "detectable")
_RECORD = (
    *("corpus", "system", "reference", "kind", "metric", "value", "reference_value", "effect"),
    *("low", "high", "p", "holm", "detectable", "seeds", "attainable_p", "state"),
)
_SINGLE = (
    "Holm's p allows for the systems of a corpus; interval and smallest detectable effect are of "
    "each comparison by itself."
)
_DRAWN = (
    "(a) draws speakers and seeds anew and speaks of these targets; (b) draws the targets, too, "
    "and speaks of others of which these were a sample. Where (b) is the shorter, go by (a)."
)


@dataclass(frozen=True)
class Compared:
    """One system against the reference on one corpus.

    Args:
        group: the corpus, and what is known of its targets; empty where there is one only.
        system: that the reference is taken from.
        reference: the other.
        metric: of the differences.
        found: none, one, or for targets two: these targets, and targets drawn.
        units: paired seeds, rows, speakers, targets: what there is of each, for each of these.
        state: why there is none.
        notes: about what was left out; A is the system.
        targets: over how many the mean is; 0 for a corpus without.
    """

    group: str
    system: str
    reference: str
    metric: str
    found: Sequence[Difference] = ()
    units: Sequence[Mapping[str, int]] = ()
    state: str = ""
    notes: Sequence[str] = field(default_factory=list)
    targets: int = 0


def compare_cells(
    slots: Sequence[Slot],
    done: Sequence[Cell],
    *,
    split: str,
    pool: bool,
    reference: str,
    refused: Sequence[Cell] = (),
) -> list[Compared]:
    """Compare each system with the reference on each corpus; what cannot be is said, not raised.

    Args:
        slots: all cells of the sweep.
        done: those that have figures.
        split: whose predictions are compared.
        pool: take pooled runs in place of folds.
        reference: a system.
        refused: cells whose objective does not apply to the corpus.
    """
    systems = dict.fromkeys(slot.system for slot in slots if slot.system != reference)
    groups: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        groups[slot.group].append(slot)
    apart, found = {id(cell) for cell in refused}, []
    for group, members in groups.items():
        metric, lines = members[0].metric, []
        paths, states = {}, {}
        for system in (reference, *systems):
            mine = [slot for slot in members if slot.system == system]
            paths[system] = [run.path for run in runs_of(mine, done, pool=pool)]
            applies = not mine or any(id(slot.cell) not in apart for slot in mine)
            states[system] = NOT_RUN if applies else NOT_APPLICABLE
        for system in systems:
            empty = Compared(group, system, reference, metric)
            if not paths[system]:
                lines.append(replace(empty, state=states[system]))
            elif not paths[reference]:
                lines.append(replace(empty, state=f"reference {states[reference]}"))
            else:
                lines.append(_against(empty, paths[system], paths[reference], split))
        found += _with_holm(lines)
    return found


def _against(empty: Compared, runs: list[Path], reference: list[Path], split: str) -> Compared:
    try:
        compare = _over_targets if has_settings([runs, reference]) else _over_rows
        return compare(empty, runs, reference, split)
    except (ValueError, OSError) as error:
        words = " ".join(str(error).split())
        return replace(empty, state="not compared", notes=[f"not compared: {words}"])


def _over_rows(empty: Compared, runs: list[Path], reference: list[Path], split: str) -> Compared:
    pairing = pair_runs(runs, reference, split=split)
    found = compare_pairs(pairing)
    _require(empty.metric, found)
    return replace(empty, found=[found[empty.metric]], units=[pairing.units], notes=pairing.notes)


def _over_targets(empty: Compared, runs: list[Path], reference: list[Path], split: str) -> Compared:
    pairing = pair_settings(runs, [reference], split=split)[0]
    means = compare_settings(pairing).mean
    _require(empty.metric, means)
    mean, targets = means[empty.metric], pairing.side_a
    return replace(
        empty,
        found=[one for one in (mean.fixed, mean.drawn) if one is not None],
        units=[pairing.units, {**pairing.units, "targets": len(targets)}],
        notes=pairing.notes,
        targets=len(targets),
    )


def _require(metric: str, found: Mapping[str, object]) -> None:
    if metric not in found:
        raise ValueError(f"{metric} is not compared row by row; there are {', '.join(found)}")


def _with_holm(lines: Sequence[Compared]) -> list[Compared]:
    """Adjust the comparisons of a corpus for their number, those of each kind by themselves."""
    found = [list(one.found) for one in lines]
    for kind in range(len(_KINDS)):
        places = [place for place, one in enumerate(found) if len(one) > kind]
        for place, one in zip(places, with_holm([found[p][kind] for p in places]), strict=True):
            found[place][kind] = one
    return [replace(one, found=better) for one, better in zip(lines, found, strict=True)]


def comparison_sheet(compared: Sequence[Compared], *, split: str) -> Sheet:
    """Return the comparison as a table: effects, intervals, p, Holm's p, smallest detectable."""
    several = len({one.group for one in compared}) > 1
    rows: list[list[str]] = []
    records: list[Sequence[object]] = [_RECORD]
    for group in dict.fromkeys(one.group for one in compared):
        if several:
            rows.append([group, *[""] * len(_HEADINGS)])
        for one in (one for one in compared if one.group == group):
            name = f"- {one.system}" if several else one.system
            if not one.found:
                rows.append([name, one.state, *[""] * (len(_HEADINGS) - 1)])
                records.append(_record(one, "", None, ""))
            for place, found in enumerate(one.found):
                mark = f" ({'ab'[place]})" if one.targets > 1 else ""
                rows.append([name + mark, *_cells(found)])
                floor = attainable_p(fewest_units(one.units[place])[1])
                kind = _KINDS[place] if mark else ""
                records.append(_record(one, kind, found, f"{floor:.6g}"))
    metrics = dict.fromkeys(title(one.metric) for one in compared)
    caption = f"Each system minus {compared[0].reference}: {', '.join(metrics)} on {split}."
    notes = _notes(compared, several)
    return Sheet("comparison", ["", *_HEADINGS], rows, caption, records, notes)


def _cells(one: Difference) -> list[str]:
    name = one.metric
    low, high = (number(name, end, sign=True) for end in (one.low, one.high))
    return [
        number(name, one.a),
        number(name, one.b),
        number(name, one.effect, sign=True),
        f"[{low}, {high}]",
        p_value(one.p),
        "" if one.holm is None else p_value(one.holm),
        number(name, one.detectable),
    ]


def _record(one: Compared, kind: str, found: Difference | None, floor: str) -> list[object]:
    named: list[object] = [one.group, one.system, one.reference, kind, one.metric]
    if found is None:
        return [*named, *[""] * (len(_RECORD) - len(named) - 1), one.state]
    values = (found.a, found.b, found.effect, found.low, found.high, found.p)
    holm = "" if found.holm is None else f"{found.holm:.6g}"
    numbers: list[object] = [f"{value:.6g}" for value in values]
    return [*named, *numbers, holm, f"{found.detectable:.6g}", found.seeds, floor, ""]


def _notes(compared: Sequence[Compared], several: bool) -> list[str]:
    """Return what is to be said below the table: verdicts, limits of p, what was left out."""
    notes: list[str] = []
    for one in compared:
        if one.found:
            where = f"{one.group}: " if several else ""
            notes += [f"{where}{words}" for words in _verdicts(one)]
    if any(found.holm is not None for one in compared for found in one.found):
        notes.append(_SINGLE)
    if any(one.targets > 1 for one in compared):
        notes.append(_DRAWN)
    notes += _smallest(compared, several)
    said: dict[str, list[str]] = defaultdict(list)
    for one in compared:
        for note in one.notes:
            said[note].append(f"{one.group} {one.system}" if several else one.system)
    return notes + [f"{', '.join(names)} (A; B is the reference): {n}" for n, names in said.items()]


def _verdicts(one: Compared) -> list[str]:
    if one.targets > 1 and len(one.found) > 1:
        mean = NestedDifference(one.found[0], one.found[1])
        return mean_verdict(mean, one.system, one.reference, targets=one.targets)
    return [verdict(one.found[0], one.system, one.reference)]


def _smallest(compared: Sequence[Compared], several: bool) -> list[str]:
    """Say what p a test by exchange of the same units could reach at best, for each kind."""
    limits: dict[tuple[str, int, int, str], list[str]] = defaultdict(list)
    for one in compared:
        for place, units in enumerate(one.units[: len(one.found)]):
            mark = f" ({'ab'[place]})" if one.targets > 1 else ""
            same = [o for o in compared if o.group == one.group and len(o.found) > place]
            name = f"{one.group} {one.system}" if several else one.system
            limits[*fewest_units(units), len(same), mark].append(name)
    found = []
    for (unit, count, systems, mark), names in limits.items():
        least = attainable_p(count)
        words = f"exchanging the {count} paired {unit} gives p {p_value(least)} at best"
        if systems > 1:
            words += f", {p_value(min(1.0, systems * least))} after Holm over {systems} systems"
        where = f" ({', '.join(names)})" if len(limits) > 1 else ""
        found.append(f"Smallest attainable p{mark}: {words}{where}.")
    if found:
        found.append(
            "Student's t, which is used here, has no such limit: a p below it rests on differences "
            "that are normal."
        )
    return found
