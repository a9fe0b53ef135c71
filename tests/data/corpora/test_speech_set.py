from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("soundfile")

from affectrep.data.checks import check_manifest, require_clean
from affectrep.data.corpora.speech_set import prepare, prepare_corpus
from affectrep.data.crosslingual import Protocol
from affectrep.data.manifest import Manifest
from tests.tiny_paper import CORPORA, paper_corpora, paper_settings

SPEECH = Path(os.environ.get("AFFECTREP_DATA", "data")) / "speech"


def test_a_folder_of_tables_is_read(tables):
    manifest = prepare(tables)
    rows = manifest.rows.set_index("id")
    first, last = rows.loc["emodb/a0"], rows.loc["own/b3"]
    assert (first["label"], first["speaker"], first["language"]) == ("angry", "emodb/a", "de")
    assert (last["label"], last["speaker"], last["text_id"]) == ("sad", "own/b", "t1")
    assert first["text_id"] is None
    assert first["path"] == str(tables / "emodb" / "a0.flac")
    # the file says how long it is, not the table
    assert set(rows["duration_s"]) == {0.2}
    assert manifest.info.classes == ["angry", "happy", "neutral", "sad"]
    assert "EmoDB: none stated; own: as its owner states" in manifest.info.licence
    assert any("No protocol is set" in note for note in manifest.info.notes)
    assert (first["source_file"], first["row"]) == ("emodb.csv", 2)


def test_tables_and_official_corpora_go_together(tables, italian):
    manifest = prepare(
        {"own": tables / "own.csv", "emovo": italian}, protocol="leave_corpus_out target=emovo"
    )
    assert set(manifest.rows["corpus"]) == {"own", "emovo"}
    assert "row" not in manifest.rows
    require_clean(check_manifest(manifest))


def test_official_corpora_are_joined_and_split(german, italian):
    manifest = prepare(
        {"emodb": german, "emovo": italian}, protocol="leave_language_out target=de", holdout=0.3
    )
    rows = manifest.rows
    assert set(rows.loc[rows["split"] == "test", "corpus"]) == {"emodb"}
    assert rows[rows["split"] == "validation"]["speaker"].nunique() == 1
    assert manifest.info.accept_leaks is None
    require_clean(check_manifest(manifest))


def test_a_folder_of_official_downloads_is_read_by_its_folders_names(paper, tmp_path):
    manifest = prepare(paper, protocol="leave_language_out target=fr", holdout=0.4)
    assert set(manifest.rows["corpus"]) == set(CORPORA)
    assert set(manifest.rows.loc[manifest.rows["split"] == "test", "corpus"]) == {"cafe"}
    (tmp_path / "of_my_own").mkdir()
    with pytest.raises(ValueError, match="official downloads in folders such as emodb"):
        prepare(tmp_path)


def test_a_protocol_object_serves_too(german, italian):
    protocol = Protocol("folds", "emovo", folds=3, fold=2, holdout=0.5)
    rows = prepare({"emodb": german, "emovo": italian}, protocol=protocol).rows
    assert rows["split"].value_counts().to_dict() == {"train": 4, "validation": 4, "test": 4}


def test_one_official_corpus_by_its_name(italian):
    manifest = prepare_corpus("emovo", italian, protocol="folds target=it folds=3", holdout=0.5)
    assert manifest.info.title == "EMOVO"
    assert len(manifest.rows) == 12
    with pytest.raises(ValueError, match="the corpus emovo needs its folder"):
        prepare_corpus("emovo", None)
    with pytest.raises(ValueError, match="no reader for the corpus emov"):
        prepare_corpus("emov", None)


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (None, "speech_set needs its data"),
        ({}, "names no corpus"),
        ({"emodv": "x"}, "no reader for the corpus emodv"),
    ],
)
def test_a_root_that_says_nothing_is_refused(root, message):
    with pytest.raises(ValueError, match=message):
        prepare(root)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no <corpus>.csv"):
        prepare(tmp_path)


def test_official_test_rows_of_a_source_are_not_trained_on(tables):
    table = pd.read_csv(tables / "own.csv", dtype=str)
    table["split"] = ["train"] * 3 + ["test"] + ["train"] * 4
    table.to_csv(tables / "own.csv", index=False)
    manifest = prepare(tables, protocol="leave_language_out target=de", holdout=0.5)
    assert "own/a3" not in set(manifest.rows["id"])
    assert manifest.info.dropped == {"not used by leave_language_out target=de": 1}


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    return paper_corpora(tmp_path_factory.mktemp("paper"))


@pytest.mark.parametrize("setting", paper_settings(holdout=0.4), ids=lambda setting: setting.name)
def test_the_nine_settings_of_the_paper_on_the_official_layouts(paper, setting):
    folders = {name: paper / name for name in CORPORA}
    manifest = prepare(folders, protocol=setting.name, holdout=0.4)
    rows = manifest.rows
    splits = {name: set(part["language"]) for name, part in rows.groupby("split")}
    others = {"en", "zh", "de", "fr", "ur"} - {setting.target}
    assert splits == {"train": others, "validation": others, "test": {setting.target}}
    assert set(rows.loc[rows["split"] == "test", "label"]) == set(manifest.info.classes)
    assert not rows["id"].str.startswith("meld/test_").any()
    require_clean(check_manifest(manifest))


@pytest.mark.real_data
@pytest.mark.skipif(not SPEECH.is_dir(), reason="needs AFFECTREP_DATA with speech")
def test_the_real_folder():
    manifest: Manifest = prepare(SPEECH, protocol="leave_language_out target=ur")
    assert len(manifest.rows) == 2035
    assert manifest.rows["speaker"].nunique() == 78
    assert manifest.rows["content"].is_unique
    require_clean(check_manifest(manifest))
    assert any(
        "urdu: 26 of 29 speakers have a single emotion" in note for note in manifest.info.notes
    )


def test_folds_without_a_target_test_every_speaker_once(paper):
    tested = []
    for fold in range(2):
        manifest = prepare(paper, protocol=f"folds fold={fold} folds=2", holdout=0.3)
        rows = manifest.rows
        speakers = rows.groupby("split")["speaker"].agg(set)
        assert sum(map(len, speakers)) == len(set.union(*speakers)) == rows["speaker"].nunique()
        assert manifest.info.accept_leaks is None
        assert manifest.info.notes[-1].startswith("Speakers: train ")
        require_clean(check_manifest(manifest))
        tested += sorted(speakers["test"])
    assert sorted(tested) == sorted(set(rows["speaker"]))


def test_one_speaker_or_corpus_is_left_out(paper):
    whole = prepare(paper, protocol="folds fold=0 folds=2").rows
    who = min(whole["speaker"])
    rows = prepare(paper, protocol=f"leave_group_out column=speaker value={who}").rows
    assert set(rows.loc[rows["split"] == "test", "speaker"]) == {who}
    rows = prepare(paper, protocol="leave_group_out column=corpus value=emodb").rows
    assert set(rows.loc[rows["split"] == "test", "corpus"]) == {"emodb"}
    assert "emodb" not in set(rows.loc[rows["split"] != "test", "corpus"])


def test_groups_of_clips_that_do_not_fit_are_said(tables):
    with pytest.raises(ValueError, match="name in the column author"):
        prepare(tables, protocol="folds column=author")
    with pytest.raises(ValueError, match="has no use for data.protocol"):
        prepare(tables, protocol="folds fold=0 folds=2 fps=5")
