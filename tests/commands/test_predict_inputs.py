"""What ``affectrep predict`` takes, and what it says of inputs for another kind of model."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from affectrep.commands.predict_faces import find_faces
from affectrep.commands.predict_inputs import suit
from affectrep.commands.predict_sounds import find_sounds
from affectrep.commands.predict_texts import read_texts

FINDERS: dict[str, Callable[[str], list[str]]] = {
    "text": read_texts,
    "speech": find_sounds,
    "face": find_faces,
}
READS = {"text": "reads text", "speech": "hears speech", "face": "sees faces"}


@pytest.mark.parametrize(
    ("name", "holds", "suited"),
    [
        ("notes.csv", "holds text", "text"),
        ("notes.TXT", "holds text", "text"),
        ("clip.wav", "is a sound file", "speech"),
        ("face.JPG", "is a picture", "face"),
        ("face.mp4", "is a video", "face"),
    ],
)
def test_a_file_for_another_model_is_named(
    name: str, holds: str, suited: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text("text\nday\n")
    for modality, find in FINDERS.items():
        if modality == suited:
            assert find(str(path)) == (["day"] if name.endswith("csv") else find(str(path)))
            continue
        words = rf"{name} {holds}, and this model {READS[modality]}: use a model of "
        with pytest.raises(ValueError, match=words):
            find(str(path))


def test_every_message_names_the_mend() -> None:
    with pytest.raises(ValueError, match="use a model of faces for it, or give sound files$"):
        suit("a.png", "speech")
    with pytest.raises(ValueError, match="use a model of speech for it, or give texts$"):
        suit("a.wav", "text")
    with pytest.raises(ValueError, match="model of text for it, or give pictures, folders of them"):
        suit("a.csv", "face")
    suit("a.parquet", "text")


def test_a_text_may_speak_of_files() -> None:
    assert read_texts("I saw it in face.jpg") == ["I saw it in face.jpg"]
    with pytest.raises(ValueError, match="absent.jpg is a picture, and this model reads text"):
        read_texts("absent.jpg")


def test_pictures_and_videos_from_folders_and_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("b/2.PNG", "b/1.webp", "a.jpg", ".hidden.jpg", "b/.git/1.png", "b/film.mp4", "c.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [str(tmp_path / name) for name in ("a.jpg", "b/1.webp", "b/2.PNG")]
    assert find_faces(str(tmp_path)) == found
    assert find_faces(str(tmp_path / "b/film.mp4")) == [str(tmp_path / "b/film.mp4")]
    stream = SimpleNamespace(buffer=io.BytesIO(f"{found[0]}\n\n{tmp_path / 'b'}\n".encode()))
    monkeypatch.setattr("sys.stdin", stream)
    assert find_faces("-") == found


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    names = ("real/1.png", "here/2.png")
    for name in names:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "here/linked").symlink_to(tmp_path / "real")
    (tmp_path / "here/back").symlink_to(tmp_path / "here")
    (tmp_path / "real/clip.wav").touch()
    here = tmp_path / "here"
    assert find_faces(str(here)) == [str(here / "2.png"), str(here / "linked/1.png")]
    assert find_sounds(str(here)) == [str(here / "linked/clip.wav")]


def test_videos_beside_pictures_are_left_out_aloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "film.mp4"):
        (tmp_path / name).touch()
    assert find_faces(str(tmp_path)) == [str(tmp_path / "a.png")]
    words = f"1 video is left out of the folder {tmp_path}: name videos one by one\n"
    assert capsys.readouterr().err == words
    (tmp_path / "b.MOV").touch()
    find_faces(str(tmp_path))
    assert capsys.readouterr().err.startswith("2 videos are left out of the folder")
    assert find_faces(str(tmp_path / "a.png"))
    assert capsys.readouterr().err == ""


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no picture \(\.jpg, .*\)$"):
        find_faces(str(tmp_path))
    (tmp_path / "film.mov").touch()
    with pytest.raises(ValueError, match="but 1 videos: name them one by one"):
        find_faces(str(tmp_path))
    with pytest.raises(ValueError, match=r"absent\.webm does not exist"):
        find_faces("absent.webm")
    with pytest.raises(ValueError, match="'what a day' is no file or folder, and this model sees"):
        find_faces("what a day")
    with pytest.raises(ValueError, match="absent.wav is a sound file, and this model sees faces"):
        find_faces("absent.wav")
    with pytest.raises(ValueError, match="absent.png is a picture, and this model hears speech"):
        find_sounds("absent.png")
