"""The embedding on a quarter of GoEmotions, validation: quarter_embedding.csv and docs/aml.md.

    python -m tests.benchmarks.embedding_quarter collect runs/quarter_go_*
    python -m tests.benchmarks.embedding_quarter table --page docs/aml.md

Runs are configurations of recipes/fec_text with ``data.train_fraction=0.25`` and nothing else
changed, after ``affectrep evaluate <run> --split validation --representation --families
recipes/fec_text/families/goemotions.json``. Intervals are Student's t over seeds alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from affectrep.evaluation.results import results_of
from affectrep.evaluation.stored_run import StoredRun
from tests.benchmarks.ablations import line
from tests.benchmarks.embedding_tables import METRICS, table
from tests.benchmarks.marked_page import show_or_write

__all__ = ["COLUMNS", "collect", "figures", "main"]

FILE, NAME = Path("recipes/fec_text/quarter_embedding.csv"), "quarter_embedding"
CONFIGS = Path("configs/fec_text")
COLUMNS = ("config", "seed", "metric", "value", "low", "high", "commit")
_QUARTER, _CORPUS, _SPLIT = "data.train_fraction=0.25", "goemotions", "validation"


def figures(run: StoredRun, configs: Path) -> pd.DataFrame:
    """Return the measures of a run's embedding on validation, a line each.

    Raises:
        ValueError: if the run changes something else, is not finished, or was not measured.
    """
    told = line(run, configs)
    if told["changes"] != _QUARTER:
        raise ValueError(f"{run.path}: expected {_QUARTER} alone, got {told['changes'] or 'none'}")
    path = run.path / "predictions" / f"{_SPLIT}.json"
    if not path.is_file():
        raise ValueError(f"{run.path}: affectrep evaluate --split {_SPLIT} --representation first")
    card = json.loads(path.read_text(encoding="utf-8"))
    found = {
        one.metric: one
        for one in results_of(card, run.environment, "")
        if not one.condition and one.metric in METRICS
    }
    missing = sorted(set(METRICS) - set(found))
    if missing:
        raise ValueError(f"{path}: no {', '.join(missing)}; evaluate with --representation")
    rows = [
        (told["base"], run.seed, one.metric, one.value, one.low, one.high, told["commit"])
        for one in map(found.__getitem__, METRICS)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def collect(path: Path, configs: Path, runs: Iterable[Path]) -> pd.DataFrame:
    """Add runs to a file; the lines of the same configuration and seed are replaced."""
    key = ["config", "seed", "metric"]
    told = [_read(path)] if path.is_file() else []
    told += [figures(StoredRun(run), configs) for run in runs]
    known = pd.concat(told).drop_duplicates(key, keep="last").sort_values(key, kind="stable")
    known.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    return known.reset_index(drop=True)


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"commit": str})


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect runs, or print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path(), help="of the repository")
    actions = parser.add_subparsers(dest="action", required=True)
    collecting = actions.add_parser("collect", help="add evaluated runs to the file")
    collecting.add_argument("runs", type=Path, nargs="+")
    writing = actions.add_parser("table", help="print the table, or write it into a page")
    writing.add_argument("--page", type=Path, help="page whose table is written anew")
    given = parser.parse_args(arguments)
    path = given.root / FILE
    if given.action == "collect":
        collect(path, given.root / CONFIGS, given.runs)
        return
    show_or_write(table(_read(path), _CORPUS), given.page, NAME)


if __name__ == "__main__":
    main()
