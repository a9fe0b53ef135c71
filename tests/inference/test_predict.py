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

from affectrep.commands.predict import run
from affectrep.commands.predict_inputs import SOUNDS
from affectrep.commands.predict_sounds import find_sounds
from affectrep.commands.predict_texts import read_texts
from affectrep.model import AffectModel
from tests.data.sound import noise, write

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


def test_a_table_of_texts_is_not_written_over(model: str, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("text\nday\n")
    with pytest.raises(ValueError, match=r"notes\.csv is one of the inputs: name another file"):
        run(model, [str(tmp_path / "notes.csv")], output=tmp_path / "notes.csv")
    with pytest.raises(ValueError, match=r"notes\.tsv: expected a name in \.csv, \.json or"):
        run(model, ["day"], output=tmp_path / "notes.tsv")
    run(model, ["day", "x" * 300], output=tmp_path / "notes.csv")  # no input of that name
    assert len((tmp_path / "notes.csv").read_text().splitlines()) == 3


def test_several_labels_and_valence(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = save(tiny, tmp_path / "m", task="multilabel", meta={"threshold": 0.0})
    run(several, ["day"], top=3)
    found = capsys.readouterr()
    assert found.out.count("*") == 3
    assert "from probability 0 on" in found.err
    run(several, ["day"], output=tmp_path / "m.csv")
    assert "joy|anger|fear" in (tmp_path / "m.csv").read_text()
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,text\n1,hello, my friend\n2,day\n", "1 rows have another number: row 2. Put quotes"),
        ("id,text\n\n1,day\n2\n", "1 rows have another number: row 4"),
        ('id,text\n1,"never closed\n2,day\n', "line 3 is not readable"),
        ("id,text\n1," + "x" * 140_000 + "\n", "line 2 is not readable: field larger"),
        ("text\n\nday\n \n", "row 4, has an empty text"),
    ],
)
def test_a_table_of_texts_is_read_whole_or_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_texts(str(tmp_path / "a.csv"))
    assert "a.csv" in str(caught.value)


def test_lines_end_where_files_end_them(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("one\u2028still\x0bone\x85\r\ntwo\rthree\n".encode())
    assert read_texts(str(path)) == ["one\u2028still\x0bone\x85", "two", "three"]


def test_texts_that_lose_their_end_are_counted_aloud(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(model, ["so " * 40, "what a day"], as_json=True)
    found = capsys.readouterr()
    words = "note: 1 of 2 texts is longer than the 16 tokens that the model reads"
    assert words in found.err
    assert "note" not in found.out


def test_texts_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SimpleNamespace(buffer=io.BytesIO("für dich\n\nday\n".encode()))
    monkeypatch.setattr("sys.stdin", stream)
    assert read_texts("-") == ["für dich", "day"]


def test_a_file_or_a_folder_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text("name: tiny\n")
    (tmp_path / "notes").mkdir()
    with pytest.raises(ValueError, match=r"tiny\.yaml is a file without .* \.txt, \.csv or \.tsv"):
        read_texts("tiny.yaml")
    for given in ("notes", ".", str(tmp_path)):
        with pytest.raises(ValueError, match="is a folder without texts to read"):
            read_texts(given)
    stream = SimpleNamespace(buffer=io.BytesIO(b"notes\n"))
    monkeypatch.setattr("sys.stdin", stream)
    assert read_texts("-") == ["notes"]
    assert read_texts("my notes") == ["my notes"]
    assert read_texts("happy") == ["happy"]


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


def test_a_model_of_text_says_that_a_sound_file_is_none(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"clip\.wav is a sound file, and this model reads text"):
        run(model, ["what a day", "clip.wav"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my clip.mp3").write_bytes(b"")
    with pytest.raises(ValueError, match=r"my clip\.mp3 is a sound file"):
        run(model, ["my clip.mp3"])
    assert read_texts("I heard it in clip.wav") == ["I heard it in clip.wav"]


def test_the_endings_of_sound_files_are_those_of_the_corpora() -> None:
    from affectrep.data.corpora.speech_files import SUFFIXES

    assert SOUNDS == SUFFIXES


def test_sound_files_from_folders_and_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b/2.WAV", "b/1.flac", "a.mp3", ".hidden.wav", "b/notes.txt", "__MACOSX/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(tmp_path / name) for name in ("a.mp3", "b/1.flac", "b/2.WAV")]
    assert find_sounds(str(tmp_path)) == found
    assert find_sounds(found[2]) == found[2:]
    stream = SimpleNamespace(buffer=io.BytesIO(f"{found[0]}\n\n{tmp_path / 'b'}\n".encode()))
    monkeypatch.setattr("sys.stdin", stream)
    assert find_sounds("-") == found


def test_what_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("day")
    with pytest.raises(ValueError, match=r"a\.txt holds text, and this model hears speech"):
        find_sounds(str(tmp_path / "a.txt"))
    with pytest.raises(ValueError, match=r"holds no sound file \(\.wav, \.flac"):
        find_sounds(str(tmp_path))
    with pytest.raises(ValueError, match=r"absent\.wav does not exist"):
        find_sounds("absent.wav")
    with pytest.raises(ValueError, match="'what a day' is no file or folder, and this model hears"):
        find_sounds("what a day")
    with pytest.raises(ValueError, match=r"^'so so .*\.\.\.' is no file"):
        find_sounds("so " * 2000)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("soundfile")
    pytest.importorskip("torchaudio")
    torch.manual_seed(0)
    encoder = {"name": "crnn", "channels": [4, 4, 4, 4], "recurrent": 4}
    model = AffectModel(encoder=encoder, classes=CLASSES, meta={"max_seconds": 0.4})
    return str(model.save_pretrained(tmp_path_factory.mktemp("voice") / "model"))


def test_a_folder_of_clips(voice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    write(clips / "long.wav", noise(1.0))
    write(clips / "short.wav", noise(0.3))
    run(voice, [str(clips), str(clips / "long.wav")], top=1)
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split()[0] == "path"
    assert len(shown.strip().splitlines()) >= 3
    run(voice, [str(clips)], output=tmp_path / "found.csv")
    assert "found.csv: 2 clips" in capsys.readouterr().err
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == [str(clips / "long.wav"), str(clips / "short.wav")]
    assert [row["segments"] for row in rows] == ["3", "1"]
    assert list(rows[0])[-4:] == ["label", "p_joy", "p_anger", "p_fear"]


def test_clips_that_cannot_be_read_do_not_hide_the_others(
    voice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "good.wav", noise(0.3))
    (tmp_path / "bad.wav").write_text("no sound")
    with pytest.raises(ValueError, match=r"1 of 2 sound files cannot be read:\n- .*bad\.wav"):
        run(voice, [str(tmp_path)], as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(row["path"]).name for row in rows] == ["good.wav"]
    with pytest.raises(ValueError, match="1 of 1 sound files"):
        run(voice, [str(tmp_path / "bad.wav")], output=tmp_path / "found.csv")
    assert not (tmp_path / "found.csv").exists()
    with pytest.raises(ValueError, match="'what a day' is no file or folder"):
        run(voice, ["what a day"])
