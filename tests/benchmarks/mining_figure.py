"""Draws which of the worst errors mining had found in training, and prints the table beside it.

    python -m tests.benchmarks.mining_figure recipes/fec_text/records/empathetic_aml.csv \
        --split test --output recipes/fec_text/mining_empathetic.svg

Reads finished runs of one configuration, or their records; nothing is predicted again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.record_sets import expand_records
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.worst_confusions import BUDGETS, found_differences
from affectrep.reporting.figures import number, p_value
from affectrep.reporting.found_curve import RULES, MinedRun, found_chart, mean_curve, mined_runs
from affectrep.reporting.standalone import standalone

__all__ = ["figure", "read", "table"]

HEADING = "Worst errors that mining had found, per cent"
HEADER = (
    "Pairs of classes",
    "Learned metric",
    "Cosine",
    "Confusions in training",
    "Chance",
    "Learned - cosine",
    "95 % interval",
    "p",
)


def read(paths: Sequence[Path], split: str) -> list[MinedRun]:
    """Return the runs with their predictions of a split, in the order of their seeds.

    Raises:
        FileNotFoundError: if a folder is no run.
        ValueError: if runs are of several configurations, or one lacks predictions or findings.
    """
    runs = sorted((StoredRun(path) for path in paths), key=lambda run: run.seed)
    names = sorted({run.name for run in runs})
    if len(names) != 1:
        raise ValueError(f"expected runs of one configuration, got {', '.join(names) or 'none'}")
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"expected each seed once, got {seeds}")
    found = mined_runs(runs, split)
    missing = sorted(set(seeds) - {run.seed for run in found})
    if missing:
        raise ValueError(
            f"expected findings/mined_pairs.csv and predictions of {split} in every run of "
            f"{names[0]}, got none for seeds {missing}"
        )
    return found


def figure(runs: Sequence[MinedRun]) -> str:
    """Return the curves as an SVG file: the mean over seeds, and each seed pale."""
    names = list(RULES.values())
    return standalone(found_chart([run.curve() for run in runs]), names, heading=HEADING)


def table(runs: Sequence[MinedRun], *, resamples: int = 10_000) -> str:
    """Return the shares at the usual budgets and their differences as a table in Markdown."""
    mean = mean_curve([run.curve() for run in runs]).set_index("budget")
    budgets = [budget for budget in BUDGETS if budget <= len(mean)]
    found = found_differences(
        [run.table for run in runs],
        [run.mined for run in runs],
        budgets=budgets,
        resamples=resamples,
    )
    lines = [list(HEADER), ["---:"] * len(HEADER)]
    for budget in budgets:
        shares = [number("share", float(mean.loc[budget, rule])) for rule in RULES]
        lines.append([str(budget), *shares, *_difference(found[budget])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _difference(one: Difference) -> list[str]:
    low, high = (number("share", end, sign=True) for end in (one.low, one.high))
    return [number("share", one.effect, sign=True), f"{low} to {high}", p_value(one.p)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the figure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, or record files")
    parser.add_argument("--split", default="validation", help="whose predictions are read")
    parser.add_argument("--output", type=Path, help="SVG file")
    given = parser.parse_args(arguments)
    runs = read(expand_records(given.runs), given.split)
    if given.output is not None:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(figure(runs), encoding="utf-8")
    worst = sorted(len(run.worst()) for run in runs)
    rows = f"{worst[0]:,}" if worst[0] == worst[-1] else f"{worst[0]:,} to {worst[-1]:,}"
    seeds = f"{len(runs)} seed{'s' * (len(runs) > 1)}"
    print(f"Worst tenth of the errors on {given.split}, {rows} rows a seed, {seeds}; per cent.\n")
    print(table(runs))


if __name__ == "__main__":
    main()
