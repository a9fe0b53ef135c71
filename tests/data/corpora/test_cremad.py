from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.cremad import CREMAD, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = [
    "AudioWAV/1001_DFA_HAP_XX.wav",
    "AudioWAV/1001_IEO_ANG_HI.wav",
    "AudioWAV/1091_TAI_NEU_XX.wav",
    "AudioWAV/1002_WSI_SAD_LO.wav",
]
LEFT_OUT = ["AudioWAV/1001_DFA_DIS_XX.wav", "AudioWAV/1001_DFA_FEA_X.wav"]


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "happy"
    assert rows["speaker"].tolist() == ["cremad/1001", "cremad/1001", "cremad/1091", "cremad/1002"]
    assert rows["text_id"].tolist() == ["DFA", "IEO", "TAI", "WSI"]
    assert set(rows["language"]) == {"en"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("cremad/").all()
    assert manifest.info.dropped == {"disgust": 1, "fear": 1}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=CREMAD.source):
        prepare(None)
