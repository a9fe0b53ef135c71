from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.ravdess import RAVDESS, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = [
    "Actor_01/03-01-03-01-01-01-01.wav",
    "Actor_01/03-01-05-02-02-01-01.wav",
    "Actor_24/03-01-01-01-01-02-24.wav",
    "Actor_02/03-01-04-01-02-01-02.wav",
]
LEFT_OUT = [
    "Actor_01/03-01-02-01-01-01-01.wav",
    "Actor_01/03-01-06-01-01-01-01.wav",
    "Actor_01/03-01-07-01-01-01-01.wav",
    "Actor_01/03-01-08-01-01-01-01.wav",
    "Actor_01/03-02-03-01-01-01-01.wav",
]


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "happy"
    assert rows["speaker"].tolist() == ["ravdess/01", "ravdess/01", "ravdess/24", "ravdess/02"]
    assert rows["text_id"].tolist() == ["s01", "s02", "s01", "s02"]
    assert set(rows["language"]) == {"en"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("ravdess/").all()
    assert manifest.info.dropped == {"calm": 1, "disgust": 1, "fear": 1, "surprise": 1, "song": 1}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=RAVDESS.source):
        prepare(None)
