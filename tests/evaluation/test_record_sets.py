"""A record file holds the records of all seeds, and gives them back letter for letter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.predictions import predictions_table
from affectrep.evaluation.record_sets import (
    expand_records,
    keep_record,
    merge_records,
    unpack_records,
)
from affectrep.evaluation.records import write_record
from affectrep.evaluation.stored_run import StoredRun

TASKS = ["classification", "multilabel", "regression"]


def table(task: str, seed: int, *, rows: int = 12, split: str = "test") -> pd.DataFrame:
    truth, said = np.random.default_rng(7), np.random.default_rng(seed)
    ids = [f'{i:03d}, "x"' for i in range(rows)]
    if task == "regression":
        labels, scores = truth.uniform(-1, 1, (rows, 2)), said.uniform(-1, 1, (rows, 2))
    elif task == "multilabel":
        labels, scores = (truth.random((rows, 3)) > 0.6) * 1.0, said.normal(size=(rows, 3))
    else:
        labels, scores = truth.integers(0, 3, rows), said.normal(size=(rows, 3))
    made = predictions_table(
        Predictions(ids, labels, scores.astype(np.float32)),
        task,
        None if task == "regression" else ["a", "b", "c"],
        threshold=0.4 if task == "multilabel" else None,
        domains=pd.DataFrame({"speaker": [f"s{i % 4}" for i in range(rows)]}),
    )
    made.attrs["split"] = split
    return made


def make_run(folder: Path, seed: int, *, epochs: int = 4) -> Path:
    run = folder / "runs" / f"x.de-{seed}"
    (run / "findings").mkdir(parents=True)
    (run / "config.yaml").write_text(f"name: x\nseed: {seed}\ntraining: {{epochs: {epochs}}}\n")
    (run / "environment.json").write_text(json.dumps({"torch": "2", "minutes": seed}))
    (run / "data.json").write_text(json.dumps({"info": {"title": "X"}}, indent=1) + "\n")
    (run / "reads.jsonl").write_text('{"split": "test"}\n')
    (run / "findings/mined_pairs.csv").write_text("class_a,class_b\nnan,b\n")
    return run


@pytest.mark.parametrize("task", TASKS)
def test_the_records_come_back_letter_for_letter(tmp_path: Path, task: str) -> None:
    records = [
        write_record(make_run(tmp_path, seed), "test", table(task, seed), tmp_path / "records")
        for seed in (0, 1, 10)
    ]
    file = merge_records(records, tmp_path / "kept")
    assert file == tmp_path / "kept" / "x.de.csv"
    again = unpack_records(file, tmp_path / "again")
    assert [path.name for path in again] == ["x.de-0", "x.de-1", "x.de-10"]
    for before, after in zip(records, again, strict=True):
        names = sorted(path.relative_to(before) for path in before.rglob("*") if path.is_file())
        assert names == sorted(p.relative_to(after) for p in after.rglob("*") if p.is_file())
        for name in names:
            assert (before / name).read_text() == (after / name).read_text()


def test_a_seed_and_a_split_are_added_and_replaced(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed) for seed in (0, 1)]
    folder = tmp_path / "records"
    keep_record(runs[0], "test", table("classification", 0), folder)
    file = keep_record(runs[1], "test", table("classification", 1), folder)
    first = file.read_text()
    keep_record(runs[1], "test", table("classification", 2), folder)
    assert file.read_text() != first
    keep_record(runs[1], "test", table("classification", 1), folder)
    assert file.read_text() == first
    keep_record(
        runs[0], "validation", table("classification", 0, rows=5, split="validation"), folder
    )
    one, other = (StoredRun(path) for path in expand_records([file]))
    assert len(one.table("validation")) == 5
    assert len(one.table("test")) == len(other.table("test")) == 12
    with pytest.raises(FileNotFoundError):
        other.table("validation")
    assert (one.seed, other.seed, other.environment["minutes"]) == (0, 1, 1)


def test_what_is_no_file_stays_as_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path, 0)
    file = keep_record(run, "test", table("regression", 0), tmp_path / "records")
    found = expand_records([run, file, file])
    assert found[0] == run
    assert found[1] == found[2]
    assert StoredRun(found[1]).name == "x"


def test_other_rows_or_another_configuration_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    keep_record(make_run(tmp_path, 0), "test", table("classification", 0), folder)
    run = make_run(tmp_path, 1)
    with pytest.raises(ValueError, match="other rows"):
        keep_record(run, "test", table("classification", 1, rows=11), folder)
    changed = table("classification", 1)
    changed.loc[0, "speaker"] = "somebody"
    with pytest.raises(ValueError, match="labels or speakers"):
        keep_record(run, "test", changed, folder)
    with pytest.raises(ValueError, match="have other values"):
        keep_record(make_run(tmp_path, 2, epochs=5), "test", table("classification", 2), folder)


def test_a_key_of_a_later_version_is_kept_with_its_seed(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed) for seed in (0, 1)]
    text = (runs[1] / "config.yaml").read_text() + "later: {key: 3}\n"
    (runs[1] / "config.yaml").write_text(text)
    for seed, run in enumerate(runs):
        file = keep_record(run, "test", table("regression", seed), tmp_path / "records")
    first, second = (StoredRun(path).config for path in expand_records([file]))
    assert "later" not in first
    assert second["later"] == {"key": 3}


@pytest.mark.parametrize(
    ("key", "values"), [("precision", ["bf16", "auto"]), ("threads", [1, None])]
)
def test_seeds_may_have_been_trained_by_different_machines(
    key: str, values: list[object], tmp_path: Path
) -> None:
    for seed, value in enumerate(values):
        run = make_run(tmp_path, seed)
        config = yaml.safe_load((run / "config.yaml").read_text())
        config["training"] |= {key: value}
        (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        file = keep_record(run, "test", table("regression", seed), tmp_path / "records")
    found = [StoredRun(path).config["training"][key] for path in expand_records([file])]
    assert found == values


def test_another_csv_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,label\n1,2\n")
    with pytest.raises(ValueError, match="no record file"):
        expand_records([tmp_path / "x.csv"])


def two_seeds(folder: Path) -> Path:
    for seed in (0, 1):
        made = table("classification", seed)
        file = keep_record(make_run(folder, seed), "test", made, folder / "records")
    return file


@pytest.mark.parametrize("cut", [0.02, 0.2, 0.5, 0.9, 0.97])
def test_a_file_that_was_cut_off_is_refused_by_name(tmp_path: Path, cut: float) -> None:
    file = two_seeds(tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(ValueError, match=r"x\.de\.csv is damaged: .*; restore it"):
        expand_records([file])
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"x\.de\.csv is damaged"):
        keep_record(tmp_path / "runs/x.de-1", "test", table("classification", 1), file.parent)
    assert file.read_bytes() == before


def test_rows_that_are_missing_are_counted(tmp_path: Path) -> None:
    file = two_seeds(tmp_path)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-4]))
    with pytest.raises(ValueError, match=r"x\.de\.csv is damaged: it holds 8 of 12 rows of test"):
        expand_records([file])
    file.write_text("".join(lines[:-12]))
    with pytest.raises(ValueError, match="it holds 0 of 12 rows of test"):
        expand_records([file])


def test_where_the_number_of_rows_comes_from(tmp_path: Path) -> None:
    """The fingerprint says it; a seed says it of other rows, and older files need not."""
    run = make_run(tmp_path, 0)
    (run / "data.json").write_text(json.dumps({"fingerprint": {"test": {"rows": 12}}}))
    file = keep_record(run, "test", table("regression", 0), tmp_path / "records")
    assert '"rows": {' not in file.read_text().partition("# seed")[2]
    keep_record(run, "smiles", table("regression", 0, rows=5, split="smiles"), tmp_path / "records")
    assert '"rows": {"smiles": 5}' in file.read_text()
    text = file.read_text()
    file.write_text(text.replace(', "rows": {"smiles": 5}', ""))
    (old,) = expand_records([file])
    assert len(StoredRun(old).table("smiles")) == 5
    shorter = text.splitlines(keepends=True)
    file.write_text("".join([*shorter[:4], *shorter[5:]]))
    with pytest.raises(ValueError, match="it holds 11 of 12 rows of test"):
        unpack_records(file, tmp_path / "again")


def test_a_seed_that_lacks_a_part_is_damaged(tmp_path: Path) -> None:
    file = two_seeds(tmp_path)
    text = file.read_text()
    for change, message in (
        (('"order": ', '"other": '), "seed 0 lacks order"),
        (('["name", ', '["name", "epochs", '), "the configuration lacks epochs"),
        (("predicted_1", "predicted_7"), "the test rows of seed 1 lack predicted"),
        (("# seed 1 {", "# seed 1 ["), r"line 4 \(seed\) is cut off or no JSON"),
    ):
        file.write_text(text.replace(*change))
        with pytest.raises(ValueError, match=f"is damaged: {message}"):
            unpack_records(file, tmp_path / "again")


def test_a_damaged_table_of_a_record_names_its_file(tmp_path: Path) -> None:
    file = two_seeds(tmp_path)
    lines = file.read_text().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(",s3,", ",s3,9", 1)
    file.write_text("".join(lines))
    first, _ = expand_records([file])
    with pytest.raises(ValueError, match=r"^seed 0 of .*records/x\.de\.csv is damaged: '9"):
        StoredRun(first).table("test")
