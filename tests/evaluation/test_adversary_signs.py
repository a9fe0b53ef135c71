from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from affectrep.evaluation.adversary_signs import SIGNS, signs_by_epoch, write_signs
from affectrep.evaluation.records import FINDINGS
from tests.evaluation.test_adversary_health import aml, logged


def test_every_epoch_has_median_and_ends(tmp_path: Path) -> None:
    run = aml(tmp_path / "a", [0.3, 0.5], [0.4, 0.6])
    log = run.path / "metrics.jsonl"
    last = '{"step": 35, "epoch": 1, "phase": "adversary", "name": "response_sd", "value": 0.05}'
    log.write_text(log.read_text() + last + "\n")
    found = signs_by_epoch(run).set_index(["name", "epoch"])
    own = found.loc[("response_sd", 1)]
    assert [own["lowest"], own["median"], own["highest"]] == pytest.approx([0.05, 0.5, 0.5])
    assert own["steps"] == 3
    assert found.loc[("response_gap", 0), "median"] == pytest.approx(0.4)


def test_a_critic_has_its_held_out_figures(tmp_path: Path) -> None:
    figures = {
        ("critic", "spread"): [0.02, 0.03],
        ("validation", "critic_auc"): [0.7, 0.8],
        ("validation", "critic_spread"): [0.04, 0.05],
        ("main", "loss"): [1.0, 1.0],
    }
    run = logged(tmp_path / "a", figures, {"name": "caf"})
    found = signs_by_epoch(run).set_index(["name", "epoch"])["median"]
    assert found[("held_out_auc", 1)] == pytest.approx(0.8)
    assert "skipped" not in found.index.get_level_values("name")


def test_the_record_keeps_them(tmp_path: Path) -> None:
    run = aml(tmp_path / "a", [0.3, 0.5], [0.4, 0.6])
    assert write_signs(run)
    assert SIGNS in FINDINGS
    table = pd.read_csv(run.path / "findings" / f"{SIGNS}.csv")
    pd.testing.assert_frame_equal(table, signs_by_epoch(run), check_dtype=False)


def test_a_run_without_adversary_has_none(tmp_path: Path) -> None:
    run = logged(tmp_path / "a", {("main", "loss"): [1.0, 1.0]}, {"name": "cross_entropy"})
    assert signs_by_epoch(run).empty
    assert not write_signs(run)
    assert not (run.path / "findings").exists()
