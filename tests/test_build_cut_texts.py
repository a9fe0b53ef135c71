"""Texts that lose their end are counted before anything is trained."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from affectrep.build import build_manifest, cut_texts
from affectrep.commands.preflight import training_problems
from affectrep.config import load_config
from tests.tiny import tiny_config

LONG = "so very glad about this work today my friend i feel so very happy really"  # 15 words


def lengthened(folder: Path, numbers: tuple[int, ...]) -> Path:
    """Return a configuration whose table has long texts in the rows of these numbers."""
    config, table = tiny_config(folder), folder / "table.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    for number in numbers:
        _, rest = lines[number].split(",", 1)
        lines[number] = f"{LONG} {number},{rest}"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


def said(path: Path, *overrides: str) -> list[str]:
    config = load_config(path, list(overrides))
    problems = cut_texts(config, build_manifest(config))
    assert {problem.severity for problem in problems} <= {"note"}
    return [problem.message.partition(":")[0] for problem in problems]


def test_training_texts_that_are_cut_are_counted(tmp_path: Path) -> None:
    path = lengthened(tmp_path, (1, 2, 10))  # rows of training, training and validation
    assert said(path) == ["2 of 54 training texts are longer than 16 tokens and lose their end"]
    assert said(path, "encoder.max_tokens=20") == []
    assert said(path, "encoder.max_tokens=18") == []  # 16 words and two special tokens
    config = load_config(path, [])
    notes = [one.kind for one in training_problems(config, build_manifest(config))]
    assert notes[-1] == "cut_texts"
    quiet = training_problems(config, build_manifest(config), read_sound=False)
    assert "cut_texts" not in {one.kind for one in quiet}


def test_of_many_texts_some_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("affectrep.build.cut_texts"), "_COUNTED", 20)
    path = lengthened(tmp_path, (1, 2))  # 54 texts: every third is looked at
    assert said(path) == [
        "1 of 18 training texts looked at is longer than 16 tokens and loses its end"
    ]


def test_an_encoder_that_is_not_there_is_left_to_training(tmp_path: Path) -> None:
    path = lengthened(tmp_path, (1,))
    assert said(path, "encoder.checkpoint=nobody/nothing") == []
    assert said(path, f"encoder.checkpoint={tmp_path / 'gone'}") == []
