from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.esd import prepare, prepare_english
from tests.data.corpora.clips import write_clips

FLAT = [
    "0001/Neutral/0001_000001.wav",
    "0001/Angry/0001_000351.wav",
    "0010/Happy/0010_001050.wav",
    "0010/Sad/0010_001400.wav",
    "0001/Surprise/0001_001401.wav",
    "0011/Happy/0011_000701.wav",
]
SPLIT = [
    "0001/Neutral/train/0001_000021.wav",
    "0001/Angry/evaluation/0001_000351.wav",
    "0002/Happy/test/0002_000721.wav",
]


def test_the_mandarin_half_is_read_and_numbers_tell_the_sentence(tmp_path):
    manifest = prepare(write_clips(tmp_path, FLAT))
    rows = manifest.rows.set_index("id")
    assert rows.index.tolist() == [
        "esd/0001_000351",
        "esd/0001_000001",
        "esd/0010_001050",
        "esd/0010_001400",
    ]
    assert rows["label"].tolist() == ["angry", "neutral", "happy", "sad"]
    assert rows["text_id"].tolist() == ["001", "001", "350", "350"]
    assert set(rows["language"]) == {"zh"}
    assert set(rows["speaker"]) == {"esd/0001", "esd/0010"}
    assert manifest.info.dropped == {"surprise": 1}


def test_the_english_half_is_a_corpus_of_its_own(tmp_path):
    write_clips(tmp_path, FLAT)
    rows = prepare_english(tmp_path).rows
    assert rows["id"].tolist() == ["esd_en/0011_000701"]
    assert rows["language"].tolist() == ["en"]


def test_the_folders_of_the_text_split_are_looked_into_and_not_used(tmp_path):
    rows = prepare(write_clips(tmp_path, SPLIT)).rows
    assert rows["label"].tolist() == ["angry", "neutral", "happy"]
    assert set(rows["split"]) == {"train"}


def test_a_half_that_is_not_there_is_refused(tmp_path):
    write_clips(tmp_path, FLAT[:3])
    with pytest.raises(ValueError, match="no speaker 0011 to 0020"):
        prepare_english(tmp_path)


def test_another_layout_is_refused(tmp_path):
    write_clips(tmp_path, ["angry/0001/0001_000351.wav"])
    with pytest.raises(ValueError, match="is not ESD .* expected 0001/Angry/0001_000351.wav"):
        prepare(tmp_path)
