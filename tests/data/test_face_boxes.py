from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("cv2")

import cv2

from affectrep.data import face_boxes
from affectrep.data.face_boxes import drop_faceless, faces_finder, find_boxes
from affectrep.data.images import image_content, read_image
from tests.data.pictures import manifest, noise, table, write

LONDON = Path(os.environ.get("AFFECTREP_DATA", "data")) / "face" / "london"
BOXES = ["box_left", "box_top", "box_side"]


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "contents"))


@pytest.fixture
def portrait() -> np.ndarray:
    """A person before a flag; the face is about 100 px wide, its middle near (225, 115)."""
    return pytest.importorskip("skimage.data").astronaut()


@pytest.fixture
def bright(monkeypatch):
    """A detector that takes what is white for a face; the list of images that it was given."""
    seen = []

    def finder(detector: str):
        def find(pixels: np.ndarray):
            seen.append(pixels)
            rows, columns = np.nonzero((pixels == 255).all(axis=2))
            if not len(rows):
                return []
            side = float(columns.max() - columns.min() + 1)
            return [(float(columns.min()), float(rows.min()), side), (0.0, 0.0, 1.0)]

        return find

    monkeypatch.setattr(face_boxes, "faces_finder", finder)
    return seen


def spots(folder: Path) -> pd.DataFrame:
    """Two images with a white square and one without."""
    lines = []
    for number, box in enumerate([(3, 5, 4), None, (0, 2, 9)]):
        pixels = noise(20, 20, number) // 2
        if box is not None:
            left, top, side = box
            pixels[top : top + side, left : left + side] = 255
        path = write(folder / f"{number}.png", pixels)
        lines.append({"id": str(number), "path": path, "content": image_content(pixels)})
    return pd.DataFrame(lines)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_a_face_is_found_at_any_size(portrait, scale):
    pixels = portrait[::scale, ::scale]
    (left, top, side), *_ = faces_finder("cascade")(pixels)
    assert abs((left + side / 2) * scale - 225) < 15
    assert abs((top + side / 2) * scale - 115) < 20
    assert 80 < side * scale < 120


def test_the_largest_face_comes_first(portrait):
    small = cv2.resize(portrait[:256, 100:356], (128, 128), interpolation=cv2.INTER_AREA)
    both = np.zeros((512, 640, 3), np.uint8)
    both[:128, :128] = small
    both[:, 128:] = portrait
    boxes = faces_finder("cascade")(both)
    sides = [side for *_, side in boxes]
    assert len(boxes) >= 2
    assert sides == sorted(sides, reverse=True)
    assert boxes[0][0] > 250
    assert 80 < sides[0] < 120
    assert any(left < 128 and 35 < side < 65 for left, _, side in boxes)


def test_an_image_without_a_face_gives_none():
    assert faces_finder("cascade")(np.full((90, 70, 3), 127, np.uint8)) == []
    assert faces_finder("cascade")(np.full((1, 3000, 3), 127, np.uint8)) == []
    assert faces_finder("none")(noise()) == []


def test_unknown_detectors_and_missing_models_are_named(tmp_path):
    for name in ("eyes", "yunet", "yunet:", "cascade:x"):
        with pytest.raises(ValueError, match=f"no detector '{name}': use none, cascade or yunet"):
            faces_finder(name)
    with pytest.raises(ValueError, match=r"gone\.onnx: the model file of YuNet does not exist"):
        faces_finder(f"yunet:{tmp_path}/gone.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"bad\.onnx: is no YuNet model"):
        faces_finder(f"yunet:{tmp_path}/bad.onnx")
    rows = spots(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        find_boxes(rows, detector="yunet:/gone.onnx", cache_folder=tmp_path, shown=False)


def relu_model() -> bytes:
    """An ONNX model of one layer, in protobuf's own bytes: a field is its number, length, value."""

    def field(number: int, value: bytes | int) -> bytes:
        if isinstance(value, int):
            return bytes([number << 3]) + varint(value)
        return bytes([number << 3 | 2]) + varint(len(value)) + value

    def varint(value: int) -> bytes:
        low = [value & 127]
        while value := value >> 7:
            low[-1] |= 128
            low.append(value & 127)
        return bytes(low)

    shape = b"".join(field(1, field(1, side)) for side in (1, 3, 320, 320))
    kind = field(2, field(1, field(1, 1) + field(2, shape)))
    node = field(1, field(1, b"in") + field(2, b"out") + field(4, b"Relu"))
    ends = field(11, field(1, b"in") + kind) + field(12, field(1, b"out") + kind)
    return field(1, 7) + field(8, field(2, 13)) + field(7, node + field(2, b"g") + ends)


def test_another_network_than_yunet_is_refused_when_it_is_loaded(tmp_path):
    (tmp_path / "relu.onnx").write_bytes(relu_model())
    assert cv2.FaceDetectorYN.create(str(tmp_path / "relu.onnx"), "", (320, 320)) is not None
    with pytest.raises(ValueError, match=r"relu\.onnx: is no YuNet model that opencv can read: L"):
        faces_finder(f"yunet:{tmp_path}/relu.onnx")


def test_an_image_that_yunet_cannot_search_is_no_image_without_a_face(tmp_path, monkeypatch):
    class Network:
        def setInputSize(self, size):  # noqa: N802  opencv's name
            if size != (320, 320):
                error = cv2.error("layer 7")
                error.err = "layer 7"
                raise error

        def detect(self, image):
            return 0, None

    maker = SimpleNamespace(create=lambda *options: Network())
    monkeypatch.setattr(cv2, "FaceDetectorYN", maker)
    (tmp_path / "model.onnx").write_bytes(b"model")
    detector = f"yunet:{tmp_path}/model.onnx"
    words = r"model\.onnx: YuNet cannot search an image of 240 x 240 px: layer 7$"
    with pytest.raises(ValueError, match=words):
        find_boxes(spots(tmp_path), detector=detector, cache_folder=tmp_path / "c", shown=False)


def test_yunet_gets_blue_first_and_gives_squares(tmp_path, monkeypatch):
    given = {}

    class Network:
        def setInputSize(self, size):  # noqa: N802  opencv's name
            given["size"] = size

        def detect(self, image):
            given["image"] = image
            faces = np.zeros((2, 15), np.float32)
            faces[0, :4], faces[1, :4] = (20, 40, 10, 20), (100, 60, 60, 80)
            return 1, faces if image.any() else None

    maker = SimpleNamespace(create=lambda *options: Network())
    monkeypatch.setattr(cv2, "FaceDetectorYN", maker)
    (tmp_path / "model.onnx").write_bytes(b"model")
    find = faces_finder(f"yunet:{tmp_path}/model.onnx")
    pixels = np.zeros((120, 160, 3), np.uint8)
    assert find(pixels) == []
    pixels[..., 0] = 200
    # enlarged twice; the middle stays, the longer edge makes the side
    assert find(pixels) == [(45, 30, 40), (7.5, 20, 10)]
    assert given["size"] == (320, 240)
    assert given["image"].shape == (240, 320, 3)
    assert given["image"][0, 0].tolist() == [0, 0, 200]


def test_boxes_are_recorded_in_the_rows(tmp_path, bright):
    rows = spots(tmp_path)
    found = find_boxes(rows, detector="cascade", cache_folder=tmp_path / "c", shown=False)
    assert found["face_found"].tolist() == [True, False, True]
    assert found[BOXES].iloc[[0, 2]].to_numpy().tolist() == [[3, 5, 4], [0, 2, 9]]
    assert found[BOXES].iloc[1].isna().all()
    assert not set(BOXES) & set(rows)
    assert found[BOXES].dtypes.map(str).tolist() == ["float64"] * 3


def test_nothing_is_looked_for_twice(tmp_path, bright):
    rows = spots(tmp_path)
    options = {"cache_folder": tmp_path / "c", "shown": False}
    first = find_boxes(pd.concat([rows, rows]), detector="cascade", **options)
    assert len(bright) == 3
    for part in (rows, rows.drop(columns="content"), rows.assign(path="moved")):
        again = find_boxes(part.iloc[::-1], detector="cascade", **options)
        assert again["face_found"].tolist() == [True, False, True]
        assert again[BOXES].iloc[0].tolist() == first[BOXES].iloc[2].tolist()
        if part is rows:
            Path(rows["path"][0]).touch()
    assert len(bright) == 3
    (tmp_path / "model.onnx").write_bytes(b"one")
    find_boxes(rows, detector=f"yunet:{tmp_path}/model.onnx", **options)
    assert len(bright) == 6
    (tmp_path / "model.onnx").write_bytes(b"another")
    find_boxes(rows, detector=f"yunet:{tmp_path}/model.onnx", **options)
    assert len(bright) == 9


def test_a_broken_store_and_a_broken_file_are_survived(tmp_path, bright):
    rows = spots(tmp_path)
    options = {"detector": "cascade", "cache_folder": tmp_path / "c", "shown": False}
    find_boxes(rows, **options)
    (store,) = (tmp_path / "c").glob("*.json")
    for text in ("{", "[1, 2]", ""):
        store.write_text(text)
        assert find_boxes(rows, **options)["face_found"].tolist() == [True, False, True]
    Path(rows["path"][2]).write_bytes(b"")
    for part in (rows.drop(columns="content"), rows.assign(content=["x", "y", ""])):
        assert find_boxes(part, **options)["face_found"].tolist() == [True, False, False]


def test_without_a_detector_every_image_is_a_face(tmp_path):
    rows = pd.DataFrame({"id": ["a"], "path": ["nowhere.png"]})
    found = find_boxes(rows, detector="none", cache_folder=tmp_path / "c", shown=False)
    assert found["face_found"].tolist() == [True]
    assert found[BOXES].isna().all().all()
    assert not (tmp_path / "c").exists()


def test_rows_without_a_face_are_dropped_and_counted(tmp_path):
    rows = table(tmp_path)
    corpus = manifest(rows)
    assert drop_faceless(corpus) is corpus
    rows["face_found"] = [False, True, True] * 4
    found = drop_faceless(manifest(rows))
    assert found.info.dropped == {"no face found": 4}
    assert found.rows["id"].tolist() == [f"i{n}" for n in (1, 2, 4, 5, 7, 8, 10, 11)]
    assert found.rows.index.tolist() == list(range(8))
    assert drop_faceless(found) is found


@pytest.mark.real_data
@pytest.mark.skipif(not LONDON.is_dir(), reason="needs AFFECTREP_DATA with face/london")
def test_the_people_of_the_london_set_are_found():
    find = faces_finder("cascade")
    paths = sorted(LONDON.glob("*.jpg"))[::4]
    good = 0
    for path in paths:
        boxes = find(read_image(path))
        middle = boxes and max(abs(edge + boxes[0][2] / 2 - 64) for edge in boxes[0][:2])
        good += bool(boxes) and middle < 32 and 51 < boxes[0][2] <= 128
    assert len(paths) == 61
    assert good >= 60
