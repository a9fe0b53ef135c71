"""Pair stored runs of one side with those of others by seed and row, and compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from affectrep.evaluation.alignment import align, clustered_table
from affectrep.evaluation.comparison import Difference, paired_difference
from affectrep.evaluation.face_differences import face_differences
from affectrep.evaluation.families import Families, family_statistics
from affectrep.evaluation.predictions import table_statistics, table_targets
from affectrep.evaluation.sides import few_seeds, pair_seeds, read_sides
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["Pairing", "compare_pairs", "pair_runs", "pair_with_each"]


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

    @property
    def units(self) -> dict[str, int]:
        """How many units of each kind are paired: seeds, and rows or what is drawn in their place.

        See :mod:`affectrep.evaluation.attainable`.
        """
        table = self.side_a[0]
        cluster = table.attrs.get("cluster")
        drawn = len(set(table[cluster or "id"]))
        return {"seeds": len(self.seeds), f"{cluster}s" if cluster else "rows": drawn}


def compare_pairs(
    pairing: Pairing, *, families: Path | None = None, resamples: int = 10_000
) -> dict[str, Difference]:
    """Return the differences of a pairing, with those about families where a file is given.

    A regression's are followed by those of strong and weak rows, and of persons.

    Raises:
        ValueError: if a prediction of a regression is not finite, or there are families without
            single labels.
    """
    sides = (pairing.side_a, pairing.side_b)
    for name, side in zip(pairing.names, sides, strict=True):
        for table in side:
            _require_finite(name, table)
    cluster = pairing.side_a[0].attrs.get("cluster")
    clusters = pairing.side_a[0][cluster].to_numpy() if cluster else None
    statistics = [[table_statistics(table) for table in side] for side in sides]
    found = paired_difference(*statistics, resamples=resamples, clusters=clusters)
    if pairing.side_a[0].attrs["task"] == "regression":
        found |= face_differences(*sides, cluster=cluster, resamples=resamples)
    if families is not None:
        attrs = pairing.side_a[0].attrs
        if attrs["task"] != "classification":
            raise ValueError("families belong to single-label classification; leave --families out")
        groups = Families.load(families, attrs["classes"])
        more = [[family_statistics(*table_targets(t), groups) for t in side] for side in sides]
        found |= paired_difference(*more, resamples=resamples, clusters=clusters)
    return found


def _require_finite(name: str, table: pd.DataFrame) -> None:
    if table.attrs["task"] != "regression":
        return
    values = np.hstack(table_targets(table)).astype(np.float64)
    broken = table.loc[~np.isfinite(values).all(axis=1), "id"]
    if len(broken):
        raise ValueError(
            f"{len(broken)} of {len(table)} rows of {name} have values that are not finite, "
            f"first {broken.iloc[0]}: there is nothing to compare; did training diverge?"
        )


def pair_runs(runs_a: Sequence[Path], runs_b: Sequence[Path], *, split: str) -> Pairing:
    """Pair runs of two sides by seed; with no common seed, in the order of the seeds.

    Raises:
        ValueError: if a side is empty, holds two configurations or one seed twice, or the rows
            differ. Runs of several settings are for
            :func:`~affectrep.evaluation.setting_pairing.pair_settings`.
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
    sides = read_sides(runs_a, others)
    first, *rest = sides.runs
    return [
        _paired(first, side, names=(sides.names[0], name), letter=letter, split=split)
        for side, name, letter in zip(rest, sides.names[1:], sides.letters[1:], strict=True)
    ]


def _paired(
    side_a: Sequence[StoredRun],
    side_b: Sequence[StoredRun],
    *,
    names: tuple[str, str],
    letter: str,
    split: str,
) -> Pairing:
    for side, name in ((side_a, "A"), (side_b, letter)):
        _one_setting(side, name)
    by_seed = [{run.seed: run for run in side} for side in (side_a, side_b)]
    seeds, notes = pair_seeds(sorted(by_seed[0]), sorted(by_seed[1]), letter)
    chosen = [[by_seed[i][pair[i]] for pair in seeds] for i in (0, 1)]
    tables = [[clustered_table(run, split) for run in side] for side in chosen]
    reference = tables[0][0]
    everything = zip(chosen[0] + chosen[1], tables[0] + tables[1], strict=True)
    aligned = [align(table, run, reference, chosen[0][0]) for run, table in everything]
    notes += few_seeds(len(seeds))
    return Pairing(names, seeds, aligned[: len(seeds)], aligned[len(seeds) :], notes)


def _one_setting(side: Sequence[StoredRun], letter: str) -> None:
    if len({run.seed for run in side}) < len(side):
        raise ValueError(
            f"side {letter} has runs of several settings, such as target languages, where one is "
            "expected: `affectrep compare` takes their mean."
        )
