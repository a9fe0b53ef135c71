from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from affectrep.reporting.sheet import Sheet, sheet_table, write_sheets


def sheet(name: str = "first") -> Sheet:
    rows = [["a_b", "50.0", "[-1.0, +2.0]"], ["c|d", "not run", ""]]
    records = [["system", "value"], ["a_b", "0.5"], ["c|d", ""]]
    return Sheet(name, ["", "UAR", "95 % interval"], rows, "On test.", records, ["One & two."])


def test_markdown_and_latex_hold_all_tables_with_their_notes(tmp_path: Path) -> None:
    both = [sheet(), sheet("second")]
    assert write_sheets(tmp_path / "t.md", both) == [tmp_path / "t.md"]
    words = (tmp_path / "t.md").read_text()
    assert words.count("| a_b | 50.0 | [-1.0, +2.0] |") == 2
    assert words.count("\n\nOn test.\n\n- One & two.\n") == 2
    assert r"c\|d" in words
    write_sheets(tmp_path / "t.tex", both)
    lines = (tmp_path / "t.tex").read_text().splitlines()
    assert lines[:3] == ["% On test.", "% One & two.", r"\begin{tabular}{lrr}"]
    assert lines.count(r"a\_b & 50.0 & [-1.0, +2.0] \\") == 2
    assert lines.count(r"\end{tabular}") == 2


def test_a_csv_holds_one_table_the_others_stand_beside_it(tmp_path: Path) -> None:
    written = write_sheets(tmp_path / "t.csv", [sheet(), sheet("second")])
    assert written == [tmp_path / "t.csv", tmp_path / "t_second.csv"]
    assert sorted(tmp_path.iterdir()) == sorted(written)
    assert written[1].read_text() == "system,value\na_b,0.5\nc|d,\n"


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a table file \.md, \.tex, \.csv, got t\.html"):
        write_sheets(tmp_path / "t.html", [sheet()])


def test_the_terminal_keeps_intervals_whole() -> None:
    console = Console(width=34, record=True)
    console.print(sheet_table(sheet()))
    assert "[-1.0, +2.0]" in console.export_text()
