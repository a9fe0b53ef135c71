"""The command ``affectrep predict``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from affectrep.commands.predict import read_texts, run
from affectrep.model import AffectModel

CLASSES = ["joy", "anger", "fear"]


def save(tiny: Path, folder: Path, **changes: Any) -> str:
    encoder = {"checkpoint": str(tiny), "max_tokens": 16}
    model = AffectModel(encoder=encoder, **{"classes": CLASSES, **changes})
    return str(model.save_pretrained(folder))


@pytest.fixture(scope="module")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(tiny, tmp_path_factory.mktemp("run") / "model")


def test_a_table_of_the_top_classes(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    run(str(Path(model).parent), ["so [bold]happy[/bold] for you", "what a day"], top=2)
    out, err = capsys.readouterr()
    assert "so [bold]happy[/bold] for you" in out
    assert "█" in out
    assert len(out.strip().splitlines()) == 5
    assert err == ""
    assert torch.get_num_threads() == threads


def test_json_lines(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(model, ["so happy", "what a day"], as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == ["so happy", "what a day"]
    assert list(rows[0]["probabilities"]) == CLASSES


def test_files_of_results(model: str, tmp_path: Path) -> None:
    texts = ['happy, "so"', "what a\nday"]
    run(model, texts, output=tmp_path / "new" / "found.csv")
    with (tmp_path / "new" / "found.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == texts
    assert list(rows[0]) == ["text", "label", "p_joy", "p_anger", "p_fear"]
    run(model, texts, output=tmp_path / "found.jsonl")
    assert len((tmp_path / "found.jsonl").read_text().splitlines()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.jsonl", "new"]


def test_several_labels_and_valence(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = save(tiny, tmp_path / "m", task="multilabel", meta={"threshold": 0.0})
    run(several, ["day"], top=3)
    found = capsys.readouterr()
    assert found.out.count("*") == 3
    assert "from probability 0 on" in found.err
    run(several, ["day"], output=tmp_path / "m.csv")
    assert "joy anger fear" in (tmp_path / "m.csv").read_text()
    run(save(tiny, tmp_path / "va", task="regression", classes=None), ["day"])
    assert "arousal" in capsys.readouterr().out


def test_a_generated_corpus_is_said(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(save(tiny, tmp_path / "m", meta={"generated": True}), ["day"], as_json=True)
    found = capsys.readouterr()
    assert "generated corpus" in found.err
    assert "generated corpus" not in found.out


def test_texts_from_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one day\n\n two\n", encoding="utf-8")
    assert read_texts(str(tmp_path / "a.txt")) == ["one day", " two"]
    (tmp_path / "a.csv").write_bytes('\ufefftext,id\n"one, day",1\nzwölf,2\n'.encode())
    assert read_texts(str(tmp_path / "a.csv")) == ["one, day", "zwölf"]
    (tmp_path / "a.tsv").write_text("id\ttext\n1\tday\n", encoding="utf-8")
    assert read_texts(str(tmp_path / "a.tsv")) == ["day"]
    assert read_texts("I read the file notes.txt") == ["I read the file notes.txt"]
    assert read_texts("so " * 2000) == ["so " * 2000]


def test_texts_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SimpleNamespace(buffer=io.BytesIO("für dich\n\nday\n".encode()))
    monkeypatch.setattr("sys.stdin", stream)
    assert read_texts("-") == ["für dich", "day"]


def test_mistakes_are_named(tmp_path: Path, model: str) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        read_texts("absent.csv")
    with pytest.raises(ValueError, match="a text is empty"):
        read_texts(" ")
    (tmp_path / "a.csv").write_text("id,sentence\n1,day\n")
    with pytest.raises(ValueError, match=r"no column text \(it has id, sentence\)"):
        read_texts(str(tmp_path / "a.csv"))
    (tmp_path / "a.csv").write_text("text\nday\n \n")
    with pytest.raises(ValueError, match=r"a\.csv, row 3, has an empty text"):
        read_texts(str(tmp_path / "a.csv"))
    (tmp_path / "a.txt").write_bytes(b"day\nzw\xf6lf\n")
    with pytest.raises(ValueError, match=r"a\.txt, line 2, is not UTF-8"):
        read_texts(str(tmp_path / "a.txt"))
    (tmp_path / "a.txt").write_text("\n")
    with pytest.raises(ValueError, match="there is no text to predict"):
        run(model, [str(tmp_path / "a.txt")])
    with pytest.raises(ValueError, match="there is no model"):
        run("nothing", ["day"])
