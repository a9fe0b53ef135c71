from __future__ import annotations

import csv
import io
import statistics
from pathlib import Path

import pytest
from rich.console import Console

from affectrep.reporting.grid import Entry, Grid, grid_sheet, grid_table, write_grid

DE = {0: 0.51, 1: 0.55, 2: 0.59}


def grid(metric: str = "uar") -> Grid:
    entries = [Entry("a_b & c", "strict de", seed, value) for seed, value in DE.items()]
    entries += [Entry("a_b & c", "strict en>it", seed, None) for seed in DE]
    entries += [Entry("plain", "strict en>it", 0, 0.25), Entry("plain", "strict en>it", 1, None)]
    return Grid(metric, "test", entries)


def written(tmp_path: Path, name: str, table: Grid | None = None) -> str:
    write_grid(tmp_path / "new" / name, table or grid())
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]
    return (tmp_path / "new" / name).read_text(encoding="utf-8")


def test_cells_are_means_and_deviations_over_the_seeds_that_ran() -> None:
    spread = 100 * statistics.stdev(DE.values())
    assert grid().cell("a_b & c", "strict de") == f"55.0 ± {spread:.1f}"
    assert grid().cell("a_b & c", "strict en>it") == "not run"
    assert grid().cell("plain", "strict en>it") == "25.0 (1 of 2)"
    assert grid().cell("plain", "strict de") == ""
    assert grid("ccc").cell("a_b & c", "strict de") == "0.550 ± 0.040"


def test_the_caption_says_unit_split_and_seeds() -> None:
    assert grid().caption == ("UAR in per cent on test; mean ± standard deviation over 3 seeds.")
    one = Grid("ccc", "validation", [Entry("x", "", 0, 0.5)])
    assert one.caption == "CCC on validation."
    assert one.headings == ["CCC"]


def test_columns_may_show_figures_of_their_own() -> None:
    entries = [Entry("a", "text", 0, 0.5), Entry("a", "faces", 0, 0.5), Entry("a", "none", 0, 0.25)]
    mixed = Grid("uar", "test", entries, {"faces": "ccc"})
    assert mixed.headings == ["text, UAR", "faces, CCC", "none, UAR"]
    assert mixed.rows() == [["a", "50.0", "0.500", "25.0"]]
    assert mixed.caption == "UAR, CCC, shares in per cent, on test."
    assert [line[3] for line in grid_sheet(mixed).records[1:]] == ["uar", "ccc", "uar"]


def test_what_does_not_apply_is_told_from_what_was_not_run() -> None:
    entries = [Entry("a", "text", seed, None, applies=False) for seed in (0, 1)]
    entries += [Entry("b", "text", 0, None), Entry("b", "text", 1, None, applies=False)]
    assert Grid("uar", "test", entries).rows() == [["a", "not applicable"], ["b", "not run"]]


def test_markdown(tmp_path: Path) -> None:
    lines = written(tmp_path, "t.md").splitlines()
    assert lines[0] == "|  | strict de | strict en>it |"
    assert lines[1] == "|---|---:|---:|"
    assert lines[2] == "| a_b & c | 55.0 ± 4.0 | not run |"
    assert lines[3] == "| plain |  | 25.0 (1 of 2) |"


def test_latex_escapes_what_it_would_read_as_commands(tmp_path: Path) -> None:
    text = written(tmp_path, "t.tex")
    assert r"\begin{tabular}{lrr}" in text
    assert r"& strict de & strict en$>$it \\" in text
    assert r"a\_b \& c & 55.0 $\pm$ 4.0 & not run \\" in text
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")
    odd = Grid("uar", "test", [Entry("50%_{x}~^\\#$", "", 0, 0.5)])
    name = written(tmp_path / "odd", "t.tex", odd).splitlines()[5].split(" & ")[0]
    assert name == r"50\%\_\{x\}\textasciitilde{}\textasciicircum{}\textbackslash{}\#\$"


def test_csv_holds_numbers_in_their_natural_unit(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(written(tmp_path, "t.csv"))))
    assert [row["system"] for row in rows] == ["a_b & c", "a_b & c", "plain"]
    assert float(rows[0]["mean"]) == pytest.approx(statistics.fmean(DE.values()))
    assert float(rows[0]["sd"]) == pytest.approx(statistics.stdev(DE.values()))
    assert (rows[1]["seeds"], rows[1]["mean"], rows[1]["sd"]) == ("0", "", "")
    assert (rows[2]["seeds"], rows[2]["sd"]) == ("1", "")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.md, \.tex, \.csv, got t\.html"):
        write_grid(tmp_path / "t.html", grid())
    assert not list(tmp_path.iterdir())


def test_the_terminal_shows_every_cell() -> None:
    console = Console(width=100, record=True)
    console.print(grid_table(grid()))
    words = " ".join(console.export_text().split())
    assert "Strict. de en>it" in words
    assert "a_b & c 55.0 ± 4.0 not run" in words
