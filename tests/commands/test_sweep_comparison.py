from __future__ import annotations

import csv
from pathlib import Path

import pytest

from affectrep.commands import compare
from affectrep.commands.sweep_cells import Cell
from affectrep.commands.sweep_comparison import Compared, compare_cells, comparison_sheet
from affectrep.commands.sweep_systems import slots_of
from affectrep.evaluation.multiple import holm
from tests.commands.test_sweep_cells import config as speech
from tests.commands.test_sweep_systems import cells, plain
from tests.evaluation.invented import make_run
from tests.evaluation.invented_settings import make_setting

SKILL = {"ce": 0.5, "supcon": 0.7, "aml": 0.5}
TARGETS = "|".join(f"leave_language_out target={target}" for target in ("de", "it"))


def invented(found: list[Cell], *, rows: int = 120) -> None:
    for cell in found:
        name, seed = cell.settings.name, cell.settings.seed
        skill = SKILL[name.rpartition("_")[2]]
        output = cell.folder.parent
        if cell.setting:
            make_setting(
                output, cell.settings.data.protocol or "", name=name, seed=seed, skill=skill
            )
        else:
            make_run(output, name, seed, skill=skill, rows=rows)


def compared(
    found: list[Cell], done: list[Cell] | None = None, *, metric: str | None = None, **more: object
) -> list[Compared]:
    options = {"split": "test", "pool": False, "reference": "go_ce", **more}
    return compare_cells(slots_of(found, metric), found if done is None else done, **options)


@pytest.fixture
def three(tmp_path: Path) -> list[Cell]:
    configs = [plain(tmp_path, f"go_{name}") for name in SKILL]
    found = cells(tmp_path, *configs, seeds=3)
    invented(found)
    return found


def test_each_system_minus_the_reference_is_what_compare_gives(three):
    lines = compared(three)
    assert [one.system for one in lines] == ["go_supcon", "go_aml"]
    runs = {name: [c.folder for c in three if c.name == f"go_{name}"] for name in SKILL}
    for line in lines:
        name = line.system.removeprefix("go_")
        same = compare.run(runs[name], [runs["ce"]])["go_ce"]["weighted_f1"]
        mine = line.found[0]
        assert (mine.effect, mine.low, mine.high, mine.p) == (
            same.effect,
            same.low,
            same.high,
            same.p,
        )
    ps = [one.found[0].p for one in lines]
    assert [one.found[0].holm for one in lines] == holm(ps).tolist()
    assert lines[0].found[0].effect > 0.1


def test_the_table_in_words_and_in_numbers(three):
    sheet = comparison_sheet(compared(three), split="test")
    assert sheet.caption == "Each system minus go_ce: Weighted F1 on test."
    assert list(sheet.columns[1:4]) == ["system", "reference", "effect"]
    assert [row[0] for row in sheet.rows] == ["go_supcon", "go_aml"]
    record = dict(zip(sheet.records[0], sheet.records[1], strict=True))
    assert record["reference"] == "go_ce"
    effect = float(record["value"]) - float(record["reference_value"])
    assert float(record["effect"]) == pytest.approx(effect, abs=2e-6)
    assert float(record["low"]) < effect < float(record["high"])
    assert record["attainable_p"] == "0.25"
    words = " ".join(sheet.notes)
    assert "go_supcon lies" in words
    assert "points above go_ce in weighted F1" in words
    assert "3 paired seeds gives p 0.250 at best, 0.500 after Holm over 2 systems" in words
    assert "Student's t, which is used here, has no such limit" in words


def test_with_one_seed_rows_or_speakers_are_what_can_be_exchanged(tmp_path):
    found = cells(tmp_path, plain(tmp_path, "go_ce"), plain(tmp_path, "go_supcon"))
    invented(found)
    line = compared(found)[0]
    assert line.units == [{"seeds": 1, "rows": 120}]
    for cell in found:
        path = cell.folder / "config.yaml"
        path.write_text(path.read_text() + "evaluation: {cluster: speaker}\n")
    line = compared(found)[0]
    assert line.units == [{"seeds": 1, "speakers": 40}]
    assert "exchanging the 40 paired speakers gives p < 0.001 at best" in " ".join(
        comparison_sheet([line], split="test").notes
    )


def test_over_targets_both_kinds_stand_with_their_own_units(tmp_path):
    found = cells(
        tmp_path,
        *(speech(tmp_path, f"go_{name}") for name in SKILL),
        seeds=2,
        sets=(f"data.protocol={TARGETS}",),
    )
    invented(found)
    lines = compared(found)
    runs = {name: [c.folder for c in found if c.name == f"go_{name}"] for name in SKILL}
    same = compare.run(runs["supcon"], [runs["ce"]])["go_ce"]["uar"]
    assert lines[0].found[0].effect == same.effect
    assert lines[0].found[0].p == same.p
    assert lines[0].units[1] == {"seeds": 2, "speakers": 20, "targets": 2}
    assert lines[0].group == "strict"
    sheet = comparison_sheet(lines, split="test")
    names = ["go_supcon (a)", "go_supcon (b)", "go_aml (a)", "go_aml (b)"]
    assert [row[0] for row in sheet.rows] == names
    assert [record[3] for record in sheet.records[1:3]] == ["these targets", "targets drawn"]
    assert any(note.startswith("(a) draws speakers") for note in sheet.notes)
    assert any(note.startswith("On these 2 targets: go_supcon") for note in sheet.notes)


def test_what_is_not_there_is_said(three):
    done = [cell for cell in three if cell.name != "go_aml"]
    lines = compared(three, done)
    assert [one.state for one in lines] == ["", "not run"]
    assert lines[0].found[0].holm is None  # a single comparison
    refused = [cell for cell in three if cell.name == "go_aml"]
    assert [one.state for one in compared(three, done, refused=refused)][1] == "not applicable"
    row = comparison_sheet(compared(three, done), split="test").rows[1]
    assert row[:3] == ["go_aml", "not run", ""]
    without = [cell for cell in three if cell.name != "go_ce"]
    assert {one.state for one in compared(three, without)} == {"reference not run"}
    odd = compared(three, [cell for cell in three if cell.folder.name != "go_ce-1"])
    assert (
        "go_supcon, go_aml (A; B is the reference): Left out, without a partner: seed 1 of A."
        in (comparison_sheet(odd, split="test").notes)
    )


def test_what_cannot_be_compared_stops_nothing(three):
    lines = compared(three, metric="bleu")
    assert {one.state for one in lines} == {"not compared"}
    assert "bleu is not compared row by row; there are accuracy" in lines[0].notes[0]
    (three[3].folder / "predictions" / "test.parquet").unlink()
    found = compared(three)
    assert [one.state for one in found] == ["not compared", ""]
    assert len(comparison_sheet(found, split="test").rows) == 2


def test_corpora_are_judged_by_themselves(tmp_path):
    configs = [plain(tmp_path, f"go_{name}") for name in ("ce", "supcon")]
    configs += [plain(tmp_path, f"emp_{name}", "empathetic") for name in ("ce", "aml")]
    found = cells(tmp_path, *configs, seeds=2)
    invented(found)
    lines = compared(found, reference="ce")
    assert [(one.group, one.system, one.state) for one in lines] == [
        ("goemotions", "supcon", ""),
        ("goemotions", "aml", "not run"),
        ("empathetic", "supcon", "not run"),
        ("empathetic", "aml", ""),
    ]
    assert all(one.holm is None for line in lines for one in line.found)
    sheet = comparison_sheet(lines, split="test")
    assert [row[0] for row in sheet.rows][:3] == ["goemotions", "- supcon", "- aml"]
    assert any(note.startswith("empathetic: aml") for note in sheet.notes)


def test_the_csv_is_read_back(three, tmp_path):
    from affectrep.reporting.sheet import write_sheets

    path = tmp_path / "t.csv"
    write_sheets(path, [comparison_sheet(compared(three), split="test")])
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["system"] for row in rows] == ["go_supcon", "go_aml"]
    assert all(float(row["holm"]) >= float(row["p"]) for row in rows)
