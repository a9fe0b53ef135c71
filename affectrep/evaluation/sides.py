"""The sides of a comparison: runs of one configuration each, their names, and pairs of seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from affectrep.evaluation.place import Place
from affectrep.evaluation.record_origin import record_file
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["Sides", "few_seeds", "left_out", "pair_seeds", "read_sides"]

_FEW_SEEDS = {
    1: [
        "One seed: the interval covers the choice of rows, not that of another seed; "
        "it speaks of these two trained models only."
    ],
    2: [
        "Two seeds hardly show how much seeds differ: the interval allows for it by Student's t "
        "with one degree of freedom for them, so it is very wide; from three seeds on it narrows."
    ],
}


@dataclass(frozen=True)
class Sides:
    """Side A and the others.

    Args:
        runs: of each side, A first.
        names: of each side, distinct.
        letters: A, B, ...
    """

    runs: list[list[StoredRun]]
    names: list[str]
    letters: list[str]


def read_sides(runs_a: Sequence[Path], others: Sequence[Sequence[Path]]) -> Sides:
    """Open the runs of all sides.

    Raises:
        ValueError: if there is no other, a side is empty, holds two configurations or one run
            twice, or two others are runs of one configuration in one folder.
    """
    if not others:
        raise ValueError("expected at least one other side to compare with, got none")
    letters = [chr(ord("A") + place) for place in range(1 + len(others))]
    sides = [_side(runs, letter) for runs, letter in zip([runs_a, *others], letters, strict=True)]
    known = [(side[0].path.resolve().parent, side[0].name, _condition(side)) for side in sides[1:]]
    twice = [name for (_, name, _), count in Counter(known).items() if count > 1]
    if twice:
        raise ValueError(
            f"{twice[0]} stands on two sides; give all its seeds as one side, after one --against."
        )
    return Sides(sides, _names(sides), letters)


def pair_seeds(
    a: Sequence[int], b: Sequence[int], letter: str
) -> tuple[list[tuple[int, int]], list[str]]:
    """Pair seeds by their numbers; with none in common, in their order; and say what is left out.

    Example:
        >>> pair_seeds([0, 1, 2], [1, 2, 3], "B")
        ([(1, 1), (2, 2)], ['Left out, without a partner: seed 0 of A and seed 3 of B.'])
    """
    common = sorted(set(a) & set(b))
    if common:
        left = left_out(set(a) - set(b), set(b) - set(a), letter)
        return [(seed, seed) for seed in common], left
    pairs = list(zip(a, b, strict=False))
    note = "The sides have no seed in common, so they are paired in the order of their seeds."
    return pairs, [note, *left_out(a[len(pairs) :], b[len(pairs) :], letter)]


def left_out(
    a: Collection[int],
    b: Collection[int],
    letter: str,
    *,
    why: str = "without a partner",
) -> list[str]:
    """Return a sentence about seeds that do not count, none where all do."""
    sides = [
        f"seed {', '.join(map(str, sorted(odd)))} of {side}"
        for odd, side in ((a, "A"), (b, letter))
        if odd
    ]
    return [f"Left out, {why}: {' and '.join(sides)}."] if sides else []


def few_seeds(pairs: int) -> list[str]:
    """Return what has to be said about one or two pairs of seeds."""
    return list(_FEW_SEEDS.get(pairs, []))


def _side(paths: Sequence[Path], letter: str) -> list[StoredRun]:
    if not paths:
        raise ValueError(f"side {letter} has no runs")
    runs = [StoredRun(Path(path)) for path in paths]
    names = sorted({run.name for run in runs})
    if len(names) > 1:
        raise ValueError(
            f"side {letter} mixes the configurations {', '.join(names)}; give runs of one."
        )
    places = [Place.of(run.config) for run in runs]
    keys = [
        (run.seed, place.setting if place else "") for run, place in zip(runs, places, strict=True)
    ]
    twice = sorted(key for key, count in Counter(keys).items() if count > 1)
    if twice:
        seed, setting = twice[0]
        where = f" of {setting!r}" if setting else ""
        raise ValueError(
            f"side {letter} has seed {seed}{where} more than once; give each run once."
        )
    return runs


def _condition(side: Sequence[StoredRun]) -> str:
    place = Place.of(side[0].config)
    return place.standardise if place else ""


def _names(sides: Sequence[Sequence[StoredRun]]) -> list[str]:
    """Return the configurations' names; where two are the same, more about those."""
    names = [side[0].name for side in sides]
    for more in (_with_condition, _folders, _paths):
        count = Counter(names)
        names = [
            more(side) if count[name] > 1 else name for side, name in zip(sides, names, strict=True)
        ]
    return names


def _with_condition(side: Sequence[StoredRun]) -> str:
    condition = _condition(side)
    return f"{side[0].name} ({condition})" if condition else side[0].name


def _paths(side: Sequence[StoredRun]) -> str:
    return str(record_file(side[0].path) or side[0].path)


def _folders(side: Sequence[StoredRun]) -> str:
    path = side[0].path
    if record_file(path) is not None:
        return _paths(side)
    # the folder that one stands in is given as "." and has its name elsewhere
    return path.resolve().name if len(side) == 1 else f"{path.parent}/{side[0].name}-*"
