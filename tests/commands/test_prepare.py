"""``affectrep prepare`` and ``train`` on a speech set: what they say and what they write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.commands import prepare, train
from affectrep.data.corpora import emodb
from affectrep.data.corpora.clip_lists import write_clip_list
from tests.data.corpora.clips import write_clip, write_clips
from tests.data.sound import write
from tests.tiny import tiny_config
from tests.tiny_speech_set import speech_config


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = speech_config(tmp_path, {"name": "functionals"})
    table = tmp_path / "set" / "toy.csv"
    lines = table.read_text().splitlines()
    joy = [line.replace(",happiness,", ",joy,") for line in lines[:8]]
    fear = ["train0_anger0.wav,fear,s0,en,t9,0.9,train"]
    table.write_text("\n".join([*joy, *lines[8:], *fear]) + "\n")
    return path


def test_a_speech_set_is_written_and_read_again(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = prepare.run(config, write_set_to=tmp_path / "new")
    said = capsys.readouterr().out
    assert "labels of toy: anger -> angry (6), happiness -> happy (4), joy -> happy (2)," in said
    assert "left out: 1 rows, fear" in said
    assert f"Table written to {tmp_path / 'new' / 'toy.csv'}" in said
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["toy.csv"]
    again = prepare.run(config, [f"data.root={tmp_path / 'new'}"])
    assert again.fingerprint() == first.fingerprint()
    assert "joy -> happy (2)" in capsys.readouterr().out


def test_settings_that_training_refuses_are_warnings_on_the_card(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.run(config, ["evaluation.cluster=nobody", "training.select=ccc"])
    said = capsys.readouterr().out
    assert "warning: training.select=ccc, but task=classification is scored" in said
    assert "warning: evaluation.cluster=nobody, but" in said
    assert "set it to null or one of speaker, language, corpus" in said


def test_only_speech_has_a_speech_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no speech corpus: --write-set"):
        prepare.run(tiny_config(tmp_path), write_set_to=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["prepare", "train"])
def test_all_problems_of_the_clips_are_listed_once_before_anything_is_done(
    command: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "set" / "train0_anger0.wav", np.zeros(14400, np.float32))
    write(tmp_path / "set" / "test3_sadness0.wav", np.full(1000, 0.1, np.float32))
    table = tmp_path / "set" / "toy.csv"
    text = table.read_text().replace(
        "test3_neutral0.wav,neutral,s3", "test3_neutral0.wav,neutral,s0"
    )
    table.write_text(text)
    with pytest.raises(ValueError, match="the data has 3 problems") as caught:
        if command == "prepare":
            prepare.run(config, write_set_to=tmp_path / "new")
        else:
            train.run(config, [], output=tmp_path / "runs")
    message = str(caught.value)
    if command == "prepare":  # the card has them; the error only counts
        assert message == "the data has 3 problems, see above"
    printed = capsys.readouterr()
    message = message + printed.out + printed.err
    assert message.count("shares its speaker with train") == 1
    assert "2 train0_anger0.wav" in next(line for line in message.splitlines() if "silent" in line)
    assert " test3_sadness0.wav" in next(line for line in message.splitlines() if "shorter" in line)
    assert "1 row of test shares its speaker with train (toy/s0): remove it" in message
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def download(tmp_path: Path) -> Path:
    names = [f"wav/{who}a01{letter}a.wav" for who in ("03", "08") for letter in "WFNT"]
    return write_clips(tmp_path / "download", names)


@pytest.fixture
def clip_list(download: Path, tmp_path: Path) -> Path:
    return write_clip_list(emodb.prepare(download), tmp_path / "list.csv")


def official(download: Path) -> list[str]:
    return ["data.corpus=emodb", f"data.root={download}"]


def test_a_clip_list_cuts_the_subset_out_of_a_download(
    config: Path,
    download: Path,
    clip_list: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_clip(download / "wav" / "16a01Wa.wav")
    found = prepare.run(config, official(download), rows=clip_list, write_set_to=tmp_path / "new")
    said = capsys.readouterr().out
    assert f"{clip_list}: 8 clips, 8 identical; 1 others are left out" in said
    assert sorted(found.rows["id"]) == sorted(emodb.prepare(download).rows["id"])[:8]
    table = (tmp_path / "new" / "emodb.csv").read_text()
    assert "03a01Wa" in table
    assert "16a01Wa" not in table


def test_clips_at_another_rate_are_accepted_and_said(
    config: Path, download: Path, clip_list: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in download.rglob("*.wav"):
        write_clip(path, rate=16000)
    prepare.run(config, official(download), rows=clip_list)
    said = capsys.readouterr().out
    assert "8 clips, 8 same duration, another rate or coding\n" in said
    assert "emodb/03a01Wa: " not in said


def test_each_clip_that_is_not_identical_is_named(
    config: Path,
    download: Path,
    clip_list: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (download / "wav" / "03a01Wa.wav").unlink()
    write_clip(download / "wav" / "08a01Wa.wav", rate=16000)
    write_clip(download / "wav" / "08a01Ta.wav", seconds=0.4)
    with pytest.raises(ValueError, match="the clips are not those of") as caught:
        prepare.run(config, official(download), rows=clip_list, write_set_to=tmp_path / "new")
    lines = capsys.readouterr().out.splitlines()
    assert "emodb/03a01Wa: missing" in lines
    assert "emodb/08a01Wa: same duration, another rate or coding" in lines
    assert "emodb/08a01Ta: another duration" in lines
    assert not any(line.startswith("emodb/03a01Na") for line in lines)
    assert "- 1 clips are in the list but not in the corpus: emodb/03a01Wa" in str(caught.value)
    assert "08a01Wa" not in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_row_list_of_speech_still_compares_splits(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.run(config, write_rows_to=tmp_path / "rows.csv")
    prepare.run(config, rows=tmp_path / "rows.csv")
    assert f"identical: the rows are those of {tmp_path / 'rows.csv'}" in capsys.readouterr().out


def test_clips_without_splits_are_written_as_a_clip_list(
    config: Path, download: Path, tmp_path: Path
) -> None:
    prepare.run(config, official(download), write_rows_to=tmp_path / "clips.csv")
    expected = write_clip_list(emodb.prepare(download), tmp_path / "list.csv")
    assert (tmp_path / "clips.csv").read_text() == expected.read_text()


def test_a_class_in_brackets_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny_config(tmp_path)
    table = tmp_path / "table.csv"
    table.write_text(table.read_text().replace(",anger,", ",[neutral],").replace(",joy,", ",[/b],"))
    prepare.run(path, write_rows_to=tmp_path / "p[old].csv")
    said = capsys.readouterr().out
    counts = [line.split()[:2] for line in said.splitlines()]
    assert all([name, "18"] in counts for name in ("[/b]", "[neutral]", "fear"))
    assert f"Row list written to {tmp_path / 'p[old].csv'}" in said


def test_a_folder_in_place_of_a_row_list_is_refused(
    config: Path, download: Path, tmp_path: Path
) -> None:
    (tmp_path / "rows").mkdir()
    for words in ([], official(download)):  # a row list, and a clip list
        with pytest.raises(ValueError, match="rows is a folder: give the name of a file"):
            prepare.run(config, words, write_rows_to=tmp_path / "rows")
