from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from affectrep.commands import sweep_cells
from affectrep.commands.sweep_cells import Cell, cells_of, is_held, read_seeds, read_values
from affectrep.config import load_config, to_yaml


def config(folder: Path, name: str = "toy", **data: object) -> Path:
    values = {
        "name": name,
        "data": {"corpus": "speech_set", "protocol": "leave_language_out target=de", **data},
        "encoder": {"name": "functionals"},
        "objective": {
            "name": "domain_adversarial",
            "contrast": {"weight": 0.5},
            "domains": {"speaker": {"weight": 0.1}},
        },
        "training": {"select": "uar"},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def cells(path: Path, *sets: str, seeds: str = "1", words: tuple[str, ...] = ()) -> list[Cell]:
    return cells_of([path], words, seeds=read_seeds(seeds), sets=sets, output=path.parent / "runs")


def folders(found: list[Cell]) -> list[str]:
    return [cell.folder.name for cell in found]


@pytest.mark.parametrize("words", ["", "0", "x", "3-1", "1,1", "0-2,1", "-2", "1.5", "1-", "0,x"])
def test_words_that_are_no_seeds_are_refused(words):
    with pytest.raises(ValueError, match="expected a number of seeds"):
        read_seeds(words)


@pytest.mark.parametrize("words", ["", "a", "a=", "=1", "a=1,1", "a=1,,2", "a=|"])
def test_words_that_are_no_values_are_refused(words):
    with pytest.raises(ValueError, match="each value once"):
        read_values(words)


def test_the_sign_between_values_is_told_from_a_comma_inside():
    words = "data.protocol=source_to_target sources=en,it target=de | folds target=de"
    assert read_values(words)[1] == ["source_to_target sources=en,it target=de", "folds target=de"]


def test_every_value_meets_every_seed(tmp_path):
    found = cells(config(tmp_path), "objective.contrast.weight=0,0.3", seeds="2")
    assert folders(found) == [
        "toy_weight0.de-0",
        "toy_weight0.de-1",
        "toy_weight0.3.de-0",
        "toy_weight0.3.de-1",
    ]
    for cell in found:
        assert load_config(cell.config, cell.overrides) == cell.settings
        assert cell.name == "toy"
        assert cell.setting == "strict de"
    assert found[2].label == "toy objective.contrast.weight=0.3"
    assert found[3].words == "toy objective.contrast.weight=0.3 seed=1"


def test_values_of_the_setting_are_columns_and_no_names(tmp_path):
    protocol = "data.protocol=leave_language_out target=de|folds target=it fold=1 folds=5"
    found = cells(config(tmp_path), protocol, "data.speech.standardise=strict,transductive_corpus")
    assert folders(found) == [
        "toy.de-0",
        "toy.de.transductive_corpus-0",
        "toy.it.fold1-0",
        "toy.it.fold1.transductive_corpus-0",
    ]
    assert {cell.label for cell in found} == {"toy"}
    assert found[3].setting == "transductive_corpus it fold 1/5"


def test_protocols_of_other_corpora_are_named(tmp_path):
    found = cells(config(tmp_path), "data.protocol=single_label,multi_label")
    assert folders(found) == ["toy_protocolsingle-label-0", "toy_protocolmulti-label-0"]


def test_keys_that_share_their_last_part_are_told_apart(tmp_path):
    sets = ("objective.contrast.weight=1", "objective.domains.speaker.weight=0.2")
    assert folders(cells(config(tmp_path), *sets)) == [
        "toy_contrast_weight1_speaker_weight0.2.de-0"
    ]


def test_overrides_are_for_all_cells_and_change_no_name(tmp_path):
    path = config(tmp_path)
    found = cells(path, words=("training.epochs=2", "name=other"))
    assert folders(found) == ["other.de-0"]
    assert found[0].settings.training.epochs == 2
    assert found[0].name == "other"


def test_two_cells_in_one_folder_are_refused(tmp_path):
    path = config(tmp_path)
    words = "data.protocol=paper sources=en target=de|source_to_target sources=en target=de"
    with pytest.raises(ValueError, match=r"would both be .*toy\.en-de-0"):
        cells(path, words)
    with pytest.raises(ValueError, match=r"would both be .*toy_precisionfp32"):
        cells(path, "training.precision=fp32,'fp32'")


@pytest.mark.parametrize(
    ("sets", "words", "message"),
    [
        ([], ["seed=1"], "takes its seeds by --seeds"),
        (["seed=0,1"], [], "takes its seeds by --seeds"),
        (["name=a,b"], [], "not name"),
        (["training.epochs=1", "training.epochs=2"], [], "each key of --set once"),
        (["training.epoch=1"], [], "did you mean training.epochs"),
        (["training.epochs=1,-1"], [], "training.epochs=-1"),
        (["data.protocol=leave_language_out target=de fold"], [], "has the word 'fold'"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(tmp_path, sets, words, message):
    with pytest.raises(ValueError, match=message):
        cells(config(tmp_path), *sets, words=tuple(words))
    assert not (tmp_path / "runs").exists()


def test_a_sweep_needs_a_configuration(tmp_path):
    with pytest.raises(ValueError, match="at least one configuration"):
        cells_of([], [], seeds=[0], sets=[], output=tmp_path)


def test_states(tmp_path):
    cell = cells(config(tmp_path))[0]
    assert cell.state("test") == "not there"
    cell.folder.mkdir(parents=True)
    (cell.folder / "config.yaml").write_text(to_yaml(cell.settings))
    assert cell.state("test") == "started"
    (cell.folder / "environment.json").write_text('{"finished": true}')
    assert cell.state("test") == "trained"
    assert cell.state(None) == "done"
    (cell.folder / "predictions").mkdir()
    (cell.folder / "predictions" / "test.json").write_text('{"metrics": {}}')
    assert cell.state("test") == "done"
    other = cells(tmp_path / "toy.yaml", words=("training.epochs=9",))[0]
    (cell.folder / "config.yaml").write_text(to_yaml(other.settings))
    with pytest.raises(ValueError, match=r"training\.epochs \(9 then, 4 now\)"):
        cell.state("test")


def test_locks(tmp_path):
    cell = cells(config(tmp_path))[0]
    assert not cell.is_held
    cell.folder.mkdir(parents=True)
    for path in (cell.file("lock"), cell.folder / ".lock"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            assert is_held(path)
            assert cell.is_held
        assert not cell.is_held


def test_a_lock_that_may_not_be_written_is_not_held(tmp_path, monkeypatch):
    class Refused:
        def __init__(self, path, timeout):
            raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "lock").touch()
    monkeypatch.setattr(sweep_cells, "FileLock", Refused)
    assert not is_held(tmp_path / "lock")


def test_values_for_some_configurations_stand_in_place_of_those_for_all(tmp_path):
    configs = [config(tmp_path, name) for name in ("five_ce", "five_upper", "go_ce")]
    found = cells_of(
        configs,
        ["training.epochs=3", "five_*:training.epochs=5", "go_ce:data.batch_size=7"],
        seeds=[0],
        sets=[
            "data.protocol=leave_language_out target=de|leave_language_out target=it",
            "five_upper:data.protocol="
            + "|".join(f"folds target=de fold={k} folds=2" for k in (0, 1)),
            "go_*:objective.contrast.weight=0,1",
        ],
        output=tmp_path / "runs",
    )
    assert folders(found) == [
        "five_ce.de-0",
        "five_ce.it-0",
        "five_upper.de.fold0-0",
        "five_upper.de.fold1-0",
        *(f"go_ce_weight{weight}.{target}-0" for target in ("de", "it") for weight in (0, 1)),
    ]
    assert [cell.settings.training.epochs for cell in found] == [5] * 4 + [3] * 4
    assert [cell.settings.data.batch_size for cell in found][-2:] == [7, 7]
    assert all(":" not in word for cell in found for word in cell.overrides)


@pytest.mark.parametrize(
    ("overrides", "sets"), [(["fifo_*:data.root=x"], []), ([], ["fifo:training.epochs=1,2"])]
)
def test_a_pattern_that_fits_no_configuration_is_refused(tmp_path, overrides, sets):
    path = config(tmp_path)
    with pytest.raises(ValueError, match="none of these configurations is named fifo"):
        cells_of([path], overrides, seeds=[0], sets=sets, output=tmp_path)
    with pytest.raises(ValueError, match="takes its seeds by --seeds"):
        cells_of([path], ["toy:seed=1"], seeds=[0], sets=[], output=tmp_path)
