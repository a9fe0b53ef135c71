"""Pair runs of several cross-lingual settings by target and seed, and compare their means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from affectrep.evaluation.alignment import align, clustered_table
from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.metrics import Statistics
from affectrep.evaluation.nested import NestedDifference, TargetRuns, nested_difference
from affectrep.evaluation.place import Place
from affectrep.evaluation.predictions import table_statistics
from affectrep.evaluation.record_origin import told_path
from affectrep.evaluation.sides import Sides, few_seeds, left_out, pair_seeds, read_sides
from affectrep.evaluation.stored_run import StoredRun

__all__ = [
    "SettingDifferences",
    "SettingPairing",
    "compare_settings",
    "has_settings",
    "pair_settings",
]

# source -> seed -> run; the source is empty where all other languages were trained on
_Sources = dict[str, dict[int, StoredRun]]
_PARTLY = "not run in every setting"


@dataclass(frozen=True)
class SettingPairing:
    """Runs of two sides on the same targets, in pairs of seeds, with their rows in one order.

    Args:
        names: of side A and the other side.
        seeds: of each pair, as (A, B).
        side_a: one entry per target.
        side_b: the same targets.
        notes: sentences about what was left out.
    """

    names: tuple[str, str]
    seeds: list[tuple[int, int]]
    side_a: list[TargetRuns]
    side_b: list[TargetRuns]
    notes: list[str]

    @property
    def size(self) -> str:
        """How much was compared, in words."""
        count = len(self.side_a)
        rows = sum(len(target.runs[0][0].columns) for target in self.side_a)
        speakers = sum(len(set(t.clusters)) for t in self.side_a if t.clusters is not None)
        words = ["one target" if count == 1 else f"{count} targets", f"{rows:,} rows"]
        words += [f"{speakers} speakers"] if speakers else []
        pairs = len(self.seeds)
        return ", ".join([*words, "one seed" if pairs == 1 else f"{pairs} paired seeds"])

    @property
    def units(self) -> dict[str, int]:
        """How many pairs there are of each kind behind the mean over these targets."""
        clusters = [target.clusters for target in self.side_a]
        sizes = [
            len(target.runs[0][0].columns) if who is None else len(set(who))
            for target, who in zip(self.side_a, clusters, strict=True)
        ]
        name = "rows" if all(who is None for who in clusters) else "speakers"
        return {"seeds": len(self.seeds), name: sum(sizes)}

    @property
    def units_drawn(self) -> dict[str, int]:
        """The same with the targets drawn, too."""
        return {**self.units, "targets": len(self.side_a)}


@dataclass(frozen=True)
class SettingDifferences:
    """Differences by metric.

    Args:
        targets: of each target by itself.
        mean: of the mean over targets.
    """

    targets: dict[str, dict[str, Difference]]
    mean: dict[str, NestedDifference]


def has_settings(sides: Sequence[Sequence[Path]]) -> bool:
    """Whether these are cross-lingual runs, judged by the first of each side."""
    return any(Place.of(StoredRun(Path(runs[0])).config) is not None for runs in sides if runs)


def compare_settings(pairing: SettingPairing) -> SettingDifferences:
    """Return the differences of each target, and those of the mean over all."""
    targets = {}
    for a, b in zip(pairing.side_a, pairing.side_b, strict=True):
        found = nested_difference([a], [b])
        targets[a.name] = {metric: one.fixed for metric, one in found.items()}
    return SettingDifferences(targets, nested_difference(pairing.side_a, pairing.side_b))


def pair_settings(
    runs_a: Sequence[Path], others: Sequence[Sequence[Path]], *, split: str
) -> list[SettingPairing]:
    """Pair side A with each of several others by target and seed.

    What only one side was run for is left out, and said: targets; single sources of a target,
    where both sides have one model per source; seeds that are not there in every setting. Of a
    side with one model per source (Baseline 1) the mean over sources is taken within the target.

    Args:
        runs_a: run folders of side A.
        others: run folders of each other side.
        split: whose predictions are compared.

    Raises:
        ValueError: as :func:`~affectrep.evaluation.sides.read_sides`; if a side mixes conditions
            (strict, transductive), holds single folds or runs that are not cross-lingual; if the
            sides share no target or have no seed in all settings; if rows or labels differ.
    """
    sides = read_sides(runs_a, others)
    cells = [_cells(side, letter) for side, letter in zip(sides.runs, sides.letters, strict=True)]
    return [_paired(sides, cells, place, split) for place in range(1, len(cells))]


def _cells(side: Sequence[StoredRun], letter: str) -> dict[str, _Sources]:
    """Return a side's runs by target, source and seed."""
    found: dict[str, _Sources] = defaultdict(lambda: defaultdict(dict))
    for run in side:
        place = _place(run)
        if place.is_fold:
            raise ValueError(
                f"{told_path(run.path)} is one fold of {place.protocol.folds}: pool the folds of "
                "each seed by `affectrep pool`, and compare what it writes."
            )
        found[place.target]["+".join(place.protocol.sources)][run.seed] = run
    conditions = sorted({_place(run).standardise for run in side})
    if len(conditions) > 1:
        raise ValueError(
            f"side {letter} mixes the conditions {', '.join(conditions)}, which know different "
            "things of the target; give runs of one."
        )
    if any("" in sources and len(sources) > 1 for sources in found.values()):
        raise ValueError(
            f"side {letter} mixes runs on single sources with runs on all of them: give one kind."
        )
    return found


def _place(run: StoredRun) -> Place:
    place = Place.of(run.config)
    if place is None:
        raise ValueError(
            f"{told_path(run.path)} has no target language or corpus (data.protocol), the other "
            "runs have: give runs of one kind."
        )
    return place


def _paired(
    sides: Sides, cells: Sequence[dict[str, _Sources]], place: int, split: str
) -> SettingPairing:
    letter = sides.letters[place]
    common, notes = _common(cells[0], cells[place], letter)
    notes = [*_conditions(sides, place), *_averaged(common, letter), *notes]
    seeds, said = _seeds(common, letter)
    notes += said
    targets = [
        _target(target, both, seeds=seeds, split=split) for target, both in sorted(common.items())
    ]
    if targets[0][0].clusters is None:
        notes.append("evaluation.cluster is not set: rows are drawn anew, not speakers.")
    return SettingPairing(
        (sides.names[0], sides.names[place]),
        seeds,
        [a for a, _ in targets],
        [b for _, b in targets],
        [*notes, *few_seeds(len(seeds))],
    )


def _conditions(sides: Sides, place: int) -> list[str]:
    a, b = (_place(sides.runs[side][0]).standardise for side in (0, place))
    if a == b:
        return []
    return [f"A is {a}, {sides.letters[place]} is {b}: they know different things of the target."]


def _averaged(common: dict[str, tuple[_Sources, _Sources]], letter: str) -> list[str]:
    """Return a sentence about each side that has several sources per target."""
    found = []
    for side, name in ((0, "A"), (1, letter)):
        counts = {target: len(both[side]) for target, both in common.items()}
        if max(counts.values()) > 1:
            if len(set(counts.values())) == 1:
                words = f"{next(iter(counts.values()))} sources"
            else:
                words = "sources, " + ", ".join(f"{n} of {t}" for t, n in sorted(counts.items()))
            found.append(f"{name} is the mean over {words} within each target.")
    return found


def _common(
    a: dict[str, _Sources], b: dict[str, _Sources], letter: str
) -> tuple[dict[str, tuple[_Sources, _Sources]], list[str]]:
    """Return the targets of both sides with the sources that count, and what is left out."""
    found: dict[str, tuple[_Sources, _Sources]] = {}
    odd = {"A": sorted(set(a) - set(b)), letter: sorted(set(b) - set(a))}
    for target in sorted(set(a) & set(b)):
        mine, other = set(a[target]), set(b[target])
        if "" in mine | other:
            found[target] = (a[target], b[target])
            continue
        for side, more in (("A", mine - other), (letter, other - mine)):
            odd[side] += [f"{source}>{target}" for source in sorted(more)]
        if mine & other:
            kept = [{source: side[target][source] for source in mine & other} for side in (a, b)]
            found[target] = (kept[0], kept[1])
    if not found:
        raise ValueError(
            f"A was tested on {', '.join(sorted(a))} and {letter} on {', '.join(sorted(b))}: they "
            "have no target and source in common."
        )
    words = [f"{', '.join(names)} of {side}" for side, names in odd.items() if names]
    return found, [f"Left out, not run on the other side: {' and '.join(words)}."] if words else []


def _seeds(
    common: dict[str, tuple[_Sources, _Sources]], letter: str
) -> tuple[list[tuple[int, int]], list[str]]:
    """Return the pairs of seeds that are there in every setting, and what is left out."""
    whole: list[set[int]] = []
    parts: list[set[int]] = []
    for side, name in ((0, "A"), (1, letter)):
        each = [set(runs) for both in common.values() for runs in both[side].values()]
        whole.append(set.intersection(*each))
        parts.append(set.union(*each) - whole[-1])
        if not whole[-1]:
            raise ValueError(
                f"side {name} has no seed that was run in every setting: train what is missing, "
                "or give fewer targets."
            )
    pairs, notes = pair_seeds(sorted(whole[0]), sorted(whole[1]), letter)
    return pairs, [*left_out(parts[0], parts[1], letter, why=_PARTLY), *notes]


def _target(
    name: str, both: tuple[_Sources, _Sources], *, seeds: Sequence[tuple[int, int]], split: str
) -> tuple[TargetRuns, TargetRuns]:
    """Return both sides of a target: statistics per seed and source, rows in one order."""
    runs = [
        [[by_seed[pair[side]] for _, by_seed in sorted(both[side].items())] for pair in seeds]
        for side in (0, 1)
    ]
    first = runs[0][0][0]
    reference = clustered_table(first, split)
    speakers = _place(first).clusters(reference)

    def statistics(run: StoredRun) -> Statistics:
        return table_statistics(align(clustered_table(run, split), run, reference, first))

    a, b = (
        TargetRuns(name, [[statistics(run) for run in seed] for seed in side], speakers)
        for side in runs
    )
    return a, b
