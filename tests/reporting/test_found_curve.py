from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest

from affectrep.evaluation.records import write_record
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.found_curve import RULES, found_chart, mean_curve, mined_runs
from tests.evaluation.invented import make_run
from tests.reporting.mined import add_findings


def curve(learned: list[float]) -> pd.DataFrame:
    count = len(learned)
    columns = {"budget": range(1, count + 1), "cosine": 0.0, "confusion": 0.5, "chance": 0.25}
    return pd.DataFrame({**columns, "learned": learned})


def test_only_runs_with_findings_and_predictions_count(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed, evaluated=seed != 1) for seed in range(3)]
    for seed in (0, 1):
        add_findings(runs[seed], seed)
    found = mined_runs([StoredRun(run) for run in runs], "test")
    assert [one.seed for one in found] == [0]
    assert len(found[0].mined) == 28
    assert len(found[0].curve()) == 28


def test_a_record_gives_the_same_curve(tmp_path: Path) -> None:
    run = add_findings(make_run(tmp_path / "runs"))
    record = write_record(run, "test", StoredRun(run).table("test"), tmp_path / "records")
    one, other = (mined_runs([StoredRun(path)], "test")[0].curve() for path in (run, record))
    pd.testing.assert_frame_equal(one, other)
    assert one["learned"].iloc[5] > 2 * one["chance"].iloc[5]  # families were mined, errors are so


def test_the_mean_is_drawn_over_pale_seeds() -> None:
    chart = found_chart([curve([0.2, 1.0]), curve([0.4, 0.6])])
    lines = ET.fromstring(chart).findall("polyline")
    assert [line.get("class") for line in lines] == 6 * ["curve faint"] + 4 * ["curve"]
    assert lines[-1].get("stroke") == "var(--s0)"
    assert "learned metric 80 %" in chart
    assert "mean of 2 seeds" in chart
    own = [float(line.get("points").split()[0].split(",")[1]) for line in (lines[0], lines[3])]
    mean = float(lines[-1].get("points").split()[0].split(",")[1])
    assert mean == pytest.approx(sum(own) / 2, abs=0.11)


def test_one_seed_has_a_line_a_rule_up_to_the_largest_budget() -> None:
    chart = found_chart([curve([0.5] * 300)])
    lines = ET.fromstring(chart).findall("polyline")
    assert len(lines) == len(RULES)
    assert len(lines[0].get("points").split()) == 100
    assert "100 of 300 pairs" in chart


def test_no_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        found_chart([])
    assert mean_curve([curve([0.5])])["learned"].tolist() == [0.5]
