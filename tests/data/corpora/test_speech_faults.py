"""A table with a fault of each kind: all are named in one round, with their rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.commands.preflight import find_problems
from affectrep.data.corpora.speech_faults import listed
from affectrep.data.corpora.speech_set import prepare
from affectrep.data.problems import require_clean
from tests.data.sound import noise, write

EMOTIONS = ("anger", "happiness", "neutral", "sadness")


@pytest.fixture
def clips(tmp_path: Path) -> pd.DataFrame:
    """Six speakers of two clips of each emotion; two in each split."""
    lines = []
    for who in range(6):
        for number in range(8):
            file = f"{who}{number}.wav"
            write(tmp_path / file, noise(0.5, 10 * who + number))
            split = ("train", "validation", "test")[who // 2]
            lines.append((file, EMOTIONS[number % 4], f"p{who}", "en", split))
    return pd.DataFrame(lines, columns=["path", "emotion", "speaker", "language", "split"])


def save(clips: pd.DataFrame, folder: Path) -> Path:
    clips.to_csv(folder / "mine.csv", index=False)
    return folder / "mine.csv"


def plant(clips: pd.DataFrame, folder: Path) -> Path:
    """Row numbers are those of the file: the table's first row is row 2."""
    clips.loc[0, "emotion"] = ""
    clips.loc[1, "emotion"] = "furious"
    clips.loc[2, "emotion"] = "NaN"
    clips.loc[3, "split"] = "evaluation"
    clips.loc[4, "language"] = ""
    clips.loc[5, "language"] = "nan"
    (folder / clips.loc[6, "path"]).write_text("no sound")
    (folder / clips.loc[7, "path"]).unlink()
    (folder / clips.loc[8, "path"]).unlink()
    clips.loc[8, "emotion"] = "Furious "
    write(folder / clips.loc[9, "path"], np.zeros(8000, np.float32))
    return save(clips, folder)


PLANTED = {
    "no_label": (2, 4),
    "unknown_label": (3, 10),
    "unknown_split": (5,),
    "no_language": (6, 7),
    "unreadable_clip": (8,),
    "missing_file": ("9 07.wav", "10 10.wav"),
    "silent_clip": ("11 11.wav",),
}


def errors(problems):
    return {problem.kind: problem.rows for problem in problems if problem.severity == "error"}


@pytest.mark.parametrize("protocol", [None, "speakers", "folds fold=0 folds=3"])
def test_all_faults_of_a_table_are_found_in_one_round(clips, tmp_path, protocol):
    manifest = prepare(plant(clips, tmp_path), protocol=protocol, holdout=0.2)
    problems = find_problems(manifest)
    assert errors(problems) == PLANTED
    with pytest.raises(ValueError, match="the data has 7 problems:") as caught:
        require_clean(problems)
    message = str(caught.value)
    assert "emotions 'furious' have no class: map them in data.labels" in message
    assert "the split 'evaluation' is unknown: use train, validation, test" in message
    assert "06.wav cannot be read as sound" in message


def test_the_clean_rows_of_the_table_are_kept(clips, tmp_path):
    clean = prepare(save(clips, tmp_path))
    assert clean.info.problems == []
    assert not errors(find_problems(clean))
    kept = prepare(plant(clips, tmp_path)).rows
    assert kept["row"].tolist() == list(range(11, 50))
    expected = clean.rows[clean.rows["row"] >= 12].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept[kept["row"] >= 12].reset_index(drop=True), expected)


@pytest.mark.parametrize("protocol", ["speakers", "folds fold=0 folds=3"])
def test_a_protocol_names_the_rows_without_the_speaker_that_it_needs(clips, tmp_path, protocol):
    clips.loc[20, "speaker"] = None
    clips.loc[21, "speaker"] = "nan"
    clips.loc[3, "emotion"] = "furious"
    manifest = prepare(save(clips, tmp_path), protocol=protocol, holdout=0.2)
    assert errors(find_problems(manifest)) == {"unknown_label": (5,), "no_speaker": (22, 23)}
    given = find_problems(prepare(save(clips, tmp_path)))  # official splits need none
    assert errors(given) == {"unknown_label": (5,)}
    named = {problem.kind: problem.rows for problem in given if problem.severity == "warning"}
    assert named["no_speaker"] == ("22 24.wav", "23 25.wav")


def test_a_target_needs_no_speaker(clips, tmp_path):
    clips.loc[clips["speaker"] == "p5", ["speaker", "language"]] = [None, "de"]
    manifest = prepare(save(clips, tmp_path), protocol="leave_language_out target=de", holdout=0.2)
    assert not errors(find_problems(manifest))
    assert manifest.rows["speaker"].isna().sum() == 8


def test_a_protocol_that_fails_for_want_of_the_rows_at_fault_names_these_too(clips, tmp_path):
    clips.loc[4, "language"] = None
    clips.loc[7, "emotion"] = "furious"
    with pytest.raises(ValueError, match="the data has 3 problems:") as caught:
        prepare(save(clips, tmp_path), protocol="leave_language_out target=de")
    message = str(caught.value)
    assert "(row 6)" in message
    assert "(row 9)" in message
    assert "no row has the target de" in message
    with pytest.raises(ValueError, match="^no row has the target de"):
        prepare(save(clips.drop(index=[4, 7]), tmp_path), protocol="leave_language_out target=de")


def test_rows_of_several_tables_are_named_by_their_files(clips, tmp_path):
    clips.loc[0, "emotion"] = "furious"
    clips.loc[24, "emotion"] = "cross"
    clips[:24].to_csv(tmp_path / "a.csv", index=False)
    clips[24:].to_csv(tmp_path / "b.csv", index=False)
    problems = prepare(tmp_path).info.problems
    assert [problem.rows for problem in problems] == [("a.csv:2",), ("b.csv:2",)]


def test_many_words_are_cut():
    assert listed(pd.Series(list("abcdefghij"))).endswith("'h'")
