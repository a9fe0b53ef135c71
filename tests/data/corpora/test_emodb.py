from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.emodb import EMODB, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = ["wav/03a01Fa.wav", "wav/03a01Wb.wav", "wav/08b10Na.wav", "wav/16a04Tc.wav"]
LEFT_OUT = ["wav/03a02La.wav", "wav/03a02Ea.wav", "wav/03a02Aa.wav"]


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "happiness"
    assert rows["speaker"].tolist() == ["emodb/03", "emodb/03", "emodb/08", "emodb/16"]
    assert rows["text_id"].tolist() == ["a01", "a01", "b10", "a04"]
    assert set(rows["language"]) == {"de"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("emodb/").all()
    assert manifest.info.dropped == {"boredom": 1, "disgust": 1, "fear": 1}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=EMODB.source):
        prepare(None)
