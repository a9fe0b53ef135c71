from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.commands.sweep_cells import Cell, cells_of
from affectrep.commands.sweep_grid import figure_of, sweep_grid
from affectrep.commands.sweep_systems import slots_of
from affectrep.reporting.grid import Grid
from tests.commands.test_sweep_cells import config
from tests.evaluation.invented_settings import make_folds, make_setting

FOLDS = "|".join(f"folds target=de fold={fold} folds=3" for fold in range(3))
PAIRS = ("en,de", "it,de", "en,it", "de,it")
SOURCES = "|".join("source_to_target sources={} target={}".format(*p.split(",")) for p in PAIRS)


@pytest.fixture(autouse=True)
def no_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def cells(folder: Path, name: str, protocols: str) -> list[Cell]:
    path = config(folder, name)
    sets = [f"data.protocol={protocols}|"]
    return cells_of([path], [], seeds=[0, 1], sets=sets, output=folder)


def grid(found: list[Cell], done: list[Cell], *, pool: bool) -> Grid:
    return sweep_grid(slots_of(found, "uar"), done, split="test", pool=pool)


def test_folds_stand_as_one_target_where_they_are_pooled(tmp_path, capsys):
    found = cells(tmp_path, "upper", FOLDS)
    for seed in (0, 1):
        make_folds(tmp_path, seed=seed)
    apart = grid(found, found, pool=False)
    assert apart.columns == [f"strict de fold {fold}/3" for fold in range(3)]
    together = grid(found, found, pool=True)
    assert together.columns == ["strict de"]
    pooled = [figure_of(tmp_path / f"upper.de-{seed}", "test", "uar") for seed in (0, 1)]
    assert together.values("upper", "strict de") == pooled
    first = figure_of(tmp_path / "upper.de.fold0-0", "test", "uar")
    assert apart.values("upper", "strict de fold 0/3")[0] == first


def test_a_seed_with_a_fold_that_failed_is_not_run(tmp_path, capsys):
    found = cells(tmp_path, "upper", FOLDS)
    for seed in (0, 1):
        make_folds(tmp_path, seed=seed)
    done = [cell for cell in found if cell.folder.name != "upper.de.fold1-1"]
    together = grid(found, done, pool=True)
    assert len(together.values("upper", "strict de")) == 1
    assert together.cell("upper", "strict de").endswith("(1 of 2)")
    words = capsys.readouterr().out
    assert "not pooled: upper, seed 1, target de: fold 1 of 3 is missing" in words


def test_sources_and_targets_are_averaged(tmp_path):
    found = cells(tmp_path, "baseline1", SOURCES)
    for cell in found:
        words = cell.settings.data.protocol
        seed = cell.settings.seed
        skill = 0.9 if "target=de" in words else 0.4
        make_setting(tmp_path, words, name="baseline1", seed=seed, skill=skill)
    means = grid(found, found, pool=True)
    assert means.columns == ["strict *>de", "strict *>it", "strict mean"]
    apart = grid(found, found, pool=False)
    assert len(apart.columns) == 4
    for seed in (0, 1):
        values = {column: apart.values("baseline1", column)[seed] for column in apart.columns}
        de = (values["strict en>de"] + values["strict it>de"]) / 2
        it = (values["strict en>it"] + values["strict de>it"]) / 2
        got = [means.values("baseline1", column)[seed] for column in means.columns]
        assert got == pytest.approx([de, it, (de + it) / 2], abs=1e-12)


def test_other_values_of_a_configuration_are_lines(tmp_path):
    path = config(tmp_path, "proposed")
    protocol = "data.protocol=leave_language_out target=de|leave_language_out target=it"
    sets = ["objective.contrast.weight=0,1", protocol]
    found = cells_of([path], [], seeds=[0], sets=sets, output=tmp_path)
    for cell in found:
        words = cell.settings.data.protocol
        make_setting(tmp_path, words, name=cell.settings.name)
    shown = grid(found, found, pool=True)
    assert shown.columns == ["strict de", "strict it", "strict mean"]
    assert shown.lines == [f"proposed objective.contrast.weight={weight}" for weight in (0, 1)]
    assert all(shown.values(line, "strict mean") for line in shown.lines)


def test_folds_that_do_not_belong_together_are_said(tmp_path, capsys):
    found = cells(tmp_path, "upper", FOLDS)[::2]
    folds = make_folds(tmp_path)
    text = (folds[1] / "config.yaml").read_text()
    (folds[1] / "config.yaml").write_text(text.replace("epochs: 4", "epochs: 5"))
    shown = grid(found, found, pool=True)
    assert shown.cell("upper", "strict de") == "not run"
    assert "not pooled:" in capsys.readouterr().out
