"""``affectrep prepare`` and ``train`` on a speech set: what they say and what they write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.commands import prepare, train
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


def test_only_speech_has_a_speech_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no speech corpus: --write-set"):
        prepare.run(tiny_config(tmp_path), write_set_to=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["prepare", "train"])
def test_all_problems_of_the_clips_are_listed_before_anything_is_done(
    command: str, config: Path, tmp_path: Path
) -> None:
    write(tmp_path / "set" / "train0_anger0.wav", np.zeros(14400, np.float32))
    write(tmp_path / "set" / "test3_sadness0.wav", np.full(1000, 0.1, np.float32))
    table = tmp_path / "set" / "toy.csv"
    text = table.read_text().replace(
        "test3_neutral0.wav,neutral,s3", "test3_neutral0.wav,neutral,s0"
    )
    table.write_text(text)
    with pytest.raises(ValueError, match="the data has 3 problems:") as caught:
        if command == "prepare":
            prepare.run(config, write_set_to=tmp_path / "new")
        else:
            train.run(config, [], output=tmp_path / "runs")
    message = str(caught.value)
    assert "toy/train0_anger0" in next(line for line in message.splitlines() if "silent" in line)
    assert "toy/test3_sadness0" in next(line for line in message.splitlines() if "shorter" in line)
    assert "1 rows of test share their speaker with train" in message
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "runs").exists()
