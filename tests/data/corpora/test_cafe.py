from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.cafe import CAFE, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = [
    "Joie/Fort/01-J-2-1.wav",
    "Colère/Faible/12-C-1-6.wav",
    "Neutre/02-N-1-3.wav",
    "Tristesse/Fort/03-T-2-2.wav",
]
LEFT_OUT = ["Dégoût/Fort/01-D-2-1.wav", "Peur/Fort/01-P-2-1.wav", "Surprise/Fort/01-S-2-1.wav"]


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "happiness"
    assert rows["speaker"].tolist() == ["cafe/01", "cafe/12", "cafe/02", "cafe/03"]
    assert rows["text_id"].tolist() == ["1", "6", "3", "2"]
    assert set(rows["language"]) == {"fr"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("cafe/").all()
    assert manifest.info.dropped == {"disgust": 1, "fear": 1, "surprise": 1}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=CAFE.source):
        prepare(None)
