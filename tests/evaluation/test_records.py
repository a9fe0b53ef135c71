"""Records hold what the figures are computed from, and nothing of a machine or a text."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.predictions import predictions_table, table_statistics
from affectrep.evaluation.records import read_compact, write_compact, write_record
from affectrep.evaluation.stored_run import StoredRun


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


def test_another_csv_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("id,label\n1,2\n")
    with pytest.raises(ValueError, match="not a record"):
        read_compact(tmp_path / "x.csv")
