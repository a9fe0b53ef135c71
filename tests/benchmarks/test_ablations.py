"""A run's line names what it changes; the pages hold the tables of the files."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from affectrep.config import load_config, to_yaml
from affectrep.evaluation.stored_run import StoredRun
from tests.benchmarks.ablations import COLUMNS, FILE, collect, line, main, table

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs/fec_text"
PAGES = [("fec_text", "docs/aml.md"), ("fer_av", "docs/caf_protocol.md")]


def run_of(
    folder: Path, file: str, overrides: list[str], *, best: float, done: bool = True
) -> Path:
    config = load_config(CONFIGS / f"{file}.yaml", overrides)
    path = folder / f"{config.name}-{config.seed}"
    path.mkdir()
    (path / "config.yaml").write_text(to_yaml(config))
    told = {
        "best": best,
        "best_epoch": 3,
        "select": "weighted_f1",
        "epochs": 4,
        "precision": "fp32",
        "minutes": 9.54,
        "commit": "abc1234",
        "finished": done,
    }
    (path / "environment.json").write_text(json.dumps(told))
    log = [
        {"step": 10, "epoch": 3, "phase": "adversary", "name": "response_sd", "value": 0.5},
        {"step": 10, "epoch": 3, "phase": "adversary", "name": "response_gap", "value": 1.25},
    ]
    (path / "metrics.jsonl").write_text("\n".join(json.dumps(one) for one in log) + "\n")
    return path


def test_a_line_names_the_nearest_configuration_and_what_differs(tmp_path: Path) -> None:
    changed = ["name=q", "seed=100", "data.train_fraction=0.25", "objective.mining.partners=31"]
    found = line(StoredRun(run_of(tmp_path, "empathetic_aml", changed, best=0.5)), CONFIGS)
    assert set(found) == set(COLUMNS)
    assert found["base"] == "empathetic_aml"
    assert found["changes"] == "data.train_fraction=0.25 objective.mining.partners=31"
    assert (found["seed"], found["value"]) == (100, 0.5)
    assert found["signs"] == "response_sd 0.50, response_gap 1.25"


def test_unfinished_runs_are_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path, "empathetic_ce", ["name=q"], best=0.5, done=False)
    with pytest.raises(ValueError, match="not finished"):
        line(StoredRun(run), CONFIGS)


def test_a_run_that_comes_again_replaces_its_line(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    changed = ["name=q", "data.train_fraction=0.25"]
    runs = [
        run_of(first, "empathetic_ce", [*changed, f"seed={seed}"], best=0.5 + seed / 1000)
        for seed in (100, 101)
    ]
    collect(tmp_path, CONFIGS, runs)
    again = run_of(second, "empathetic_ce", [*changed, "seed=101"], best=0.7)
    lines = collect(tmp_path, CONFIGS, [again])
    assert lines["value"].tolist() == [0.6, 0.7]
    made = table(pd.read_csv(tmp_path / FILE, keep_default_na=False)).splitlines()
    assert made[0] == "All with `data.train_fraction=0.25`."
    assert made[2] == "| base | change | seed 100 | seed 101 | mean | signs of life |"
    signs = "response_sd 0.50, response_gap 1.25"
    assert made[4] == f"| empathetic_ce | as it is | 60.0 | 70.0 | 65.0 | {signs} |"


@pytest.mark.parametrize(("recipe", "page"), PAGES)
def test_the_page_holds_the_table_of_the_file(recipe: str, page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    copy = tmp_path / "page.md"
    copy.write_text(text, encoding="utf-8")
    main(["table", str(ROOT / "recipes" / recipe), "--page", str(copy)])
    assert copy.read_text(encoding="utf-8") == text
