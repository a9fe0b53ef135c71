from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.checks import check_manifest
from affectrep.data.corpora.meld import prepare
from tests.data.corpora.clips import write_clip

HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"
    "StartTime,EndTime\n"
)
# invented utterances
TABLES = {
    "train": ["Anna,joy,0,0", "Ben,surprise,0,1", "Ben,anger,1,0"],
    "dev": ["Anna,sadness,0,0", "Cleo,neutral,0,1"],
    "test": ["Ben,neutral,0,0", "Dora,joy,2,3"],
}
FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_test"}


@pytest.fixture
def release(tmp_path):
    for word, lines in TABLES.items():
        text = HEADER
        for number, line in enumerate(lines, start=1):
            speaker, emotion, dialogue, utterance = line.split(",")
            text += (
                f'{number},"Well, hello.",{speaker},{emotion},x,{dialogue},{utterance},1,1,'
                '"00:00:01,000","00:00:02,000"\n'
            )
            write_clip(tmp_path / FOLDERS[word] / f"dia{dialogue}_utt{utterance}.wav")
        (tmp_path / f"{word}_sent_emo.csv").write_text(text, encoding="utf-8")
    write_clip(tmp_path / FOLDERS["test"] / "final_videos_testdia0_utt0.wav")
    return tmp_path


def test_the_official_splits_are_kept(release):
    manifest = prepare(release)
    rows = manifest.rows.set_index("id")
    assert rows["split"].to_dict() == {
        "meld/train_dia0_utt0": "train",
        "meld/train_dia1_utt0": "train",
        "meld/dev_dia0_utt0": "validation",
        "meld/dev_dia0_utt1": "validation",
        "meld/test_dia0_utt0": "test",
        "meld/test_dia2_utt3": "test",
    }
    assert rows["label"].tolist() == ["happy", "angry", "sad", "neutral", "neutral", "happy"]
    assert rows["source_label"].iloc[0] == "joy"
    assert rows["speaker"].iloc[0] == "meld/Anna"
    assert rows["official_split"].tolist() == rows["split"].tolist()
    assert manifest.info.dropped == {"surprise": 1}
    # one name in three splits, three files
    paths = rows.loc[[f"meld/{word}_dia0_utt0" for word in TABLES], "path"]
    assert paths.nunique() == 3


def test_shared_speakers_are_an_accepted_leak(release):
    leaks = [problem for problem in check_manifest(prepare(release)) if problem.kind == "leak"]
    assert leaks
    assert {problem.severity for problem in leaks} == {"note"}
    assert "share the speakers of one TV series" in leaks[0].message


def test_videos_only_are_refused_with_the_command(release):
    for path in list(release.rglob("*.wav")):
        path.rename(path.with_suffix(".mp4"))
    with pytest.raises(ValueError, match="videos only: take the sound out, as with `ffmpeg"):
        prepare(release)


def test_a_missing_table_is_refused(release):
    (release / "dev_sent_emo.csv").unlink()
    with pytest.raises(ValueError, match="is not MELD: .* found no dev_sent_emo.csv"):
        prepare(release)


def test_an_unknown_emotion_is_named_with_its_row(release):
    table = release / "dev_sent_emo.csv"
    table.write_text(table.read_text().replace("sadness", "sadnes"), encoding="utf-8")
    with pytest.raises(ValueError, match="dev_sent_emo.csv row 2: unknown emotion 'sadnes'"):
        prepare(release)
