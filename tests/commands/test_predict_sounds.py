"""Clips in which there is nothing to hear are predicted, and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("soundfile")

from affectrep.commands.predict_sounds import predict_sounds
from tests.data.sound import noise, write


class Deaf:
    """A predictor that says the same of every clip but the broken ones."""

    def predict_clips(self, paths: list[str], *, broken: dict[str, str]) -> list[dict[str, Any]]:
        broken.update({path: f"{path}: no sound" for path in paths if "broken" in path})
        return [{"path": path} for path in paths if path not in broken]


def said(paths: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    rows, _ = predict_sounds(Deaf(), paths)  # type: ignore[arg-type]
    assert [row["path"] for row in rows] == [path for path in paths if "broken" not in path]
    found = capsys.readouterr()
    assert found.out == ""
    return found.err.splitlines()


def test_silent_and_short_clips_are_named_beside_their_predictions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.wav").write_text("no sound")
    good, one, silent, hum = (
        write(tmp_path / f"{name}.wav", samples)
        for name, samples in {
            "good": noise(0.3),
            "one": noise(1 / 16000),
            "silent": np.zeros(8000),
            "hum": 0.0001 * noise(0.5),
        }.items()
    )
    short, quiet = said([good, one, str(tmp_path / "broken.wav"), silent, hum], capsys)
    meaning = "so the prediction means nothing"
    assert short == f"Note: shorter than 0.1 s, {meaning} (1 of 4 clips): {one}"
    words = f"Note: silent (-70 dBFS or less), {meaning} (2 of 4 clips)"
    assert quiet == f"{words}: {silent}, {hum}"
    assert said([good], capsys) == []


def test_the_first_of_many_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [write(tmp_path / f"{number}.wav", np.zeros(8000)) for number in range(10)]
    (line,) = said(paths, capsys)
    assert line.endswith(f"{paths[7]}, …")
    assert line.count(".wav") == 8


def test_nothing_but_broken_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.wav").write_text("no sound")
    assert said([str(tmp_path / "broken.wav")], capsys) == []
