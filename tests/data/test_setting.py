"""The words that name a cross-lingual setting, and the folder that a run of it gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from affectrep.data.setting import protocol_of, setting_name, setting_slug
from affectrep.evaluation.stored_run import StoredRun

WORDS = {
    "leave_language_out target=de": ("strict de", "de"),
    "leave_corpus_out target=emodb": ("strict emodb", "emodb"),
    "source_to_target sources=en target=de": ("strict en>de", "en-de"),
    "paper sources=zh target=fr": ("strict zh>fr", "zh-fr"),
    "folds target=de fold=2 folds=5": ("strict de fold 2/5", "de.fold2"),
    "leave_language_out target=it without=de,en": ("strict it without de+en", "it-without-de+en"),
}


@pytest.mark.parametrize("words", WORDS)
def test_each_protocol_has_its_name_and_folder(words):
    name, slug = WORDS[words]
    assert setting_name(words) == name
    assert setting_slug(name) == slug


def test_no_two_settings_share_a_folder():
    conditions = ("strict", "transductive_corpus", "transductive_speaker")
    names = [setting_name(words, condition) for words in WORDS for condition in conditions]
    assert len(set(names)) == len(set(map(setting_slug, names))) == len(names)


@pytest.mark.parametrize("words", [None, "", "single_label", "official"])
def test_another_protocol_has_no_setting(words):
    assert protocol_of(words) is None
    assert setting_name(words) == setting_slug(setting_name(words)) == ""


def test_a_stored_run_knows_its_setting(tmp_path: Path):
    data = {"protocol": "leave_language_out target=de", "speech": {"standardise": "strict"}}
    for name, section in {"speech": data, "text": {"protocol": "single_label"}}.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yaml").write_text(yaml.safe_dump({"name": "x", "data": section}))
    assert StoredRun(tmp_path / "speech").setting == "strict de"
    assert StoredRun(tmp_path / "text").setting == ""
