"""What single changes did on validation: a line a run in ablations.csv, and the pages' table of it.

    python -m tests.benchmarks.ablations collect recipes/fec_text runs/quarter_*
    python -m tests.benchmarks.ablations table recipes/fec_text
    python -m tests.benchmarks.ablations table recipes/fec_text --page docs/aml.md

A line names the configuration file nearest to the run and the keys that differ from it; its figure
is that of the run's best epoch. No split is read. Unfinished runs are refused.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import yaml

from affectrep.config import Config, differing_keys, load_config, parse_config
from affectrep.evaluation.adversary_signs import signs_by_epoch
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.figures import number
from tests.benchmarks.marked_page import show_or_write

__all__ = ["COLUMNS", "collect", "line", "main", "table"]

FILE, NAME = "ablations.csv", "ablations"
COLUMNS = (
    "base",
    "changes",
    "seed",
    "select",
    "value",
    "best_epoch",
    "epochs",
    "signs",
    "precision",
    "minutes",
    "commit",
)
_OWN = ("name", "seed", "data.root", "training.threads")  # say nothing of the method
_SIGNS = ("response_sd", "response_gap", "held_out_spread", "held_out_auc")
_FRACTION = "data.train_fraction"


def line(run: StoredRun, configs: Path) -> dict[str, object]:
    """Return the line of a finished run.

    Args:
        run: its folder.
        configs: folder of the recipe's configuration files.

    Raises:
        ValueError: if the run is not finished, or there is no configuration file.
    """
    told = run.environment
    if not told.get("finished"):
        raise ValueError(f"{run.path}: not finished; the same `affectrep train` command goes on")
    config = parse_config(run.config)
    bases = {path.stem: load_config(path) for path in sorted(configs.glob("*.yaml"))}
    if not bases:
        raise ValueError(f"{configs}: no configuration files")
    changes = {name: _changes(config, base) for name, base in bases.items()}
    nearest = min(changes, key=lambda name: len(changes[name]))
    return {
        "base": nearest,
        "changes": " ".join(f"{key}={value}" for key, value in changes[nearest].items()),
        "seed": run.seed,
        "select": told["select"],
        "value": round(float(told["best"]), 6),
        "best_epoch": told["best_epoch"],
        "epochs": told["epochs"],
        "signs": _last_signs(run),
        "precision": told["precision"],
        "minutes": round(float(told["minutes"]), 1),
        "commit": told["commit"],
    }


def collect(recipe: Path, configs: Path, runs: Iterable[Path]) -> pd.DataFrame:
    """Add runs to the recipe's file; a line of the same changes and seed is replaced.

    Args:
        recipe: folder of the file.
        configs: folder of the recipe's configuration files.
        runs: folders of finished runs.
    """
    path, key = recipe / FILE, ["base", "changes", "seed"]
    fresh = pd.DataFrame([line(StoredRun(run), configs) for run in runs], columns=list(COLUMNS))
    before = _read(path) if path.is_file() else fresh.iloc[:0]
    known = pd.concat([before, fresh]) if len(before) else fresh
    known = known.drop_duplicates(key, keep="last").sort_values(key, kind="stable")
    known.to_csv(path, index=False, lineterminator="\n")
    return known.reset_index(drop=True)


def table(lines: pd.DataFrame) -> str:
    """Return the table of a file: a line a change, a column a seed, and the mean of several.

    What all lines change stands above it once. Signs of life are those of the first seed.
    """
    words = [set(changes.split(" ")) for changes in lines["changes"]]
    common = sorted(set.intersection(*words) - {""})
    seeds = sorted(lines["seed"].unique())
    means = ["mean"] if len(seeds) > 1 else []
    heads = ["base", "change", *(f"seed {seed}" for seed in seeds), *means, "signs of life"]
    rows = [heads, ["---", "---", *(["---:"] * (len(heads) - 3)), "---"]]
    for (base, changes), group in lines.groupby(["base", "changes"], sort=False):
        values = dict(zip(group["seed"], group["value"], strict=True))
        metric = str(group["select"].iloc[0])
        cells = [number(metric, values[seed]) if seed in values else "" for seed in seeds]
        if means:
            cells.append(number(metric, group["value"].mean()) if len(values) > 1 else "")
        shown = _code(word for word in changes.split(" ") if word and word not in common)
        rows.append([str(base), shown or "as it is", *cells, str(group["signs"].iloc[0])])
    made = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"All with {_code(common)}.\n\n{made}" if common else made


def _code(words: Iterable[str]) -> str:
    return " ".join(f"`{word}`" for word in words)


def _changes(config: Config, base: Config) -> dict[str, object]:
    """Return what a run has and its file has not; a share of the rows comes first."""
    found = {
        key: yaml.safe_dump(mine, default_flow_style=True).removesuffix("\n...\n").strip()
        for key, (mine, _) in differing_keys(config, base).items()
        if key not in _OWN
    }
    return dict(sorted(found.items(), key=lambda pair: pair[0] != _FRACTION))


def _last_signs(run: StoredRun) -> str:
    """Return the medians of the last epoch, such as ``response_sd .55, response_gap 1.11``."""
    signs = signs_by_epoch(run)
    if signs.empty:
        return ""
    last = signs[signs["epoch"] == signs["epoch"].max()].set_index("name")["median"]
    return ", ".join(f"{name} {last[name]:.2f}" for name in _SIGNS if name in last)


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, dtype={"commit": str})


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect runs, or print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    collecting = actions.add_parser("collect", help="add finished runs to the file")
    collecting.add_argument("recipe", type=Path)
    collecting.add_argument("runs", type=Path, nargs="+")
    writing = actions.add_parser("table", help="print the table, or write it into a page")
    writing.add_argument("recipe", type=Path)
    writing.add_argument("--page", type=Path, help="page whose table is written anew")
    given = parser.parse_args(arguments)
    if given.action == "collect":
        collect(given.recipe, Path("configs") / given.recipe.name, given.runs)
        return
    show_or_write(table(_read(given.recipe / FILE)), given.page, NAME)


if __name__ == "__main__":
    main()
