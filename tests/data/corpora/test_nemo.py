from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.nemo import NEMO, prepare
from tests.data.corpora.clips import SECONDS, write_clips

KEPT = [
    "samples/EB0_happiness_1.wav",
    "samples/EB0_anger_90.wav",
    "samples/KD0_neutral_7.wav",
    "samples/MP0_sadness_1.wav",
]
LEFT_OUT = ["samples/EB0_fear_1.wav", "samples/EB0_surprised_1.wav"]


def test_the_official_layout_is_read(tmp_path):
    manifest = prepare(write_clips(tmp_path, [*KEPT, *LEFT_OUT]))
    rows = manifest.rows.set_index("path").loc[[str(tmp_path / name) for name in KEPT]]
    assert len(manifest.rows) == 4
    assert rows["label"].tolist() == ["happy", "angry", "neutral", "sad"]
    assert rows["source_label"].iloc[0] == "happiness"
    assert rows["speaker"].tolist() == ["nemo/EB0", "nemo/EB0", "nemo/KD0", "nemo/MP0"]
    assert rows["text_id"].tolist() == ["1", "90", "7", "1"]
    assert set(rows["language"]) == {"pl"}
    assert rows["duration_s"].tolist() == pytest.approx([SECONDS] * 4)
    assert rows["id"].is_unique
    assert rows["id"].str.startswith("nemo/").all()
    assert manifest.info.dropped == {"fear": 1, "surprise": 1}
    assert set(rows["split"]) == {"train"}
    assert rows["official_split"].isna().all()


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    write_clips(tmp_path, ["other/voice.wav"])
    with pytest.raises(ValueError, match="expected .* found 1 sound files, such as voice.wav"):
        prepare(tmp_path)
    with pytest.raises(ValueError, match=NEMO.source):
        prepare(None)
