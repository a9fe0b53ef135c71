from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from affectrep.commands import published_needs
from affectrep.commands.published_needs import missing_checkpoints, missing_corpora

NAME = "someone/wav2vec2-base-xx"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "hub"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def ask(name: str) -> str:
        names.append(name)
        return "the hub cannot be reached (ConnectError)"

    monkeypatch.setattr(published_needs, "_ask_hub", ask)
    return names


def cached(hub: Path, *files: str) -> None:
    folder = hub / f"models--{NAME.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True, exist_ok=True)
    for name in files:
        (folder / "snapshots" / "abc" / name).touch()


def test_a_cached_encoder_is_not_asked_for(own_cache: Path, asked: list[str]) -> None:
    cached(own_cache, "config.json", "preprocessor_config.json", "pytorch_model.bin")
    assert missing_checkpoints([NAME]) == {}
    assert asked == []


def test_a_half_cached_encoder_is_missing(own_cache: Path, asked: list[str]) -> None:
    cached(own_cache, "config.json", "preprocessor_config.json")
    assert missing_checkpoints([NAME]) == {
        NAME: "not in the local Hugging Face cache, and the hub cannot be reached (ConnectError)"
    }


def test_an_unreachable_hub_is_asked_once(asked: list[str]) -> None:
    assert set(missing_checkpoints(["a/a", "b/b", "c/c"])) == {"a/a", "b/b", "c/c"}
    assert asked == ["a/a"]


def test_offline_the_hub_is_not_asked(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert missing_checkpoints([NAME])[NAME].endswith("and HF_HUB_OFFLINE is set")
    assert asked == []


def test_a_hub_that_has_it_lacks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_needs, "_ask_hub", lambda name: "")
    assert missing_checkpoints([NAME]) == {}


def test_a_local_folder_is_looked_into(tmp_path: Path, asked: list[str]) -> None:
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "config.json").touch()
    expected = "the folder has no preprocessor_config.json"
    assert missing_checkpoints([str(folder)]) == {str(folder): expected}
    (folder / "preprocessor_config.json").touch()
    assert missing_checkpoints([str(folder)])[str(folder)] == "the folder has no model.safetensors"
    (folder / "model.safetensors").touch()
    assert missing_checkpoints([str(folder)]) == {}
    assert asked == []


def test_a_folder_that_is_not_there_is_no_name_on_the_hub(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    assert "neither a folder nor a name on the hub" in missing_checkpoints([path])[path]


def test_corpora_are_judged_by_their_readers(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    pytest.importorskip("torchaudio")
    from tests.tiny_paper import CORPORA, paper_corpora

    root = paper_corpora(tmp_path / "corpora")
    folders = {name: str(root / name) for name in CORPORA}
    assert missing_corpora(folders) == {}
    (root / "meld" / "dev_sent_emo.csv").unlink()
    swapped = {**folders, "emodb": folders["cafe"], "urdu": str(root / "none")}
    found = missing_corpora(swapped)
    assert set(found) == {"meld", "emodb", "urdu"}
    assert "found no dev_sent_emo.csv" in found["meld"]
    assert "is not EmoDB: expected wav/03a01Fa.wav" in found["emodb"]
    assert found["urdu"] == f"there is no folder {root / 'none'}"
