from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from affectrep.commands.sweep_cells import Cell, cells_of
from affectrep.commands.sweep_systems import reference_of, runs_of, slots_of
from tests.commands.test_sweep_cells import config as speech
from tests.evaluation.invented_settings import make_folds


def plain(folder: Path, name: str, corpus: str = "goemotions", select: str = "weighted_f1") -> Path:
    values = {"name": name, "data": {"corpus": corpus}, "encoder": {"checkpoint": "x"}}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**values, "training": {"select": select}}))
    return path


def cells(folder: Path, *configs: Path, seeds: int = 1, sets: tuple[str, ...] = ()) -> list[Cell]:
    return cells_of(configs, [], seeds=range(seeds), sets=sets, output=folder / "runs")


def test_systems_of_one_corpus_keep_their_names(tmp_path):
    found = cells(tmp_path, plain(tmp_path, "go_ce"), plain(tmp_path, "go_supcon"))
    assert [(one.system, one.corpus, one.column()) for one in slots_of(found)] == [
        ("go_ce", "", ""),
        ("go_supcon", "", ""),
    ]


def test_of_several_corpora_the_words_before_a_corpus_and_its_own_go(tmp_path):
    configs = [
        plain(tmp_path, "matrix_go_ce"),
        plain(tmp_path, "matrix_go_aml_dro"),
        plain(tmp_path, "matrix_faces_ce", "ferplus", "ccc"),
        speech(tmp_path, "matrix_speech_aml_dro"),
    ]
    slots = slots_of(cells(tmp_path, *configs))
    assert [(one.system, one.column(), one.metric) for one in slots] == [
        ("ce", "goemotions", "weighted_f1"),
        ("aml_dro", "goemotions", "weighted_f1"),
        ("ce", "ferplus", "ccc"),
        ("aml_dro", "speech_set strict de", "uar"),
    ]
    assert [one.group for one in slots][2:] == ["ferplus", "speech_set strict"]
    assert {one.metric for one in slots_of(cells(tmp_path, *configs), "accuracy")} == {"accuracy"}


def test_a_corpus_that_the_sweep_sets_is_no_part_of_a_system(tmp_path):
    sets = ("data.corpus=goemotions,empathetic", "training.epochs=1,2")
    slots = slots_of(cells(tmp_path, plain(tmp_path, "ce"), sets=sets))
    assert [(one.system, one.column()) for one in slots] == [
        ("ce training.epochs=1", "goemotions"),
        ("ce training.epochs=2", "goemotions"),
        ("ce training.epochs=1", "empathetic"),
        ("ce training.epochs=2", "empathetic"),
    ]


def test_the_reference_is_the_first_or_the_one_that_is_named(tmp_path):
    configs = [plain(tmp_path, "go_ce"), plain(tmp_path, "go_supcon")]
    slots = slots_of(cells(tmp_path, *configs, sets=("go_supcon:training.epochs=1,2",)))
    assert reference_of(slots, None) == "go_ce"
    assert reference_of(slots, "go_supcon training.epochs=2") == "go_supcon training.epochs=2"
    assert reference_of(slots, "go_supcon_epochs2") == "go_supcon training.epochs=2"
    with pytest.raises(ValueError, match="one of go_supcon training.epochs=1, go_supcon"):
        reference_of(slots, "go_supcon")
    with pytest.raises(ValueError, match="--reference lcl: expected one of go_ce, go_supcon"):
        reference_of(slots, "lcl")
    several = slots_of(cells(tmp_path, *configs, plain(tmp_path, "emp_supcon", "empathetic")))
    assert reference_of(several, "go_supcon") == reference_of(several, "supcon") == "supcon"


def test_folds_are_one_run_where_they_are_pooled_and_all_there(tmp_path):
    from affectrep.commands.pool import pool_runs

    protocols = "|".join(f"folds target=de fold={fold} folds=3" for fold in range(3))
    found = cells(tmp_path, speech(tmp_path, "upper"), sets=(f"data.protocol={protocols}",))
    folders = make_folds(tmp_path / "runs")
    slots = slots_of(found)
    apart = runs_of(slots, found, pool=False)
    assert [one.path for one in apart] == folders
    assert not runs_of(slots, found, pool=True)  # nothing was pooled yet
    pool_runs(folders)
    whole = runs_of(slots, found, pool=True)
    assert [(one.path.name, one.seed, one.target) for one in whole] == [("upper.de-0", 0, "de")]
    assert not runs_of(slots, found[1:], pool=True)
