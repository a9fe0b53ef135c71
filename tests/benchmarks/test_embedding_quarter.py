"""The file of the embedding on a quarter takes what it says, and its page is current."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectrep.evaluation.stored_run import StoredRun
from tests.benchmarks.embedding_quarter import COLUMNS, collect, figures, main
from tests.benchmarks.embedding_tables import METRICS
from tests.benchmarks.test_ablations import CONFIGS, run_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/aml.md"
QUARTER = ["name=q", "seed=100", "data.train_fraction=0.25"]


def measured(run: Path, *, auc: float, without: str = "") -> Path:
    """Write a card whose measures of the embedding are all ``auc``."""
    values = {name: {"value": auc, "low": auc - 0.1, "high": auc + 0.1} for name in METRICS}
    values.pop(without, None)
    own = {"rare_f1": values.pop("rare_f1")} if "rare_f1" in values else {}
    card = {"config": "q", "seed": 100, "split": "validation", "data": "d", "n": 10}
    card |= {"metrics": own, "representation": {"metrics": values}}
    (run / "predictions").mkdir(exist_ok=True)
    (run / "predictions" / "validation.json").write_text(json.dumps(card))
    return run


def test_a_line_for_each_measure_of_a_quarter(tmp_path: Path) -> None:
    run = measured(run_of(tmp_path, "goemotions_aml", QUARTER, best=0.6), auc=0.7)
    found = figures(StoredRun(run), CONFIGS)
    assert tuple(found) == COLUMNS
    assert set(found["config"]) == {"goemotions_aml"}
    assert found["metric"].tolist() == list(METRICS)
    assert found["value"].tolist() == [0.7] * len(METRICS)


def test_other_changes_and_runs_without_measures_are_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path, "goemotions_aml", [*QUARTER, "objective.gain=2"], best=0.6)
    with pytest.raises(ValueError, match=r"expected data\.train_fraction=0\.25 alone"):
        figures(StoredRun(run), CONFIGS)
    other = tmp_path / "other"
    other.mkdir()
    run = run_of(other, "goemotions_aml", QUARTER, best=0.6)
    with pytest.raises(ValueError, match="--representation first"):
        figures(StoredRun(run), CONFIGS)
    measured(run, auc=0.7, without="family_auc")
    with pytest.raises(ValueError, match="no family_auc"):
        figures(StoredRun(run), CONFIGS)


def test_a_run_that_comes_again_replaces_its_lines(tmp_path: Path) -> None:
    run, path = run_of(tmp_path, "goemotions_aml", QUARTER, best=0.6), tmp_path / "file.csv"
    collect(path, CONFIGS, [measured(run, auc=0.7)])
    known = collect(path, CONFIGS, [measured(run, auc=0.8)])
    assert known["value"].tolist() == [0.8] * len(METRICS)


@pytest.mark.slow
def test_the_page_holds_the_table_of_the_file(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    main(["--root", str(ROOT), "table", "--page", str(page)])
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
