from __future__ import annotations

import pytest
from scipy.stats import trim_mean

from affectrep.commands.sweep_cells import Cell
from affectrep.commands.sweep_interquartile import interquartile_sheet
from affectrep.commands.sweep_systems import slots_of
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.sheet import Sheet
from tests.commands.test_sweep_cells import config as speech
from tests.commands.test_sweep_comparison import TARGETS, invented
from tests.commands.test_sweep_systems import cells, plain


@pytest.fixture
def several(tmp_path) -> list[Cell]:
    configs = [plain(tmp_path, f"go_{name}") for name in ("ce", "supcon", "aml")]
    configs += [speech(tmp_path, f"five_{name}") for name in ("ce", "supcon")]
    found = cells(tmp_path, *configs, seeds=3, sets=(f"five_*:data.protocol={TARGETS}",))
    invented(found)
    return found


def sheet(found: list[Cell], done: list[Cell] | None = None, metric: str | None = None) -> Sheet:
    there = found if done is None else done
    shown = interquartile_sheet(
        slots_of(found, metric), there, split="test", pool=False, reference="ce"
    )
    assert shown is not None
    return shown


def figure(cell: Cell, metric: str) -> float:
    return StoredRun(cell.folder).scorecard("test")["metrics"][metric]["value"]


def scores(found: list[Cell], name: str) -> dict[tuple[str, int], float]:
    """A figure per corpus and seed; of speech the mean over targets."""
    values: dict[tuple[str, int], float] = {}
    for seed in range(3):
        go = [c for c in found if c.name == f"go_{name}" and c.settings.seed == seed]
        five = [c for c in found if c.name == f"five_{name}" and c.settings.seed == seed]
        if go:
            values["go", seed] = figure(go[0], "weighted_f1")
        if five:
            values["five", seed] = sum(figure(cell, "uar") for cell in five) / len(five)
    return values


def by_name(shown: Sheet) -> dict[tuple[object, object], dict[str, str]]:
    names = [str(name) for name in shown.records[0]]
    lines = [dict(zip(names, map(str, line), strict=True)) for line in shown.records[1:]]
    return {(line["system"], line["kind"]): line for line in lines}


def test_a_corpus_counts_once_however_many_targets_it_has(several):
    shown = sheet(several)
    own, reference = scores(several, "supcon"), scores(several, "ce")
    assert len(own) == 6
    found = by_name(shown)
    line = found["supcon", "figure"]
    assert float(line["value"]) == pytest.approx(trim_mean(list(own.values()), 0.25), abs=1e-6)
    gains = [own[key] - reference[key] for key in own]
    line = found["supcon", "gain"]
    assert float(line["value"]) == pytest.approx(trim_mean(gains, 0.25), abs=1e-6)
    assert float(line["low"]) < float(line["value"]) < float(line["high"])
    assert found["ce", "gain"]["value"] == ""  # over itself
    assert [row[1] for row in shown.rows] == ["2 of 2", "2 of 2", "1 of 2"]
    assert "run on other corpora are not to be ranked" in shown.notes[-1]


def test_a_seed_counts_where_it_has_every_target(several):
    done = [cell for cell in several if cell.folder.name != "five_supcon.it-2"]
    found = by_name(sheet(several, done))
    assert found["supcon", "figure"]["runs"] == "5"
    assert found["supcon", "gain"]["runs"] == "5"


def test_one_seed_has_no_interval(several):
    done = [cell for cell in several if cell.settings.seed == 0]
    rows = sheet(several, done).rows
    assert [row[3] for row in rows] == ["n/a"] * 3
    assert float(rows[1][2]) > 0


def test_one_corpus_and_figures_that_are_better_when_lower_have_none(several):
    go = [cell for cell in several if cell.name.startswith("go_")]
    options = {"split": "test", "pool": False, "reference": "go_ce"}
    assert interquartile_sheet(slots_of(go), go, **options) is None
    assert interquartile_sheet(slots_of(several, "rmse"), several, **options) is None
