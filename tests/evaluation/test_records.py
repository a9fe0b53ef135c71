"""Records hold what the figures are computed from, and nothing of a machine or a text."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.ledger import readings, record_read
from affectrep.evaluation.predictions import predictions_table, table_statistics
from affectrep.evaluation.records import (
    margin_probabilities,
    read_compact,
    write_compact,
    write_record,
)
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.worst_confusions import margin_errors, worst_confusions


def table(task: str) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ids = [f"{i:03d}" for i in range(20)]
    if task == "regression":
        labels, scores = rng.uniform(-1, 1, (20, 2)), rng.uniform(-1, 1, (20, 2))
    elif task == "multilabel":
        labels, scores = (rng.random((20, 3)) > 0.6).astype(float), rng.normal(size=(20, 3))
    else:
        labels, scores = rng.integers(0, 3, 20), rng.normal(size=(20, 3))
    classes = None if task == "regression" else ["a", "b", "c"]
    made = predictions_table(
        Predictions(ids, labels, scores.astype(np.float32)),
        task,
        classes,
        threshold=0.4 if task == "multilabel" else None,
        domains=pd.DataFrame({"speaker": [f"s{i % 4}" for i in range(20)]}),
    )
    made.attrs["split"] = "test"
    return made


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_the_figures_of_a_record_are_those_of_the_run(tmp_path, task):
    full = table(task)
    write_compact(tmp_path / "test.csv", full)
    read = read_compact(tmp_path / "test.csv")
    before, after = table_statistics(full).values(), table_statistics(read).values()
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert after[name] == pytest.approx(value, abs=1e-5)
    assert read["id"].tolist() == full["id"].tolist()
    assert read["speaker"].tolist() == full["speaker"].tolist()


def test_a_record_reads_like_a_run_and_names_no_folder(tmp_path):
    run = tmp_path / "runs/x-3"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("name: x\nseed: 3\ndata: {corpus: c, root: /somewhere/me/c}\n")
    (run / "environment.json").write_text(
        json.dumps({"command": ["/somewhere/me/x"], "torch": "2"})
    )
    record = write_record(run, "test", table("classification"), tmp_path / "records")
    stored = StoredRun(record)
    assert (stored.name, stored.seed, stored.environment) == ("x", 3, {"torch": "2"})
    assert len(stored.table("test")) == 20
    for file in record.rglob("*.*"):
        assert "/somewhere/me" not in file.read_text()


def test_the_worst_errors_of_a_record_are_those_of_the_run(tmp_path):
    full = table("classification")
    write_compact(tmp_path / "test.csv", full)
    read = margin_probabilities(read_compact(tmp_path / "test.csv"))
    assert len(margin_errors(full)) > 5
    for found in (margin_errors, worst_confusions):
        pd.testing.assert_frame_equal(found(read), found(full), atol=1e-8)
    shares = read[["prob_0", "prob_1", "prob_2"]]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1)
    assert margin_probabilities(full) is full


def test_a_record_without_margins_is_refused_in_words(tmp_path):
    write_compact(tmp_path / "test.csv", table("classification").drop(columns="prob_0"))
    read = read_compact(tmp_path / "test.csv")
    assert "margin" not in read
    with pytest.raises(ValueError, match="before margins were kept"):
        margin_probabilities(read)


def test_a_record_keeps_what_mining_found_and_no_text(tmp_path):
    run = tmp_path / "runs/x-3"
    (run / "findings").mkdir(parents=True)
    (run / "config.yaml").write_text("name: x\nseed: 3\n")
    (run / "findings/mined_pairs.csv").write_text("class_a,class_b,cosine\nnan,b,7\n")
    (run / "findings/recurring_positives.csv").write_text("id,times\n007,9\n")
    (run / "findings/texts.csv").write_text("id,text\n007,a private text\n")
    stored = StoredRun(write_record(run, "test", table("classification"), tmp_path / "records"))
    assert stored.findings("texts") is None
    mined = stored.findings("mined_pairs")
    assert mined.to_dict("list") == {"class_a": ["nan"], "class_b": ["b"], "cosine": [7]}
    assert stored.findings("recurring_positives").to_dict("list") == {"id": ["007"], "times": [9]}
    for file in stored.path.rglob("*.*"):
        assert "private" not in file.read_text()


def test_another_csv_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("id,label\n1,2\n")
    with pytest.raises(ValueError, match="not a record"):
        read_compact(tmp_path / "x.csv")


def test_a_damaged_file_of_a_run_is_named(tmp_path):
    run, records = tmp_path / "runs/x-3", tmp_path / "records"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("name: x\nseed: [3\n")
    with pytest.raises(ValueError, match=r"runs/x-3/config\.yaml is not readable"):
        write_record(run, "test", table("classification"), records)
    (run / "config.yaml").write_text("name: x\nseed: 3\n")
    for name in ("environment.json", "data.json"):
        (run / name).write_text('{"cut": ')
        with pytest.raises(ValueError, match=rf"runs/x-3/{name} is damaged"):
            write_record(run, "test", table("classification"), records)
        (run / name).write_text("{}")


def test_a_reading_whose_line_was_cut_off_still_counts(tmp_path):
    run = tmp_path / "runs/x-3"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("name: x\nseed: 3\n")
    whole = record_read(run, "test", config="c0ffee")
    with (run / "reads.jsonl").open("a") as file:
        file.write('{"split": "test", "time": "2026-')
    with pytest.warns(UserWarning, match="runs/x-3/reads.jsonl, line 2 was cut off"):
        record = write_record(run, "test", table("classification"), tmp_path / "records")
    first, second = readings(record)
    assert first == whole
    assert second.split == "test"


@pytest.mark.parametrize(
    ("line", "message"),
    [("000,9,1,0.5,s0", "'9' stands where one of 3 classes"), ("000,1,,0.5,s0", "'' stands where")],
)
def test_a_damaged_table_is_refused_by_name(tmp_path, line, message):
    path = tmp_path / "test.csv"
    attrs = {"task": "classification", "classes": ["a", "b", "c"], "threshold": None}
    path.write_text(f"# {json.dumps(attrs)}\nid,label,predicted,margin,speaker\n{line}\n")
    with pytest.raises(ValueError, match=rf"test\.csv is damaged: {message}"):
        read_compact(path)
    path.write_text('# {"task": \n')
    with pytest.raises(ValueError, match=r"test\.csv is damaged"):
        read_compact(path)


def test_what_is_no_number_is_refused(tmp_path):
    write_compact(tmp_path / "test.csv", table("regression"))
    text = (tmp_path / "test.csv").read_text()
    (tmp_path / "test.csv").write_text(text.replace("\n000,", "\n000,x"))
    with pytest.raises(ValueError, match=r"test\.csv is damaged: Unable to parse"):
        read_compact(tmp_path / "test.csv")
