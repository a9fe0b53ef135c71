from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.emovo import EMOVO, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = ["f1/gio-f1-b1.wav", "f1/rab-f1-n5.wav", "m3/neu-m3-l1.wav", "m2/tri-m2-d1.wav"]
LEFT_OUT = ["f1/dis-f1-b1.wav", "f1/pau-f1-b1.wav", "f1/sor-f1-b1.wav"]


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "joy"
    assert rows["speaker"].tolist() == ["emovo/f1", "emovo/f1", "emovo/m3", "emovo/m2"]
    assert rows["text_id"].tolist() == ["b1", "n5", "l1", "d1"]
    assert set(rows["language"]) == {"it"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("emovo/").all()
    assert manifest.info.dropped == {"disgust": 1, "fear": 1, "surprise": 1}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=EMOVO.source):
        prepare(None)
