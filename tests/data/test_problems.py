from __future__ import annotations

import pandas as pd
import pytest

from affectrep.data.problems import Problem, counted_rows, file_names, require_clean, row_names


def test_many_rows_are_counted_and_one_is_one():
    problem = Problem("x", "wrong", tuple(range(100)))
    assert str(problem) == "wrong (rows 0, 1, 2, 3, 4, 5, 6, 7 and 92 more)"
    assert str(Problem("x", "wrong", (7,))) == "wrong (row 7)"
    assert str(Problem("x", "wrong")) == "wrong"
    assert [counted_rows(count) for count in (0, 1, 27)] == ["0 rows", "1 row", "27 rows"]


def test_only_errors_stop():
    require_clean([Problem("x", "odd", (1,), "warning"), Problem("y", "known", (), "note")])
    with pytest.raises(ValueError, match=r"^the data has 1 problem:\n- wrong \(row 2\)$"):
        require_clean([Problem("x", "wrong", (2,)), Problem("y", "odd", (), "warning")])


def test_rows_are_named_by_file_and_number_else_by_id():
    table = pd.DataFrame({"id": ["a", "b", "c"], "path": ["x/1.wav", "x/2.wav", "x/3.wav"]})
    chosen = pd.Series([True, False, True])
    assert row_names(table, chosen) == file_names(table, chosen) == ("a", "c")
    table["row"] = [2, 3, 2]
    assert row_names(table, chosen) == (2, 2)
    assert file_names(table, chosen) == ("2 1.wav", "2 3.wav")
    table["source_file"] = ["p.csv", "p.csv", "q.csv"]
    assert row_names(table, chosen) == ("p.csv:2", "q.csv:2")
    assert file_names(table, chosen) == ("p.csv:2 1.wav", "q.csv:2 3.wav")
