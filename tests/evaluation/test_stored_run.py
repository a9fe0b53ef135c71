from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.invented import make_run


def test_a_run_is_read(tmp_path: Path) -> None:
    run = StoredRun(make_run(tmp_path, "ce", 3, rows=60))
    assert (run.name, run.seed) == ("ce", 3)
    assert run.fingerprint["test"]["rows"] == 60
    assert run.info["title"] == "Invented emotions"
    assert len(run.config_hash) == len(run.model_hash) == 12
    assert run.scorecard("test")["n"] == 60
    assert run.scorecard("validation") == {}
    assert len(run.table("test")) == 60


def test_of_a_figure_written_twice_the_last_counts(tmp_path: Path) -> None:
    path = make_run(tmp_path, evaluated=False)
    with (path / "metrics.jsonl").open("a") as file:
        file.write(
            '{"step": 1, "epoch": 0, "phase": "main", "name": "cross_entropy", "value": 9}\n'
        )
        file.write('{"step": 2, "epo')
    history = StoredRun(path).history()
    first = history[(history["step"] == 1) & (history["name"] == "cross_entropy")]
    assert first["value"].tolist() == [9]


def test_findings_are_read_or_refused_in_words(tmp_path: Path) -> None:
    path = make_run(tmp_path, evaluated=False)
    assert StoredRun(path).findings("mined_pairs") is None
    (path / "findings").mkdir()
    file = path / "findings" / "mined_pairs.csv"
    file.write_text("class_a,class_b,learned,confusion\nNone,2,12,0.5\n")
    row = StoredRun(path).findings("mined_pairs").to_dict("records")
    assert row == [{"class_a": "None", "class_b": "2", "learned": 12, "confusion": 0.5}]
    for odd in ("class_a,learned\na,often\n", ""):
        file.write_text(odd)
        with pytest.raises(ValueError, match=r"mined_pairs\.csv is not a table of findings"):
            StoredRun(path).findings("mined_pairs")


def test_missing_files_are_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        StoredRun(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"holds no config\.yaml"):
        StoredRun(tmp_path)
    path = make_run(tmp_path, evaluated=False)
    with pytest.raises(FileNotFoundError, match=r"affectrep evaluate .* --split test"):
        StoredRun(path).table("test")
    with pytest.raises(ValueError, match="--split foo: expected train, validation, test"):
        StoredRun(path).table("foo")
    (path / "model" / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="not finished"):
        _ = StoredRun(path).model_hash
    (path / "data.json").write_text("{cut")
    with pytest.raises(ValueError, match="not readable as JSON"):
        _ = StoredRun(path).data
    (path / "metrics.jsonl").unlink()
    assert StoredRun(path).history().empty


def test_scores_of_a_support_vector_machine_are_rankings(tmp_path):
    for name, words in (("svm", "{name: fitted, classifier: svm}"), ("ce", "null")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(f"name: {name}\nobjective: {words}\n")
    assert StoredRun(tmp_path / "svm").gives_rankings
    assert not StoredRun(tmp_path / "ce").gives_rankings


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    path = make_run(tmp_path, evaluated=False)
    for damaged in (b"name: [x", b"name: \xff"):
        (path / "config.yaml").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"config\.yaml is not readable as YAML"):
            _ = StoredRun(path).name
