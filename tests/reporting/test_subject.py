from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from affectrep.evaluation.comparison import mean_over_seeds
from affectrep.evaluation.predictions import table_statistics
from affectrep.evaluation.record_sets import expand_records, keep_record
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.report import report_html
from affectrep.reporting.sections import figures
from affectrep.reporting.subject import gather, one_of_each
from tests.evaluation.invented import make_run
from tests.reporting.regressed import regression_run


def test_several_seeds_have_one_interval_over_rows_and_seeds(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed, rows=150) for seed in range(3)]
    (subject,) = gather(runs)
    statistics = [table_statistics(run.table("test")) for run in subject.runs]
    whole = mean_over_seeds(statistics, resamples=300)["accuracy"]
    found = subject.figure("accuracy")
    assert (found["low"], found["high"]) == (whole.low, whole.high)
    assert found["value"] == pytest.approx(whole.value)
    assert found["sd"] == pytest.approx(
        np.std([card["metrics"]["accuracy"]["value"] for card in subject.cards], ddof=1)
    )
    ends = [card["metrics"]["accuracy"]["low"] for card in subject.cards]
    assert found["low"] != pytest.approx(np.mean(ends), abs=1e-4)
    assert "the mean over 3 seeds: it allows for other rows and for other seeds" in figures(subject)


def test_one_seed_keeps_the_interval_of_its_card(tmp_path: Path) -> None:
    (subject,) = gather([make_run(tmp_path, rows=150)])
    known = subject.cards[0]["metrics"]["accuracy"]
    found = subject.figure("accuracy")
    assert (found["low"], found["high"]) == (known["low"], known["high"])
    assert subject.over_seeds == {}
    assert subject.spans == ""
    assert "Each interval draws the rows anew.</p>" in figures(subject)


def test_without_predictions_the_interval_spans_those_of_the_seeds(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed, rows=150) for seed in range(2)]
    (runs[1] / "predictions" / "test.parquet").unlink()
    (subject,) = gather(runs)
    known = [card["metrics"]["accuracy"] for card in subject.cards]
    found = subject.figure("accuracy")
    assert found["low"] == min(one["low"] for one in known)
    assert found["high"] == max(one["high"] for one in known)
    assert "Each interval spans those of all seeds" in figures(subject)


def test_a_part_of_the_card_spans_and_says_so(tmp_path: Path) -> None:
    runs = [regression_run(tmp_path, seed=seed, pictures=False, mapped=False) for seed in range(2)]
    (subject,) = gather(runs)
    known = [card["strong_weak"]["metrics"]["weak_ccc"] for card in subject.cards]
    found = subject.figure("weak_ccc", part="strong_weak")
    assert found["low"] == min(one["low"] for one in known)
    html = figures(subject)
    assert "never the two parts of one system. Each interval spans those of all seeds" in html
    assert "it allows for other subjects" in html or "it allows for other rows" in html


def test_seeds_of_different_rows_have_no_common_interval(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed, rows=100 + seed) for seed in range(2)]
    assert gather(runs)[0].over_seeds == {}


def test_the_lead_shows_the_interval(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=150)
    card = json.loads((run / "predictions" / "test.json").read_text())
    one = card["metrics"]["weighted_f1"]
    ends = f"{100 * one['value']:.1f} [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"
    lead = re.search('<p class="lead">(.*?)</p>', report_html([run]))
    assert lead is not None
    assert lead[1].startswith(f"Weighted F1 {ends} on 150 test rows, seed 0.")


def test_one_name_on_two_corpora_is_told_apart_by_the_corpus(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", "demo", rows=60)
    second = make_run(tmp_path / "b", "demo", rows=60)
    config = second / "config.yaml"
    values = yaml.safe_load(config.read_text())
    values["data"] = {**(values.get("data") or {}), "protocol": "leave_language_out target=de"}
    config.write_text(yaml.safe_dump(values))
    names = {subject.name for subject in gather([first, second])}
    assert "demo (strict de)" in names
    assert not [name for name in names if "()" in name]
    assert len(names) == 2


def test_one_run_of_each_seed_and_it_stands_before_its_record(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed, rows=60) for seed in range(2)]
    other = make_run(tmp_path, "other", rows=60)
    run = StoredRun(runs[0])
    file = keep_record(run.path, "test", run.table("test"), tmp_path / "records")
    (record,) = expand_records([file])
    kept, notes = one_of_each([record, other, *runs, runs[1]])
    assert kept == [other, *runs]
    (note,) = notes
    assert note.endswith(f"is given, too: seed 0 of {file}, {runs[1]}.")
    assert one_of_each([record, runs[1]]) == ([record, runs[1]], [])
    twice, once = (gather(paths) for paths in ([record, *runs, runs[1]], runs))
    assert [run.path for run in twice[0].runs] == [run.path for run in once[0].runs] == runs
