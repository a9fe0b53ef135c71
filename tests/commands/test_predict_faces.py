"""``affectrep predict`` on pictures and videos of faces."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

from affectrep.commands.predict import FaceOptions, run
from affectrep.inference.predictor import Predictor
from affectrep.model import AffectModel
from tests.inference.seen import (
    bright_classes,
    bright_model,
    detector,
    picture,
    write_picture,
    write_video,
)

__all__ = ["detector"]

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    use(bright_model(detector="cascade"), monkeypatch)


def use(model: AffectModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command predict with a model that is in memory."""
    found = Predictor(model, device="cpu")
    monkeypatch.setattr(Predictor, "load", classmethod(lambda cls, name: found))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path: Path, detector: None) -> Path:
    write_picture(tmp_path / "in/one.png", picture((8, 8, 20, 150)))
    write_picture(tmp_path / "in/two.png", picture((5, 10, 10, 100), (40, 20, 30, 200)))
    return tmp_path / "in"


def test_a_table_of_the_largest_faces(folder: Path, capsys: Captured) -> None:
    run("m", [str(folder / "one.png"), str(folder / "two.png")])
    out, err = capsys.readouterr()
    head = out.splitlines()[0].split()
    assert head == ["path", "face", "box", "valence", "arousal", "quadrant"]
    assert "40 20 30" in out
    assert "+0.59" in out
    assert out.count("excited/happy") == 2
    assert "1 of 2 pictures hold several faces: the largest was taken, --all-faces takes" in err
    run("m", [str(folder / "two.png")])
    assert "two.png holds 2 faces: the largest was taken" in capsys.readouterr().err


def test_a_file_of_all_faces(folder: Path, capsys: Captured) -> None:
    output = folder.parent / "new/found.csv"
    run("m", [str(folder)], output=output, faces=FaceOptions(all_faces=True))
    rows = table(output)
    assert list(rows[0]) == [
        *("path", "face", "valence", "arousal", "quadrant"),
        *("box_left", "box_top", "box_side", "faces"),
    ]
    assert [(Path(row["path"]).name, row["face"], row["faces"]) for row in rows] == [
        ("one.png", "1", "1"),
        ("two.png", "1", "2"),
        ("two.png", "2", "2"),
    ]
    assert [float(rows[1][f"box_{name}"]) for name in ("left", "top", "side")] == [40, 20, 30]
    err = capsys.readouterr().err
    assert "found.csv: 3 faces" in err
    assert "--all-faces" not in err


def test_json_lines(folder: Path, capsys: Captured) -> None:
    run("m", [str(folder)], as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[1]["box"] == [40, 20, 30]
    run("m", [str(folder)], as_json=True, faces=FaceOptions("none"))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["box"] for row in rows] == [None, None]


def test_pictures_without_a_face_do_not_hide_the_others(folder: Path, capsys: Captured) -> None:
    write_picture(folder / "dark.png", picture())
    (folder / "text.jpg").write_text("no picture")
    with pytest.raises(ValueError, match="2 of 4 pictures cannot be used:") as caught:
        run("m", [str(folder)], output=folder.parent / "found.csv")
    assert "dark.png: no face found" in str(caught.value)
    assert "text.jpg: cannot be read as an image" in str(caught.value)
    assert len(table(folder.parent / "found.csv")) == 2
    with pytest.raises(ValueError, match="1 of 1 pictures"):
        run("m", [str(folder / "dark.png")], output=folder.parent / "none.csv")
    assert not (folder.parent / "none.csv").exists()


def test_classes_of_faces(folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    use(bright_classes(), monkeypatch)
    run("m", [str(folder / "one.png")], top=1, faces=FaceOptions("none"))
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["path", "emotion", "p"]
    assert "light" in out
    run("m", [str(folder / "one.png")], output=folder.parent / "found.csv")
    assert list(table(folder.parent / "found.csv")[0])[2:5] == ["label", "p_light", "p_moves"]


@pytest.fixture
def crops(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A crop, two pictures that show more than a face, and one that shows none."""
    use(bright_model(), monkeypatch)
    write_picture(folder / "crop.png", picture((10, 10, 40, 180), size=(60, 60)))
    write_picture(folder / "dark.png", picture())
    return folder


def test_a_model_of_crops_looks_for_the_face_in_other_pictures(
    crops: Path, capsys: Captured
) -> None:
    run("m", [str(crops)], as_json=True)
    out, err = capsys.readouterr()
    rows = {Path(row["path"]).stem: row for row in map(json.loads, out.splitlines())}
    assert {name: (row["box"], row["faces"]) for name, row in rows.items()} == {
        "crop": (None, 1),
        "dark": (None, 0),
        "one": ([8, 8, 20], 1),
        "two": ([40, 20, 30], 2),
    }
    assert rows["two"]["valence"] > 0.7
    assert rows["dark"]["valence"] == pytest.approx(20 / 255, abs=1e-5)
    assert (
        "this model was trained on ready crops: the face was looked for in 3 of 4 pictures; in 1 "
        "of them none was found, and the middle was taken (--detector none takes pictures as they "
        "are)\n"
    ) in err
    assert err.count("trained on ready crops") == 1
    run("m", [str(crops / "one.png")])
    assert "8 8 20" in capsys.readouterr().out
    run("m", [str(crops / "crop.png")])
    assert "ready crops" not in capsys.readouterr().err


@pytest.mark.parametrize("named", ["none", "cascade"])
def test_a_detector_that_is_named_is_taken_at_its_word(
    crops: Path, capsys: Captured, named: str
) -> None:
    inputs = [str(crops / "two.png"), str(crops / "crop.png")]
    run("m", inputs, as_json=True, faces=FaceOptions(named))
    out, err = capsys.readouterr()
    boxes = [json.loads(line)["box"] for line in out.splitlines()]
    assert boxes == ([None, None] if named == "none" else [[40, 20, 30], [10, 10, 40]])
    assert "ready crops" not in err


def test_all_faces_of_a_picture_that_is_no_crop(crops: Path, capsys: Captured) -> None:
    run("m", [str(crops / "two.png")], as_json=True, faces=FaceOptions(all_faces=True))
    out, err = capsys.readouterr()
    assert [json.loads(line)["face"] for line in out.splitlines()] == [1, 2]
    assert "looked for in 1 of 1 pictures (--detector none" in err


@pytest.mark.parametrize("name", ["in/one.png", "found.jpg", "found.svg", "found"])
def test_a_file_of_predictions_has_its_ending(folder: Path, name: str) -> None:
    output = folder.parent / name
    before = output.read_bytes() if output.exists() else b""
    with pytest.raises(ValueError, match=r"expected a name in \.csv, \.json or \.jsonl$"):
        run("m", [str(folder)], output=output)
    assert (output.read_bytes() if output.exists() else b"") == before
    run("m", [str(folder)], output=folder.parent / "found.JSON")
    assert json.loads((folder.parent / "found.JSON").read_text().splitlines()[0])["face"] == 1


def test_no_input_is_written_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture_bytes = (folder / "one.png").read_bytes()
    monkeypatch.chdir(folder)
    for output in ("one.png", folder / "one.png", folder.parent / "in/../in/one.png"):
        with pytest.raises(ValueError, match=r"one\.png is one of the inputs: name another file$"):
            run("m", ["two.png", "one.png"], output=Path(output))
    assert (folder / "one.png").read_bytes() == picture_bytes
    with pytest.raises(ValueError, match=r"in is a folder: name a file in it, such as predictions"):
        run("m", ["two.png"], output=folder)
    assert sorted(path.name for path in folder.iterdir()) == ["one.png", "two.png"]


def test_options_of_faces_are_refused_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    model = bright_model()
    model.encoder.preprocess = object()  # of text
    use(model, monkeypatch)
    for options in (FaceOptions("none"), FaceOptions(all_faces=True), FaceOptions(fps=3)):
        with pytest.raises(ValueError, match="--detector, --all-faces and --fps are for models of"):
            run("m", ["day"], faces=options)


@pytest.fixture
def film(tmp_path: Path, detector: None) -> str:
    pytest.importorskip("cv2")
    levels = [100, 110, 120, 130, 140, 0, 200, 0, 220, 230, 240, 250]
    frames = [picture((4, 20, 24, level)) if level else picture() for level in levels]
    return write_video(tmp_path / "film.avi", frames, rate_hz=5)


def test_a_table_of_seconds(film: str, capsys: Captured) -> None:
    run("m", [film])
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.strip().splitlines()]
    assert lines[0] == ["time_s", "valence", "arousal", "quadrant"]
    assert [line[0] for line in lines[1:]] == ["0", "1", "2"]
    values = [float(line[1]) for line in lines[1:]]
    assert values == pytest.approx([120 / 255, 216.7 / 255, 245 / 255], abs=0.02)
    assert "2 of 12 frames hold no face" in err


def test_the_frames_of_a_video_and_a_plot(film: str, tmp_path: Path, capsys: Captured) -> None:
    run("m", [film], output=tmp_path / "new/found.csv")
    rows = table(tmp_path / "new/found.csv")
    assert [row["frame"] for row in rows] == [str(i) for i in range(12)]
    assert (rows[5]["valence"], rows[5]["quadrant"], rows[5]["box_left"]) == ("", "", "")
    assert rows[6]["time_s"] == "1.2"
    assert (tmp_path / "new/found.png").read_bytes().startswith(b"\x89PNG")
    err = capsys.readouterr().err
    assert "found.csv: 12 frames" in err
    assert "found.png: the track of" in err
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["found.csv", "found.png"]


def test_a_plot_may_be_asked_for_as_an_svg(film: str, tmp_path: Path) -> None:
    run("m", [film], output=tmp_path / "found.svg")
    assert b"<svg" in (tmp_path / "found.svg").read_bytes()
    assert len(table(tmp_path / "found.csv")) == 12


@pytest.mark.parametrize("name", ["film.mp4", "found.txt"])
def test_a_video_gives_a_table_or_a_plot(film: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"in \.csv, \.json, \.jsonl, \.png or \.svg$"):
        run("m", [film], output=tmp_path / name)
    run("m", [film], output=tmp_path / "found.SVG")
    assert b"<svg" in (tmp_path / "found.svg").read_bytes()


def test_a_video_that_breaks_off_is_said(film: str, tmp_path: Path, capsys: Captured) -> None:
    run("m", [film])
    assert "breaks off" not in capsys.readouterr().err
    pieces = Path(film).read_bytes().split(b"00dc")  # the header, then the frames
    (tmp_path / "cut.avi").write_bytes(b"00dc".join(pieces[:6]))
    run("m", [str(tmp_path / "cut.avi")])
    assert "cut.avi states 12 frames (2.4 s), but breaks off" in capsys.readouterr().err


def test_a_model_of_clips_without_a_rate_names_the_option(
    film: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = {"frames": 2, "detector": "cascade"}
    use(bright_model(**clips), monkeypatch)
    run("m", [film])
    err = capsys.readouterr().err
    assert "this model reads clips of 2 frames, and was not told how many a second" in err
    assert "5 a second are read, --fps sets another rate" in err
    run("m", [film], faces=FaceOptions(fps=5))
    use(bright_model(meta={"fps": 5.0}, **clips), monkeypatch)
    run("m", [film])
    use(bright_model(detector="cascade"), monkeypatch)
    run("m", [film])
    assert "--fps" not in capsys.readouterr().err


def test_several_videos_and_broken_ones(film: str, tmp_path: Path, capsys: Captured) -> None:
    dark = write_video(tmp_path / "dark.avi", [picture()] * 3)
    (tmp_path / "text.mp4").write_text("no video")
    second = write_video(tmp_path / "second.avi", [picture((4, 20, 24, 90))])
    inputs = [film, dark, str(tmp_path / "text.mp4"), second]
    with pytest.raises(ValueError, match="2 of 4 videos cannot be used:") as caught:
        run("m", inputs, output=tmp_path / "out/found.jsonl", faces=FaceOptions(fps=1))
    assert "dark.avi: no face found in 1 frames" in str(caught.value)
    assert "text.mp4: cannot be read as a video" in str(caught.value)
    lines = (tmp_path / "out/found.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [Path(row["path"]).name for row in rows] == ["film.avi"] * 3 + ["second.avi"]
    assert rows[1]["box"] is None  # at 1 s there is no face
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["found-1.png", "found-2.png", "found.jsonl"]
    with pytest.raises(ValueError, match="2 of 3 videos"):
        run("m", inputs[1:])
    assert "path" not in capsys.readouterr().out.splitlines()[0]


def test_a_model_of_crops_looks_for_the_face_in_frames(
    film: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(bright_model(), monkeypatch)
    run("m", [film], output=tmp_path / "found.csv")
    err = capsys.readouterr().err
    assert "trained on ready crops: the face was looked for in 12 of 12 frames (--detector" in err
    assert "2 of 12 frames hold no face: they have no prediction" in err
    rows = table(tmp_path / "found.csv")
    assert [row["faces"] for row in rows] == ["1"] * 5 + ["0", "1", "0"] + ["1"] * 4
    run("m", [film], output=tmp_path / "found.csv", faces=FaceOptions("none"))
    assert "ready crops" not in capsys.readouterr().err
    assert {row["box_side"] for row in table(tmp_path / "found.csv")} == {""}
    square = [picture((4, 20, 24, 200), size=(64, 64))] * 3
    run("m", [write_video(tmp_path / "square.avi", square)])
    assert "ready crops" not in capsys.readouterr().err
    dark = write_video(tmp_path / "dark.avi", [picture()] * 3)
    with pytest.raises(ValueError, match=r"in 2 frames \(--detector none takes frames as they are"):
        run("m", [dark])


def test_seconds_of_classes(film: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    use(bright_classes(), monkeypatch)
    run("m", [film], top=1, faces=FaceOptions("cascade"))
    lines = [line.split() for line in capsys.readouterr().out.strip().splitlines()]
    assert lines[0] == ["time_s", "emotion", "p"]
    assert [line[1] for line in lines[1:]] == ["light"] * 3


def test_what_does_not_go_together(film: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"film\.avi is a video, .*one\.png is not: predict them"):
        run("m", [film, str(folder / "one.png")])
    with pytest.raises(ValueError, match="--all-faces is for pictures"):
        run("m", [film], faces=FaceOptions(all_faces=True))


def test_the_command_line_hands_the_options_over(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from affectrep.cli import app
    from affectrep.commands import predict

    seen: list[Any] = []
    monkeypatch.setattr(predict, "run", lambda *words, **options: seen.append((words, options)))
    words = ["predict", "m", "a.png", "--all-faces", "--detector", "none", "--fps", "2.5"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen[0][0] == ("m", ["a.png"])
    assert seen[0][1]["faces"] == FaceOptions("none", True, 2.5)


def test_options_that_would_say_nothing_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rate in (-1, 5):
        with pytest.raises(ValueError, match="--fps is for videos, and these are pictures"):
            run("m", [str(folder / "one.png")], faces=FaceOptions(fps=rate))
    with pytest.raises(ValueError, match="--top is for models of classes"):
        run("m", [str(folder / "one.png")], top=5)
    use(bright_classes(), monkeypatch)
    run("m", [str(folder / "one.png")], top=5, faces=FaceOptions("none"))
