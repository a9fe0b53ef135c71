"""``affectrep compare`` on cross-lingual runs: each target, and the mean over targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from affectrep.commands.smallest_p import smallest_p_notes
from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.multiple import adjusted
from affectrep.evaluation.nested import NestedDifference
from affectrep.evaluation.setting_pairing import (
    SettingDifferences,
    SettingPairing,
    compare_settings,
    pair_settings,
)
from affectrep.reporting.figures import title
from affectrep.reporting.tables import (
    comparison_table,
    difference_table,
    mean_verdict,
    target_table,
)

__all__ = ["compare_over_targets", "print_over_targets"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_KINDS = (
    "(a) draws speakers and seeds anew and speaks of these targets; (b) draws the targets, too, "
    "and speaks of others of which these were a sample. Where (b) is the shorter, go by (a)."
)
_SINGLE = (
    "The words go by Holm's p, which allows for all comparisons of a metric; intervals and "
    "smallest detectable effects are of each comparison by itself."
)


def compare_over_targets(
    runs_a: Sequence[Path], against: Sequence[Sequence[Path]], *, split: str
) -> list[tuple[SettingPairing, SettingDifferences]]:
    """Pair and compare side A with each other side; the means of several are adjusted by Holm.

    Raises:
        ValueError: if the sides cannot be paired.
        FileNotFoundError: if a run was not evaluated on the split.
    """
    pairings = pair_settings(runs_a, against, split=split)
    found = [compare_settings(pairing) for pairing in pairings]
    if len(found) > 1:
        found = _with_holm(found)
    return list(zip(pairings, found, strict=True))


def print_over_targets(
    compared: Sequence[tuple[SettingPairing, SettingDifferences]], *, metric: str, split: str
) -> None:
    """Print each target, the means with both intervals, what was left out, and verdicts."""
    letters = [chr(ord("B") + place) for place in range(len(compared))]
    console.print(f"A: {compared[0][0].names[0]}")
    for letter, (pairing, _) in zip(letters, compared, strict=True):
        more = "" if len(compared) == 1 else f", {pairing.size}"
        console.print(f"{letter}: {pairing.names[1]}{more}")
    if len(compared) == 1:
        _print_one(*compared[0], metric, split)
    else:
        _print_several(dict(zip(letters, compared, strict=True)), metric, split)
    several = any(one.drawn for _, found in compared for one in found.mean.values())
    for line in ([_KINDS] if several else []) + ([_SINGLE] if len(compared) > 1 else []):
        console.print(line)
    for pairing, found in compared:
        words = mean_verdict(found.mean[metric], *pairing.names, targets=len(found.targets))
        console.print("\n".join(words), style="bold")


def _print_one(pairing: SettingPairing, found: SettingDifferences, metric: str, split: str) -> None:
    heading = f"{split}: {pairing.size}"
    if len(found.targets) == 1:
        target, differences = next(iter(found.targets.items()))
        console.print(difference_table(differences, f"{heading}, target {target}"))
    else:
        console.print(heading)
        for name in _first(metric, found.mean):
            console.print(_targets(found, name, title(name)))
    for note in [*pairing.notes, *_smallest(pairing, found)]:
        console.print(note)


def _print_several(
    compared: Mapping[str, tuple[SettingPairing, SettingDifferences]], metric: str, split: str
) -> None:
    console.print(split)
    for letter, (_, found) in compared.items():
        console.print(_targets(found, metric, f"A and {letter}: {title(metric)}", letter))
    means = {letter: found.mean for letter, (_, found) in compared.items()}
    for name in _first(metric, next(iter(means.values()))):
        lines: dict[str, Difference] = {}
        for letter, mean in means.items():
            lines[f"{letter} a"] = mean[name].fixed
            drawn = mean[name].drawn
            lines |= {f"{letter} b": drawn} if drawn is not None else {}
        console.print(comparison_table(lines, f"{title(name)}, mean over targets"))
    for letter, (pairing, found) in compared.items():
        for note in [*pairing.notes, *_smallest(pairing, found, systems=len(compared))]:
            console.print(f"{letter}: {note}")


def _smallest(pairing: SettingPairing, found: SettingDifferences, *, systems: int = 1) -> list[str]:
    """Return what so few pairs could reach: the mean over these targets, and targets drawn."""
    if len(found.targets) == 1:
        return smallest_p_notes({"": pairing.units}, systems=systems)
    units = {" (a)": pairing.units, " (b)": pairing.units_drawn}
    return smallest_p_notes(units, systems=systems)


def _targets(found: SettingDifferences, metric: str, heading: str, other: str = "B") -> object:
    targets = {target: one[metric] for target, one in found.targets.items()}
    return target_table(targets, found.mean[metric], heading, other=other)


def _first(metric: str, found: Mapping[str, object]) -> list[str]:
    return [metric, *(name for name in found if name != metric)]


def _with_holm(found: Sequence[SettingDifferences]) -> list[SettingDifferences]:
    """Adjust the means for the number of sides: those of each kind by themselves."""
    fixed = {str(i): {k: one.fixed for k, one in f.mean.items()} for i, f in enumerate(found)}
    drawn = {
        str(i): {k: one.drawn for k, one in f.mean.items() if one.drawn is not None}
        for i, f in enumerate(found)
    }
    drawn = {place: one for place, one in drawn.items() if one}  # several targets
    fixed, drawn = adjusted(fixed), adjusted(drawn)
    return [
        replace(
            one,
            mean={
                name: NestedDifference(fixed[str(i)][name], drawn.get(str(i), {}).get(name))
                for name in one.mean
            },
        )
        for i, one in enumerate(found)
    ]
