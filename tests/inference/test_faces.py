"""Pictures of faces to predictions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("PIL")

from affectrep.data.images import square_crop
from affectrep.evaluation.quadrants import quadrant
from affectrep.inference.faces import FaceFinder
from affectrep.inference.predictor import Predictor
from affectrep.model import AffectModel
from tests.inference.seen import (
    CLASSES,
    Brightness,
    bright_classes,
    bright_model,
    detector,
    drawn,
    picture,
    resnet,
    write_picture,
)

__all__ = ["detector", "resnet"]

Build = Callable[..., AffectModel]


def predictor(model: AffectModel) -> Predictor:
    return Predictor(model, device="cpu")


def test_a_prediction_is_what_the_model_says_of_the_crop(resnet: Build, tmp_path: Path) -> None:
    pixels = drawn(size=(40, 60))
    model = resnet()
    row = predictor(model).predict_faces([write_picture(tmp_path / "a.png", pixels)])[0]
    crop = torch.from_numpy(square_crop(pixels, None, margin=0, side_px=32)).permute(2, 0, 1)
    expected = model(model.encoder.preprocess([crop])).predictions[0].tolist()
    assert [row["valence"], row["arousal"]] == pytest.approx(expected, abs=1e-5)
    assert row["quadrant"] == quadrant(*expected)
    known = {"path": str(tmp_path / "a.png"), "face": 1, "box": None, "faces": 1}
    assert {key: row[key] for key in known} == known
    assert list(row) == ["path", "face", "valence", "arousal", "quadrant", "box", "faces"]


@pytest.mark.parametrize("size", [1, 2, 64])
def test_order_and_batches_do_not_matter(resnet: Build, tmp_path: Path, size: int) -> None:
    paths = [write_picture(tmp_path / f"{i}.png", drawn(i)) for i in range(5)]
    model = predictor(resnet())
    together = model.predict_faces(iter(paths), batch_size=size)
    assert [row["path"] for row in together] == paths
    for row, path in zip(together, paths, strict=True):
        alone = model.predict_faces([path])[0]
        assert row["valence"] == pytest.approx(alone["valence"], abs=1e-5)
    assert len({row["valence"] for row in together}) == 5
    assert model.predict_faces([]) == []


def test_a_saved_model_predicts_the_same(resnet: Build, tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", drawn())
    model = resnet()
    model.save_pretrained(tmp_path / "model")
    loaded = Predictor.load(tmp_path / "model", device="cpu")
    assert loaded.modality == "face"
    expected = predictor(model).predict_faces([path])[0]
    assert loaded.predict_faces([path])[0] == pytest.approx(expected, abs=1e-6)


def test_classes_have_probabilities(tmp_path: Path, resnet: Build) -> None:
    path = write_picture(tmp_path / "a.png", drawn())
    row = predictor(resnet(task="classification", classes=CLASSES)).predict_faces([path])[0]
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert list(row["probabilities"]) == CLASSES
    assert row["probabilities"][row["label"]] == max(row["probabilities"].values())
    assert "quadrant" not in row
    light = predictor(bright_classes()).predict_faces([path])[0]
    assert light["label"] == "light"


@pytest.mark.usefixtures("detector")
def test_the_largest_face_or_all_of_them(tmp_path: Path) -> None:
    two = write_picture(tmp_path / "two.png", picture((5, 10, 10, 100), (40, 20, 30, 200)))
    one = write_picture(tmp_path / "one.png", picture((8, 8, 20, 150)))
    model = predictor(bright_model(detector="cascade"))
    rows = model.predict_faces([two, one])
    assert [row["box"] for row in rows] == [(40, 20, 30), (8, 8, 20)]
    assert [row["faces"] for row in rows] == [2, 1]
    assert [row["valence"] for row in rows] == pytest.approx([200 / 255, 150 / 255], abs=1e-5)
    rows = model.predict_faces([two, one], all_faces=True, batch_size=2)
    assert [(Path(row["path"]).stem, row["face"]) for row in rows] == [
        ("two", 1),
        ("two", 2),
        ("one", 1),
    ]
    assert rows[1]["box"] == (5, 10, 10)
    assert rows[1]["valence"] == pytest.approx(100 / 255, abs=1e-5)


@pytest.mark.usefixtures("detector")
def test_the_margin_of_the_model_is_cut_out_too(tmp_path: Path) -> None:
    pixels = picture((30, 20, 20, 200))
    path = write_picture(tmp_path / "a.png", pixels)
    close = predictor(bright_model(detector="cascade")).predict_faces([path])[0]
    wide = predictor(bright_model(detector="cascade", margin=1)).predict_faces([path])[0]
    crop = square_crop(pixels, (30, 20, 20), margin=1, side_px=8)[2:-2, 2:-2]
    assert wide["valence"] == pytest.approx(crop.mean() / 255, abs=1e-5)
    assert wide["valence"] < 0.9 * close["valence"]
    assert wide["box"] == close["box"]


@pytest.mark.usefixtures("detector")
def test_a_detector_is_chosen_instead_of_the_models(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", picture((30, 20, 20, 200)))
    ready, searching = bright_model(), bright_model(detector="cascade")
    assert predictor(ready).predict_faces([path])[0]["box"] is None
    assert predictor(ready).predict_faces([path], detector="cascade")[0]["box"] == (30, 20, 20)
    assert predictor(searching).predict_faces([path], detector="none")[0]["box"] is None
    with pytest.raises(ValueError, match="there is no detector 'eyes'"):
        predictor(ready).predict_faces([path], detector="eyes", broken={})
    with pytest.raises(ValueError, match=r"'mine'\. The model was trained on faces found by mine"):
        predictor(bright_model(detector="mine")).predict_faces([path], broken={})


@pytest.mark.usefixtures("detector")
def test_auto_looks_at_what_is_clearly_no_ready_crop(tmp_path: Path) -> None:
    side = bright_model().encoder.preprocess.resize_px
    sizes = {(60, 60): None, (50, 60): None, (49, 60): 20.0, (60, 80): 20.0}
    sizes |= {(8 * side, 8 * side): None, (8 * side + 1, 8 * side + 1): 20.0}
    model = predictor(bright_model())
    for size, wanted in sizes.items():
        path = write_picture(tmp_path / "a.png", picture((10, 10, 20, 200), size=size))
        row = model.predict_faces([path], detector="auto")[0]
        assert (row["box"] and row["box"][2], row["faces"]) == (wanted, 1), size
        assert model.predict_faces([path])[0]["box"] is None


@pytest.mark.usefixtures("detector")
def test_without_a_face_auto_takes_the_middle(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", picture())
    model = predictor(bright_model())
    row = model.predict_faces([path], detector="auto")[0]
    assert (row["box"], row["faces"]) == (None, 0)
    assert row["valence"] == model.predict_faces([path])[0]["valence"]


@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize(("margin", "wanted"), [(0, 0.1), (0.15, 0.15)])
def test_a_model_of_crops_sees_the_edge_of_a_face_too(margin: float, wanted: float) -> None:
    preprocess = bright_model(margin=margin).encoder.preprocess
    pixels = drawn(size=(60, 80))
    found = FaceFinder(preprocess, detector="cascade").crop(pixels, (30.0, 20.0, 20.0))
    crop = square_crop(pixels, (30.0, 20.0, 20.0), margin=wanted, side_px=preprocess.resize_px)
    np.testing.assert_array_equal(found.permute(1, 2, 0), crop)


def test_ready_crops_need_no_opencv_and_others_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop = write_picture(tmp_path / "crop.png", drawn())
    wide = write_picture(tmp_path / "wide.png", drawn(size=(40, 80)))
    monkeypatch.setitem(sys.modules, "cv2", None)
    model = predictor(bright_model())
    assert len(model.predict_faces([crop], detector="auto")) == 1
    with pytest.raises(ImportError, match="needs the package cv2: pip install"):
        model.predict_faces([wide], detector="auto")


@pytest.mark.usefixtures("detector")
def test_pictures_that_cannot_be_used_are_all_named(tmp_path: Path) -> None:
    good = write_picture(tmp_path / "good.png", picture((30, 20, 20, 200)))
    empty = write_picture(tmp_path / "empty.png", picture())
    (tmp_path / "text.jpg").write_text("no picture")
    paths = [good, empty, str(tmp_path / "absent.png"), str(tmp_path / "text.jpg")]
    model = predictor(bright_model(detector="cascade"))
    with pytest.raises(ValueError, match="3 pictures cannot be used") as caught:
        model.predict_faces(paths)
    for words in ("empty.png: no face found", "absent.png: does not exist", "text.jpg: cannot be"):
        assert words in str(caught.value)
    broken: dict[str, str] = {}
    assert model.predict_faces(paths, broken=broken) == model.predict_faces([good])
    assert list(broken) == paths[1:]


def test_upright_grey_and_alpha(tmp_path: Path) -> None:
    from PIL import Image

    pixels = picture((10, 10, 40, 200), size=(60, 60))
    turned = Image.fromarray(np.rot90(pixels))
    exif = turned.getexif()
    exif[0x0112] = 6  # a quarter turn to the right makes it upright
    turned.save(tmp_path / "turned.png", exif=exif)
    write_picture(tmp_path / "grey.png", pixels[:, :, 0])
    alpha = np.full((60, 60, 1), 255, np.uint8)
    write_picture(tmp_path / "alpha.png", np.concatenate([pixels, alpha], axis=2))
    upright = write_picture(tmp_path / "upright.png", pixels)
    model = predictor(bright_model())
    expected = model.predict_faces([upright])[0]["valence"]
    for name in ("turned", "grey", "alpha"):
        row = model.predict_faces([tmp_path / f"{name}.png"])[0]
        assert row["valence"] == pytest.approx(expected, abs=1e-6), name


def test_a_model_of_clips_sees_a_picture_that_stands_still(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", picture((0, 0, 60, 200), size=(60, 60)))
    row = predictor(bright_model(frames=3)).predict_faces([path])[0]
    assert (row["valence"], row["arousal"]) == pytest.approx((200 / 255, 0), abs=1e-5)


def test_each_kind_of_model_says_what_it_reads() -> None:
    faces = predictor(bright_model())
    assert faces.modality == "face"
    with pytest.raises(ValueError, match="this model sees faces: give pictures to predict_faces"):
        faces.predict(["what a day"])
    with pytest.raises(ValueError, match="this model sees faces"):
        faces.predict_clips(["clip.wav"])

    class Sound:
        sample_rate_hz = 16000

    other = bright_model()
    other.encoder.preprocess = Sound()
    with pytest.raises(ValueError, match="this model hears speech: give sound files"):
        predictor(other).predict_faces(["face.jpg"])
    other.encoder.preprocess = object()
    with pytest.raises(ValueError, match="this model reads text: give texts"):
        list(predictor(other).predict_video("face.mp4"))


def test_without_torchvision_a_model_of_its_own_layers_still_predicts(
    resnet: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resnet().save_pretrained(tmp_path / "model")
    path = write_picture(tmp_path / "a.png", drawn())
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert len(Predictor.load(tmp_path / "model", device="cpu").predict_faces([path])) == 1


def test_without_torchvision_a_model_that_needs_it_says_so_in_a_sentence(
    resnet: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from affectrep.encoders import ENCODERS

    place = "affectrep.encoders.video_resnet:VideoResNetEncoder"
    monkeypatch.setitem(ENCODERS, "video_resnet", place)
    model = resnet()
    model.settings["encoder"] = {"name": "video_resnet"}
    model.encoder.preprocess = Brightness(frames=8).preprocess
    folder = model.save_pretrained(tmp_path / "model")
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    expected = r"^[^.]*needs torchvision: pip install 'affectrep\[face\]'$"
    with pytest.raises((ValueError, ImportError), match=expected):
        AffectModel.from_pretrained(folder, inference=True)


@pytest.mark.real_data
def test_smiling_people_of_the_london_set_are_found(tmp_path: Path) -> None:
    import os

    folder = Path(os.environ["AFFECTREP_DATA"]) / "face/london"
    pytest.importorskip("cv2")
    paths: list[Any] = sorted(folder.rglob("*.jpg"))[:20]
    broken: dict[str, str] = {}
    rows = predictor(bright_model()).predict_faces(paths, detector="cascade", broken=broken)
    assert len(rows) >= 15
    assert all(row["box"][2] > 40 for row in rows)  # of 128 px
