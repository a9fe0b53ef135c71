from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.data.corpus_folders import corpus_folders


def test_relative_folders_lie_below_the_root():
    found = corpus_folders("/data", {"meld": "meld", "cafe": "french/CaFE", "esd": "/other/esd"})
    assert found == {"meld": "/data/meld", "cafe": "/data/french/CaFE", "esd": "/other/esd"}


def test_without_a_root_folders_are_taken_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("meld").mkdir()
    assert corpus_folders(None, {"meld": "meld", "esd": "/none/esd"}) == {
        "meld": "meld",
        "esd": "/none/esd",
    }


def test_a_home_folder_is_absolute(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert corpus_folders(None, {"esd": "~/esd"}) == {"esd": "/somewhere/esd"}


def test_missing_relative_folders_ask_for_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="data.root is not set: give .* that holds meld, x"):
        corpus_folders(None, {"meld": "meld", "esd": "x", "cafe": "/data/cafe"})


def test_a_root_that_nothing_lies_below_is_refused():
    with pytest.raises(ValueError, match="both name the data: give one of them"):
        corpus_folders("/data", {"meld": "/data/meld"})
