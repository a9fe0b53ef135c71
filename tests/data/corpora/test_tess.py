from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.tess import TESS, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = [
    "OAF_happy/OAF_back_happy.wav",
    "OAF_angry/OAF_back_angry.wav",
    "OAF_neutral/OA_bite_neutral.wav",
    "YAF_sad/YAF_young_sad.wav",
]
LEFT_OUT = [
    "OAF_disgust/OAF_back_disgust.wav",
    "OAF_Fear/OAF_back_fear.wav",
    "YAF_pleasant_surprised/YAF_back_ps.wav",
]


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "happy"
    assert rows["speaker"].tolist() == ["tess/OAF", "tess/OAF", "tess/OAF", "tess/YAF"]
    assert rows["text_id"].tolist() == ["back", "back", "bite", "young"]
    assert set(rows["language"]) == {"en"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("tess/").all()
    assert manifest.info.dropped == {"disgust": 1, "fear": 1, "pleasant surprise": 1}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=TESS.source):
        prepare(None)
