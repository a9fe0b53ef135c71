"""The words that name a cross-lingual setting, and the folder that a run of it gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from affectrep.data.setting import (
    common_condition,
    in_condition,
    protocol_of,
    setting_name,
    setting_slug,
)
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


GROUPS = {
    "folds fold=0 folds=5": ("fold 0/5", "fold0"),
    "fps=5 folds fold=2 folds=3": ("fold 2/3", "fold2"),
    "folds column=author fold=1 folds=4": ("fold 1/4 by author", "fold1-by-author"),
    "folds fold=all folds=5": ("folds pooled", "folds"),
    "folds column=author fold=all folds=4": ("folds pooled by author", "folds-by-author"),
    "leave_group_out column=speaker value=emodb/03": ("speaker emodb/03", "speaker-emodb-03"),
    "leave_group_out column=subject value=Ann Lee": ("subject Ann Lee", "subject-Ann-Lee"),
}


@pytest.mark.parametrize("words", GROUPS)
def test_folds_and_groups_of_one_corpus_have_a_name_and_a_folder(words):
    name, slug = GROUPS[words]
    assert setting_name(words) == name
    assert setting_slug(name) == slug
    transductive = setting_name(words, "transductive_speaker")
    assert transductive == f"transductive_speaker {name}"
    assert setting_slug(transductive) == f"{slug}.transductive_speaker"


def test_no_setting_of_groups_takes_the_folder_of_another():
    words = [*WORDS, *GROUPS]
    conditions = ("strict", "transductive_corpus", "transductive_speaker")
    names = [setting_name(one, condition) for one in words for condition in conditions]
    assert len(set(map(setting_slug, names))) == len(names)


def test_strict_is_said_where_a_target_is_unseen():
    folds, unseen = protocol_of("folds fold=0 folds=5"), protocol_of("folds target=de")
    assert in_condition("mean", folds, "strict") == "mean"
    assert in_condition("mean", unseen, "strict") == "strict mean"
    assert in_condition("mean", folds, "transductive_corpus") == "transductive_corpus mean"
    assert common_condition(["strict de", "folds pooled"]) == ("", ["strict de", "folds pooled"])
