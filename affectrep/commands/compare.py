"""``affectrep compare``: one side with one or several, over rows and seeds, numbers and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from affectrep.commands.compare_settings import compare_over_targets, print_over_targets
from affectrep.commands.smallest_p import smallest_p_notes
from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.given_runs import given_runs
from affectrep.evaluation.multiple import adjusted
from affectrep.evaluation.pairing import Pairing, compare_pairs, pair_with_each
from affectrep.evaluation.setting_pairing import has_settings
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.figures import title
from affectrep.reporting.tables import comparison_table, difference_table, verdict

__all__ = ["run"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_DEFAULT = "weighted_f1"
_SINGLE = (
    "The words go by Holm's p, which allows for all comparisons of a metric; intervals and "
    "smallest detectable effects are of each comparison by itself."
)


def run(
    runs_a: list[Path],
    against: list[list[Path]],
    *,
    split: str = "test",
    metric: str | None = None,
    families: Path | None = None,
    resamples: int = 10_000,
) -> dict[str, dict[str, Difference]]:
    """Compare a side with others from their stored predictions; print effects and verdicts.

    Several comparisons are adjusted by Holm's method, each metric by itself. Intervals are
    single ones, not simultaneous. Seeds that only one side of a comparison has are left out.
    Cross-lingual runs are compared on each target and in the mean over targets. What is no run and
    no record, and folds beside their pooled run, are left out and named.

    Args:
        runs_a: run folders of side A, one per seed, or a recipe's record file.
        against: run folders of each other side.
        split: whose predictions are compared.
        metric: of the verdict; None takes UAR where side A chose its epochs by it, else weighted
            F1, and where that is not there the first that is.
        families: file of confusable families; adds the figures about them.
        resamples: of the rows; cross-lingual runs need none.

    Returns:
        Differences by metric, for each other side by its name; of several targets those of the
        mean over these targets.

    Raises:
        ValueError: if the runs were not read on the same rows, or cannot be paired.
        FileNotFoundError: if a run was not evaluated on the split.
    """
    runs_a, *against = [_given(side) for side in (runs_a, *against)]
    if has_settings([runs_a, *against]):
        return _over_targets(runs_a, against, split=split, metric=metric, families=families)
    pairings = pair_with_each(runs_a, against, split=split)
    found = {
        pairing.names[1]: compare_pairs(pairing, families=families, resamples=resamples)
        for pairing in pairings
    }
    metric = _chosen(metric, next(iter(found.values())), runs_a)
    if len(pairings) == 1:
        _print_one(pairings[0], next(iter(found.values())), metric, split)
    else:
        found = adjusted(found)
        _print_several(pairings, found, metric, split)
    return found


def _given(side: list[Path]) -> list[Path]:
    runs, notes = given_runs(side)
    for note in notes:
        console.print(note)
    return runs


def _print_one(pairing: Pairing, found: dict[str, Difference], metric: str, split: str) -> None:
    a, b = pairing.names
    rows = len(pairing.side_a[0])
    console.print(f"A: {a}\nB: {b}")
    console.print(difference_table(found, f"{split}: {rows:,} rows, {_seeds(pairing)}"))
    for note in [*pairing.notes, *smallest_p_notes({"": pairing.units})]:
        console.print(note)
    console.print(verdict(found[metric], a, b), style="bold")


def _print_several(
    pairings: Sequence[Pairing], found: dict[str, dict[str, Difference]], metric: str, split: str
) -> None:
    letters = [chr(ord("B") + place) for place in range(len(pairings))]
    console.print(f"A: {pairings[0].names[0]}")
    for letter, pairing in zip(letters, pairings, strict=True):
        console.print(f"{letter}: {pairing.names[1]}, {_seeds(pairing)}")
    console.print(f"{split}: {len(pairings[0].side_a[0]):,} rows\n")
    for name in _first(metric, next(iter(found.values()))):
        differences = [one[name] for one in found.values()]
        by_letter = dict(zip(letters, differences, strict=True))
        console.print(comparison_table(by_letter, title(name)))
    said = [
        [*pairing.notes, *smallest_p_notes({"": pairing.units}, systems=len(pairings))]
        for pairing in pairings
    ]
    for note in dict.fromkeys(note for notes in said for note in notes):
        pairs = zip(letters, said, strict=True)
        named = [letter for letter, notes in pairs if note in notes]
        console.print(f"{', '.join(named)}: {note}")
    console.print(_SINGLE)
    for pairing in pairings:
        a, b = pairing.names
        console.print(verdict(found[b][metric], a, b), style="bold")


def _seeds(pairing: Pairing) -> str:
    return "one seed" if len(pairing.seeds) == 1 else f"{len(pairing.seeds)} paired seeds"


def _first(metric: str, found: dict[str, Difference]) -> list[str]:
    return [metric, *(name for name in found if name != metric)]


def _over_targets(
    runs_a: list[Path],
    against: list[list[Path]],
    *,
    split: str,
    metric: str | None,
    families: Path | None,
) -> dict[str, dict[str, Difference]]:
    if families is not None:
        raise ValueError("families are compared on runs of one corpus; leave --families out.")
    compared = compare_over_targets(runs_a, against, split=split)
    metric = _chosen(metric, compared[0][1].mean, runs_a)
    print_over_targets(compared, metric=metric, split=split)
    return {
        pairing.names[1]: {name: one.fixed for name, one in found.mean.items()}
        for pairing, found in compared
    }


def _chosen(metric: str | None, found: Mapping[str, object], runs_a: Sequence[Path]) -> str:
    """Return the metric of the verdict."""
    if metric is None:
        selected = (StoredRun(Path(runs_a[0])).config.get("training") or {}).get("select")
        metric = "uar" if selected == "uar" else _DEFAULT
    if metric in found:
        return metric
    if metric == _DEFAULT:
        return next(iter(found))
    raise ValueError(f"there is no metric {metric!r} here; there are {', '.join(found)}")
