from __future__ import annotations

import pandas as pd
import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.speech_set import prepare
from affectrep.data.corpora.speech_tables import read_speech_table, write_speech_set


def test_one_table_is_enough(tables):
    assert set(prepare(tables / "own.csv").rows["corpus"]) == {"own"}


def test_what_is_written_reads_back_the_same(german, italian, tmp_path):
    manifest = prepare({"emodb": german, "emovo": italian})
    files = write_speech_set(manifest, tmp_path / "written")
    assert [file.name for file in files] == ["emodb.csv", "emovo.csv"]
    table = pd.read_csv(files[0])
    assert list(table)[:6] == [
        *("path", "emotion", "speaker", "language", "text_id", "duration_s"),
    ]
    assert set(table["emotion"]) == {"anger", "happiness", "neutral", "sadness"}
    assert table["speaker"].tolist()[0] == "emodb_03"
    again = prepare(tmp_path / "written")
    pd.testing.assert_frame_equal(again.rows[list(manifest.rows)], manifest.rows)


def test_a_language_in_capitals_is_the_same_language(tables):
    for name, codes in (("emodb", ["DE", " De", "de", "dE"]), ("own", ["fr", "FR ", "Fr", "fR"])):
        table = pd.read_csv(tables / f"{name}.csv").assign(language=codes * 2)
        table.to_csv(tables / f"{name}.csv", index=False)
    assert set(prepare(tables).rows["language"]) == {"de", "fr"}
    rows = prepare(tables, protocol="leave_language_out target=DE", holdout=0.5).rows
    assert set(rows.loc[rows["corpus"] == "emodb", "split"]) == {"test"}
    groups = "leave_group_out column=language value=DE"
    rows = prepare(tables, protocol=groups, holdout=0.5).rows
    assert set(rows.loc[rows["split"] == "test", "corpus"]) == {"emodb"}


def test_what_a_table_states_of_a_length_is_kept_beside_what_is_read(tables):
    from affectrep.data.audio_checks import check_audio

    rows = prepare(tables).rows
    assert (set(rows["stated_s"]), set(rows["duration_s"])) == ({9.9}, {0.2})
    (problem,) = [p for p in check_audio(rows, shown=False) if p.kind == "wrong_duration"]
    assert (len(problem.rows), "49.50" in problem.message) == (16, True)
    table = pd.read_csv(tables / "own.csv", dtype=str).drop(columns="duration_s")
    table.to_csv(tables / "own.csv", index=False)
    rows = prepare(tables / "own.csv").rows
    assert rows["stated_s"].isna().all()
    assert not [p for p in check_audio(rows, shown=False) if p.kind == "wrong_duration"]


def test_paths_below_the_folder_are_written_relative_to_it(german):
    (file,) = write_speech_set(prepare({"emodb": german}), german)
    assert pd.read_csv(file)["path"].tolist()[0] == "wav/03a01Fa.wav"


def test_emotions_without_a_class_are_counted_and_unknown_ones_refused(tables):
    table = pd.read_csv(tables / "own.csv")
    table.loc[0, "emotion"] = "fear"
    table.to_csv(tables / "own.csv", index=False)
    assert prepare(tables / "own.csv").info.dropped == {"fear": 1}
    table.loc[0, "emotion"] = "grumpy"
    table.to_csv(tables / "own.csv", index=False)
    (problem,) = prepare(tables).info.problems
    assert (problem.kind, problem.rows) == ("unknown_label", ("own.csv:2",))
    assert "grumpy" in set(prepare(tables, labels={"grumpy": "angry"}).rows["source_label"])


def test_own_columns_are_mapped(tables):
    table = pd.read_csv(tables / "own.csv").rename(columns={"emotion": "feeling"})
    table.to_csv(tables / "own.csv", index=False)
    with pytest.raises(ValueError, match="own.csv has no column emotion"):
        prepare(tables / "own.csv")
    rows = prepare(tables / "own.csv", columns={"emotion": "feeling"}).rows
    assert len(rows) == 8


def test_all_files_that_cannot_be_read_are_named_at_once(tables):
    (tables / "own" / "a1.flac").unlink()
    (tables / "own" / "b0.flac").write_bytes(b"no sound")
    gone, broken = prepare(tables / "own.csv").info.problems
    assert (gone.kind, gone.rows) == ("missing_file", ("3 a1.flac",))
    assert (broken.kind, broken.rows) == ("unreadable_clip", (6,))
    assert "b0.flac cannot be read as sound" in broken.message


def test_a_split_that_is_none_is_named(tables):
    table = pd.read_csv(tables / "own.csv", dtype=str)
    table["split"] = ["train", "evaluation"] + [""] * 6
    table.to_csv(tables / "own.csv", index=False)
    (problem,) = prepare(tables / "own.csv").info.problems
    assert (problem.kind, problem.rows) == ("unknown_split", (3,))
    assert "the split 'evaluation' is unknown: use train" in problem.message


def test_a_table_is_read_by_itself(tables):
    manifest = read_speech_table("own", tables / "own.csv")
    assert manifest.info.title == "own"
    assert set(manifest.rows["split"]) == {"train"}
    with pytest.raises(ValueError, match="data.columns.mood is no column of a speech set: path,"):
        read_speech_table("own", tables / "own.csv", columns={"mood": "emotion"})
