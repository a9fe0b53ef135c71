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


@pytest.mark.parametrize("cut", [30, 5])
def test_a_line_that_was_cut_off_counts_as_a_reading(tmp_path: Path, cut: int) -> None:
    record_read(tmp_path, "test", config="aa")
    ledger = tmp_path / "reads.jsonl"
    whole = ledger.read_text()
    ledger.write_text(whole + whole[:cut])
    with pytest.warns(UserWarning, match=r"line 2 was cut off and counts as a reading"):
        assert how_often(tmp_path) == 2
    record_read(tmp_path, "test", config="bb")
    assert len(ledger.read_text().splitlines()) == 3
    with pytest.warns(UserWarning, match="line 2"):
        assert [one.config for one in readings(tmp_path, "test")] == ["aa", "", "bb"]
    with pytest.warns(UserWarning, match="line 2"):  # a line without its split counts for each
        assert how_often(tmp_path, "validation") == (0 if cut == 30 else 1)


def test_a_line_without_its_end_is_whole(tmp_path: Path) -> None:
    first = record_read(tmp_path, "test", config="aa")
    (tmp_path / "reads.jsonl").write_text((tmp_path / "reads.jsonl").read_text().rstrip())
    second = record_read(tmp_path, "test", config="bb")
    assert readings(tmp_path) == [first, second]


def test_a_line_of_something_else_is_named(tmp_path: Path) -> None:
    record_read(tmp_path, "test", config="aa")
    with (tmp_path / "reads.jsonl").open("a") as file:
        file.write('{"row": 3}')
    with pytest.raises(ValueError, match="line 2: not a reading"):
        readings(tmp_path)


def test_what_a_reading_was_for(tmp_path: Path) -> None:
    (tmp_path / "reads.jsonl").write_text('{"split": "test", "time": "t", "config": "aa"}\n')
    record_read(tmp_path, "test", config="aa", purpose="embeddings")
    # a line of an older ledger names no purpose: it was for predictions
    assert [one.purpose for one in readings(tmp_path)] == ["predictions", "embeddings"]
