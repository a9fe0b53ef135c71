from __future__ import annotations

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora.iemocap import prepare
from tests.data.corpora.clips import write_clip

TURNS = {
    "Ses01F_impro01_F000": "neu",
    "Ses01F_impro01_M000": "exc",
    "Ses01F_impro01_F001": "xxx",
    "Ses01F_impro01_M001": "fru",
    "Ses05M_script01_1b_F003": "ang",
    "Ses05M_script01_1b_M010": "hap",
}


@pytest.fixture
def release(tmp_path):
    lines: dict[str, list[str]] = {}
    for turn, code in TURNS.items():
        dialogue = turn.rpartition("_")[0]
        session = tmp_path / f"Session{turn[4]}"
        write_clip(session / "sentences" / "wav" / dialogue / f"{turn}.wav")
        table = session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"
        lines.setdefault(str(table), ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""])
        lines[str(table)] += [
            f"[6.2901 - 8.2357]\t{turn}\t{code}\t[2.5000, 2.5000, 2.5000]",
            "C-E2:\tNeutral;\t()",
            "A-E3:\tval 3; act 2; dom  2;\t()",
        ]
    for table, text in lines.items():
        folder = tmp_path / table
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("\n".join(text) + "\n", encoding="utf-8")
    return tmp_path


def test_turns_get_the_label_of_their_line_and_the_speaker_of_session_and_sex(release):
    manifest = prepare(release)
    rows = manifest.rows.set_index("id")
    assert rows["label"].to_dict() == {
        "iemocap/Ses01F_impro01_F000": "neutral",
        "iemocap/Ses01F_impro01_M000": "happy",
        "iemocap/Ses05M_script01_1b_F003": "angry",
        "iemocap/Ses05M_script01_1b_M010": "happy",
    }
    assert rows["speaker"].tolist() == [
        "iemocap/Ses01F",
        "iemocap/Ses01M",
        "iemocap/Ses05F",
        "iemocap/Ses05M",
    ]
    assert rows["text_id"].isna().all()
    assert manifest.info.dropped == {"frustration": 1, "no agreement": 1}


def test_excitement_can_be_left_out(release):
    manifest = prepare(release, labels={"excitement": ""})
    assert "iemocap/Ses01F_impro01_M000" not in set(manifest.rows["id"])
    assert manifest.info.dropped["excitement"] == 1


def test_the_folder_above_is_taken_too(release):
    above = release.parent / "above"
    above.mkdir()
    release.rename(above / "IEMOCAP_full_release")
    assert len(prepare(above).rows) == 4


def test_an_unknown_label_is_refused(release):
    table = next(release.glob("Session1/dialog/EmoEvaluation/*.txt"))
    table.write_text(table.read_text().replace("\tneu\t", "\tbor\t"), encoding="utf-8")
    with pytest.raises(ValueError, match="Ses01F_impro01_F000 has the label 'bor'"):
        prepare(release)


def test_a_missing_sound_file_is_named(release):
    next(release.glob("Session1/sentences/wav/*/*_F000.wav")).unlink()
    with pytest.raises(ValueError, match="1 of 4 .* Ses01F_impro01_F000 has no sound file"):
        prepare(release)


def test_another_layout_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not IEMOCAP: expected Session1/dialog"):
        prepare(tmp_path)
