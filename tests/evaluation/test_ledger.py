from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.evaluation.ledger import how_often, readings, record_read


def test_each_reading_is_a_line(tmp_path: Path) -> None:
    assert how_often(tmp_path) == 0
    record_read(tmp_path, "validation", config="aa")
    first = record_read(tmp_path, "test", config="aa", model="bb", commit="cc")
    record_read(tmp_path, "test", config="dd")
    assert how_often(tmp_path) == 2
    assert readings(tmp_path, "test")[0] == first
    assert len(readings(tmp_path)) == 3
    assert first.time.endswith("+00:00")


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    record_read(tmp_path, "test", config="aa")
    with (tmp_path / "reads.jsonl").open("a") as file:
        file.write("{cut")
    with pytest.raises(ValueError, match="line 2"):
        readings(tmp_path)


def test_what_a_reading_was_for(tmp_path: Path) -> None:
    (tmp_path / "reads.jsonl").write_text('{"split": "test", "time": "t", "config": "aa"}\n')
    record_read(tmp_path, "test", config="aa", purpose="embeddings")
    # a line of an older ledger names no purpose: it was for predictions
    assert [one.purpose for one in readings(tmp_path)] == ["predictions", "embeddings"]
