"""What each critic did, epoch by epoch: critics.csv, the pages' table of it, and the traces drawn.

    python -m tests.benchmarks.critic_lives collect recipes/fer_av runs/ferplus_caf_*
    python -m tests.benchmarks.critic_lives table recipes/fer_av --page docs/caf.md
    python -m tests.benchmarks.critic_lives draw recipes/fer_av --output docs/images

A run's log is too large for the repository; a line here is an epoch's median of each sign, spread
and AUC on validation rows. The charts are the paper's Figure 2: the margin, its parts, and the
share of strong-weak pairs inside it, with the whole margin and with either half of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from affectrep.evaluation.adversary_signs import signs_by_epoch
from affectrep.evaluation.critic_health import LEAST_AUC, LEAST_SPREAD
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.plots import Curve, line_chart
from affectrep.reporting.standalone import standalone
from tests.benchmarks.marked_page import show_or_write

__all__ = ["CHARTS", "COLUMNS", "FILE", "charts", "collect", "lines", "main", "table"]

FILE, NAME = "critics.csv", "critics"
_SIGNS = ("mi", "delta", "k", "alpha", "inside", "held_out_spread", "held_out_auc")
COLUMNS = ("config", "seed", "epoch", *_SIGNS)
CHARTS = {  # sign -> what it is
    "alpha": "Margin alpha",
    "mi": "Information MI, nats",
    "delta": "Confidence Delta",
    "k": "K, neighbours until the group is sure",
    "inside": "Share of strong-weak pairs inside the margin",
}
_LEAST = 2  # values that make a trace
_DRAWN = {
    "ferplus_caf": "the whole margin",
    "ferplus_caf_mi": "MI alone",
    "ferplus_caf_delta": "Delta alone",
}
_HEADER = (
    "Configuration",
    "Seed",
    "Epochs",
    "without a sign of life, after the first",
    "Lowest AUC",
    "Lowest spread",
    "AUC at the end",
    "Spread at the end",
    "Margin, first and last epoch",
    "Negatives inside it, first and last epoch",
)


def lines(run: StoredRun) -> pd.DataFrame:
    """Return a line an epoch of a run with a critic.

    Raises:
        ValueError: if the run had no critic.
    """
    signs = signs_by_epoch(run)
    if signs.empty or "held_out_auc" not in set(signs["name"]):
        raise ValueError(f"{run.path}: no critic was watched on validation rows")
    found = signs.pivot(index="epoch", columns="name", values="median").reindex(columns=_SIGNS)
    found = found.rename_axis(columns=None).reset_index()
    found.insert(0, "config", run.name)
    found.insert(1, "seed", run.seed)
    return found


def collect(recipe: Path, runs: Iterable[Path]) -> pd.DataFrame:
    """Add runs to the recipe's file; the lines of a run that comes again are replaced.

    Args:
        recipe: folder of the file.
        runs: folders of runs, finished or ended by their critic.
    """
    path = recipe / FILE
    told = [_read(path)] if path.is_file() else []
    for run in runs:
        fresh = lines(StoredRun(run))
        one = (fresh["config"].iloc[0], fresh["seed"].iloc[0])
        told = [old[(old["config"] != one[0]) | (old["seed"] != one[1])] for old in told]
        told.append(fresh)
    known = pd.concat(told).sort_values(["config", "seed", "epoch"], kind="stable")
    known.to_csv(path, index=False, float_format="%.4g", lineterminator="\n")
    return _read(path)


def table(known: pd.DataFrame) -> str:
    """Return a line a run: whether its critic lived, and what became of its margin."""
    rows = [list(_HEADER), ["---", *(["---:"] * (len(_HEADER) - 1))]]
    whole = known.dropna(subset=["held_out_auc"])  # an epoch that broke off was not looked at
    for (config, seed), one in whole.groupby(["config", "seed"], sort=True):
        later = one[one["epoch"] > one["epoch"].min()] if len(one) > 1 else one
        asleep = (later["held_out_auc"] <= LEAST_AUC) | (later["held_out_spread"] <= LEAST_SPREAD)
        last = one.iloc[-1]
        rows.append(
            [
                f"`{config}`",
                str(seed),
                str(len(one)),
                f"{int(asleep.sum())} of {len(later)}",
                _short(later["held_out_auc"].min()),
                _short(later["held_out_spread"].min()),
                _short(last["held_out_auc"]),
                _short(last["held_out_spread"]),
                _ends(one["alpha"]),
                _ends(one["inside"]),
            ]
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def charts(known: pd.DataFrame) -> dict[str, str]:
    """Return the charts of the paper's Figure 2 as SVG files, sign -> file; the first seed each."""
    found = {}
    for sign, heading in CHARTS.items():
        curves = {words: _curve(known, name, sign) for name, words in _DRAWN.items()}
        colours = [place for place, curve in enumerate(curves.values()) if curve]
        shown = {words: curve for words, curve in curves.items() if curve}
        if not shown:
            continue
        ends = (f"{words} from {c[0][1]:.3g} to {c[-1][1]:.3g}" for words, c in shown.items())
        alt = f"{heading} by epoch: {'; '.join(ends)}."
        chart = line_chart(shown, alt=alt, across="epoch", colours=colours)
        names = [words if curve else "" for words, curve in curves.items()]
        found[sign] = standalone(chart, names, heading=heading)
    return found


def _curve(known: pd.DataFrame, config: str, sign: str) -> Curve:
    own = known[known["config"] == config]
    own = own[own["seed"] == own["seed"].min()].dropna(subset=[sign])
    if own[sign].nunique() < _LEAST:  # a half of the margin that this system leaves out
        return []
    return [(float(x) + 1, float(y)) for x, y in zip(own["epoch"], own[sign], strict=True)]


def _ends(values: pd.Series) -> str:
    told = values.dropna()
    return f"{_short(told.iloc[0])}, {_short(told.iloc[-1])}" if len(told) else ""


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 0.1 else f"{value:.2f}"


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect runs, print or write the table, or draw the charts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    collecting = actions.add_parser("collect", help="add runs to the file")
    collecting.add_argument("recipe", type=Path)
    collecting.add_argument("runs", type=Path, nargs="+")
    writing = actions.add_parser("table", help="print the table, or write it into a page")
    writing.add_argument("recipe", type=Path)
    writing.add_argument("--page", type=Path, help="page whose table is written anew")
    drawing = actions.add_parser("draw", help="write the charts")
    drawing.add_argument("recipe", type=Path)
    drawing.add_argument("--output", type=Path, required=True, help="folder of the SVG files")
    given = parser.parse_args(arguments)
    if given.action == "collect":
        collect(given.recipe, given.runs)
        return
    known = _read(given.recipe / FILE)
    if given.action == "table":
        show_or_write(table(known), given.page, NAME)
        return
    given.output.mkdir(parents=True, exist_ok=True)
    for sign, svg in charts(known).items():
        (given.output / f"critic_{sign}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
