"""Pair stored runs of one side with those of others by seed and row, and compare them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from affectrep.evaluation.comparison import Difference, paired_difference
from affectrep.evaluation.families import Families, family_statistics
from affectrep.evaluation.predictions import table_statistics, table_targets
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["Pairing", "compare_pairs", "pair_runs", "pair_with_each"]


_FEW_SEEDS = {
    1: [
        "One seed: the interval covers the choice of rows, not that of another seed; "
        "it speaks of these two trained models only."
    ],
    2: [
        "Two seeds hardly show how much seeds differ, so the interval is very wide; "
        "from three on it narrows."
    ],
}


@dataclass(frozen=True)
class Pairing:
    """Runs of two sides, in pairs, with their rows in one order.

    Args:
        names: of side A and the other side.
        seeds: of each pair, as (A, B).
        side_a: predictions per pair.
        side_b: predictions per pair.
        notes: sentences about what was left out.
    """

    names: tuple[str, str]
    seeds: list[tuple[int, int]]
    side_a: list[pd.DataFrame]
    side_b: list[pd.DataFrame]
    notes: list[str]


def compare_pairs(
    pairing: Pairing, *, families: Path | None = None, resamples: int = 10_000
) -> dict[str, Difference]:
    """Return the differences of a pairing, with those about families where a file is given."""
    sides = (pairing.side_a, pairing.side_b)
    cluster = pairing.side_a[0].attrs.get("cluster")
    clusters = pairing.side_a[0][cluster].to_numpy() if cluster else None
    statistics = [[table_statistics(table) for table in side] for side in sides]
    found = paired_difference(*statistics, resamples=resamples, clusters=clusters)
    if families is not None:
        attrs = pairing.side_a[0].attrs
        if attrs["task"] != "classification":
            raise ValueError("families belong to single-label classification; leave --families out")
        groups = Families.load(families, attrs["classes"])
        more = [[family_statistics(*table_targets(t), groups) for t in side] for side in sides]
        found |= paired_difference(*more, resamples=resamples, clusters=clusters)
    return found


def pair_runs(runs_a: Sequence[Path], runs_b: Sequence[Path], *, split: str) -> Pairing:
    """Pair runs of two sides by seed; with no common seed, in the order of the seeds.

    Raises:
        ValueError: if a side is empty, holds two configurations or one seed twice, or the rows
            differ.
    """
    return pair_with_each(runs_a, [runs_b], split=split)[0]


def pair_with_each(
    runs_a: Sequence[Path], others: Sequence[Sequence[Path]], *, split: str
) -> list[Pairing]:
    """Pair side A with each of several others, as :func:`pair_runs` does; names are distinct.

    Each pairing has its own seeds: those that A and this other side both have.

    Raises:
        ValueError: also if there is no other, or two of them are runs of one configuration in
            one folder.
    """
    if not others:
        raise ValueError("expected at least one other side to compare with, got none")
    letters = [chr(ord("A") + place) for place in range(1 + len(others))]
    sides = [_side(runs, letter) for runs, letter in zip([runs_a, *others], letters, strict=True)]
    places = [(side[0].path.resolve().parent, side[0].name) for side in sides[1:]]
    twice = [name for (_, name), count in Counter(places).items() if count > 1]
    if twice:
        raise ValueError(
            f"{twice[0]} stands on two sides; give all its seeds as one side, after one --against."
        )
    names = _names(sides)
    return [
        _paired(sides[0], side, names=(names[0], name), letter=letter, split=split)
        for side, name, letter in zip(sides[1:], names[1:], letters[1:], strict=True)
    ]


def _names(sides: Sequence[Sequence[StoredRun]]) -> list[str]:
    """Return the configurations' names; where two are the same, the folders of those."""
    names = [side[0].name for side in sides]
    for more in (_folders, lambda side: str(side[0].path)):
        count = Counter(names)
        names = [
            more(side) if count[name] > 1 else name for side, name in zip(sides, names, strict=True)
        ]
    return names


def _paired(
    side_a: Sequence[StoredRun],
    side_b: Sequence[StoredRun],
    *,
    names: tuple[str, str],
    letter: str,
    split: str,
) -> Pairing:
    by_seed = [{run.seed: run for run in side} for side in (side_a, side_b)]
    seeds, notes = _seed_pairs(sorted(by_seed[0]), sorted(by_seed[1]), letter)
    chosen = [[by_seed[i][pair[i]] for pair in seeds] for i in (0, 1)]
    tables = [[_with_cluster(run, split) for run in side] for side in chosen]
    reference = tables[0][0]
    everything = zip(chosen[0] + chosen[1], tables[0] + tables[1], strict=True)
    aligned = [_align(table, run, reference, chosen[0][0]) for run, table in everything]
    notes += _FEW_SEEDS.get(len(seeds), [])
    return Pairing(names, seeds, aligned[: len(seeds)], aligned[len(seeds) :], notes)


def _side(paths: Sequence[Path], letter: str) -> list[StoredRun]:
    if not paths:
        raise ValueError(f"side {letter} has no runs")
    runs = [StoredRun(Path(path)) for path in paths]
    names = sorted({run.name for run in runs})
    if len(names) > 1:
        raise ValueError(
            f"side {letter} mixes the configurations {', '.join(names)}; give runs of one."
        )
    seeds = [run.seed for run in runs]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(f"side {letter} has seed {twice[0]} more than once; give each run once.")
    return runs


def _folders(side: Sequence[StoredRun]) -> str:
    return side[0].path.name if len(side) == 1 else f"{side[0].path.parent}/{side[0].name}-*"


def _seed_pairs(a: list[int], b: list[int], letter: str) -> tuple[list[tuple[int, int]], list[str]]:
    common = sorted(set(a) & set(b))
    if common:
        left = _left_out(set(a) - set(b), set(b) - set(a), letter)
        return [(seed, seed) for seed in common], left
    pairs = list(zip(a, b, strict=False))
    note = "The sides have no seed in common, so they are paired in the order of their seeds."
    return pairs, [note, *_left_out(set(a[len(pairs) :]), set(b[len(pairs) :]), letter)]


def _left_out(a: set[int], b: set[int], letter: str) -> list[str]:
    sides = [
        f"seed {', '.join(map(str, sorted(odd)))} of {side}"
        for odd, side in ((a, "A"), (b, letter))
        if odd
    ]
    return [f"Left out, without a partner: {' and '.join(sides)}."] if sides else []


def _with_cluster(run: StoredRun, split: str) -> pd.DataFrame:
    table = run.table(split)
    cluster = (run.config.get("evaluation") or {}).get("cluster")
    if cluster and cluster in table:
        table.attrs["cluster"] = cluster
    return table


def _align(
    table: pd.DataFrame, run: StoredRun, reference: pd.DataFrame, first: StoredRun
) -> pd.DataFrame:
    """Return the table in the reference's row order, or say how the two differ."""
    for key in ("task", "classes"):
        if table.attrs[key] != reference.attrs[key]:
            raise ValueError(f"{first.path} and {run.path} have a different {key}: not comparable.")
    here, there = set(table["id"]), set(reference["id"])
    if here != there:
        odd = sorted(here ^ there)
        raise ValueError(
            f"{first.path} and {run.path} were not read on the same rows: {len(there - here)} "
            f"only in the first, {len(here - there)} only in the second, such as {odd[0]}. "
            "Train and evaluate both on the same data."
        )
    attrs = table.attrs
    aligned = table.set_index("id").loc[reference["id"]].reset_index()
    aligned.attrs = attrs
    columns = [name for name in ("label", "labels", "valence", "arousal") if name in reference]
    for name in columns:
        differ = aligned[name].map(_plain) != reference[name].map(_plain)
        if differ.any():
            row = reference["id"][int(differ.to_numpy().argmax())]
            raise ValueError(
                f"{first.path} and {run.path} have other labels for {int(differ.sum())} rows, "
                f"such as {row}: not comparable."
            )
    return aligned


def _plain(value: object) -> object:
    return value if isinstance(value, str | float | int) else tuple(np.asarray(value).tolist())
