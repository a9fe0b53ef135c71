"""The curve that shows which of the worst errors mining had found, by budget of class pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from affectrep.evaluation.records import margin_probabilities
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.worst_confusions import BUDGETS, found_curve, worst_confusions
from affectrep.reporting.plots import line_chart

__all__ = ["RULES", "MinedRun", "found_chart", "mean_curve", "mined_runs"]

RULES = {
    "learned": "learned metric",
    "cosine": "cosine",
    "confusion": "confusion",
    "chance": "chance",
}


@dataclass(frozen=True)
class MinedRun:
    """A run that mined pairs of classes, with its predictions of a split.

    Args:
        seed: of the run.
        table: predictions, with probabilities.
        mined: one line for each pair of classes.
    """

    seed: int
    table: pd.DataFrame
    mined: pd.DataFrame

    def worst(self) -> pd.DataFrame:
        """Return the tenth of the errors with the largest margins."""
        return worst_confusions(self.table)

    def curve(self) -> pd.DataFrame:
        """Return the share of them that each rule had found, by budget."""
        return found_curve(self.worst(), self.mined)


def mined_runs(runs: Sequence[StoredRun], split: str) -> list[MinedRun]:
    """Return those runs, or records, that have mined pairs and predictions of a split.

    Raises:
        ValueError: if a record keeps neither probabilities nor margins.
    """
    found = []
    for run in runs:
        mined = run.findings("mined_pairs")
        try:
            table = run.table(split)
        except FileNotFoundError:
            continue
        if mined is not None:
            found.append(MinedRun(run.seed, margin_probabilities(table), mined))
    return found


def mean_curve(curves: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean over seeds of curves with the same budgets.

    Example:
        >>> one = pd.DataFrame({"budget": [1, 2], "learned": [0.0, 1.0]})
        >>> mean_curve([one, one.assign(learned=1.0)])["learned"].tolist()
        [0.5, 1.0]
    """
    return pd.concat(curves).groupby("budget", sort=True).mean().reset_index()


def found_chart(curves: Sequence[pd.DataFrame]) -> str:
    """Return the mean curves up to the largest usual budget; of several seeds each one, pale.

    Args:
        curves: what :func:`~affectrep.evaluation.worst_confusions.found_curve` returns, a seed
            each; the colours are in the order of :data:`RULES`.

    Raises:
        ValueError: if there is no curve.
    """
    if not curves:
        raise ValueError("expected the curve of at least one seed, got none")
    pairs = len(curves[0])
    shown = [curve[curve["budget"] <= min(pairs, max(BUDGETS))] for curve in curves]
    lines: dict[str, list[tuple[float, float]]] = {}
    colours: list[int] = []
    for place, curve in enumerate(shown if len(shown) > 1 else []):
        for colour, rule in enumerate(list(RULES)[:3]):
            lines[f"{rule} of run {place}"] = _points(curve, rule)
            colours.append(colour)
    faint = set(lines)
    mean = mean_curve(shown)
    for colour, rule in reversed(list(enumerate(RULES))):
        lines[rule] = _points(mean, rule)
        colours.append(colour)
    return line_chart(
        lines,
        alt=_alt(mean, pairs, len(shown)),
        across=f"pairs of classes, most mined first, of {pairs}",
        colours=colours,
        faint=faint,
    )


def _points(curve: pd.DataFrame, rule: str) -> list[tuple[float, float]]:
    shares = 100 * curve[rule].to_numpy(dtype=np.float64)
    return list(zip(curve["budget"].astype(float), map(float, shares), strict=True))


def _alt(mean: pd.DataFrame, pairs: int, seeds: int) -> str:
    last = mean.iloc[-1]
    told = ", ".join(f"{words} {100 * last[rule]:.0f} %" for rule, words in RULES.items())
    over = f", mean of {seeds} seeds" if seeds > 1 else ""
    return (
        f"Share of the worst errors found by {last['budget']:.0f} of {pairs} pairs{over}: {told}."
    )
