"""Messages name a record by its file, not by the folder in which it was unpacked."""

from __future__ import annotations

from pathlib import Path

from affectrep.evaluation.record_origin import record_file, told_path
from affectrep.evaluation.record_sets import expand_records, keep_record
from tests.evaluation.test_record_sets import make_run, table


def test_a_record_is_told_by_its_file_and_seed(tmp_path: Path) -> None:
    run = make_run(tmp_path, 3)
    file = keep_record(run, "test", table("regression", 3), tmp_path / "records")
    (record,) = expand_records([file])
    assert record_file(record) == file
    assert told_path(record) == told_path(record / "config.yaml") == f"seed 3 of {file}"
    assert record_file(run) is None
    assert told_path(run) == str(run)
