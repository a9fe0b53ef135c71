from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.urdu import URDU, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = [
    "Happy/SF1_F1_H01.wav",
    "Angry/SM4_F48_A0100.wav",
    "Neutral/SM5_F72_N0100.wav",
    "Sad/SM24_F2_S02.wav",
]
LEFT_OUT = []


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "happy"
    assert rows["speaker"].tolist() == ["urdu/SF1", "urdu/SM4", "urdu/SM5", "urdu/SM24"]
    assert rows["text_id"].isna().all()
    assert set(rows["language"]) == {"ur"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("urdu/").all()
    assert manifest.info.dropped == {}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=URDU.source):
        prepare(None)
