"""``affectrep compare``: two sides, paired over rows and seeds, in numbers and in words."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.pairing import compare_pairs, pair_runs
from affectrep.reporting.tables import difference_table, verdict

__all__ = ["run"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_DEFAULT = "weighted_f1"


def run(
    runs_a: list[Path],
    runs_b: list[Path],
    *,
    split: str = "test",
    metric: str = _DEFAULT,
    families: Path | None = None,
    resamples: int = 10_000,
) -> dict[str, Difference]:
    """Compare two sides from their stored predictions and print effect, interval and verdict.

    Args:
        runs_a: run folders of side A, one per seed.
        runs_b: run folders of side B.
        split: whose predictions are compared.
        metric: of the verdict; where the default is not there, the first that is.
        families: file of confusable families; adds the figures about them.
        resamples: of the rows.

    Raises:
        ValueError: if the runs were not read on the same rows, or cannot be paired.
        FileNotFoundError: if a run was not evaluated on the split.
    """
    pairing = pair_runs(runs_a, runs_b, split=split)
    found = compare_pairs(pairing, families=families, resamples=resamples)
    metric = _chosen(metric, found)
    a, b = pairing.names
    rows = len(pairing.side_a[0])
    console.print(f"A: {a}\nB: {b}")
    seeds = "one seed" if len(pairing.seeds) == 1 else f"{len(pairing.seeds)} paired seeds"
    heading = f"{split}: {rows:,} rows, {seeds}"
    console.print(difference_table(found, heading))
    for note in pairing.notes:
        console.print(note)
    console.print(verdict(found[metric], a, b), style="bold")
    return found


def _chosen(metric: str, found: dict[str, Difference]) -> str:
    if metric in found:
        return metric
    if metric == _DEFAULT:
        return next(iter(found))
    raise ValueError(f"there is no metric {metric!r} here; there are {', '.join(found)}")
