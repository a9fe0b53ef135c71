from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.savee import SAVEE, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = [
    "AudioData/DC/h01.wav",
    "AudioData/DC/a02.wav",
    "AudioData/JE/n30.wav",
    "AudioData/KL/sa15.wav",
]
LEFT_OUT = ["AudioData/DC/d01.wav", "AudioData/DC/f01.wav", "AudioData/DC/su01.wav"]


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "happiness"
    assert rows["speaker"].tolist() == ["savee/DC", "savee/DC", "savee/JE", "savee/KL"]
    assert rows["text_id"].tolist() == ["h01", "a02", "n30", "sa15"]
    assert set(rows["language"]) == {"en"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("savee/").all()
    assert manifest.info.dropped == {"disgust": 1, "fear": 1, "surprise": 1}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=SAVEE.source):
        prepare(None)
