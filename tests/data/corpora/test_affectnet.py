from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.data.checks import check_manifest
from affectrep.data.corpora.affectnet import prepare
from tests.data.corpora.faces import write_face

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
    "valence,arousal"
)
# name, box, expression, valence, arousal
TRAIN = [
    ("1/a.jpg", (2, 4, 8, 6), 1, 0.8, 0.4),
    ("1/b.jpg", (0, 0, 6, 6), 2, -0.6, -0.3),
    ("2/c.jpg", (1, 1, 0, 0), 8, 0.1, 0.0),
    ("2/d.jpg", (0, 0, 6, 6), 10, -2, -2),
    ("2/e.jpg", (0, 0, 6, 6), 9, 0.2, 0.2),
    ("2/f.jpg", (0, 0, 6, 6), 4, -0.4, 0.6),
]
TEST = [("3/g.jpg", (0, 0, 9, 9), 6, -0.5, 0.7)]


def line(row) -> str:
    name, box, expression, valence, arousal = row
    return ",".join(map(str, [name, *box, "1;2;3;4", expression, valence, arousal]))


@pytest.fixture
def first(tmp_path):
    lists = tmp_path / "Manually_Annotated_file_lists"
    lists.mkdir()
    (lists / "training.csv").write_text("\n".join([HEADER, *map(line, TRAIN)]) + "\n")
    # the official validation list has no header in some copies
    (lists / "validation.csv").write_text("\n".join(map(line, TEST)) + "\n")
    for name, *_ in TRAIN + TEST:
        write_face(tmp_path / "Manually_Annotated_Images" / name)
    return tmp_path


def write_annotation(folder: Path, name: str, **values: str) -> None:
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    for kind, value in values.items():
        np.save(folder / "annotations" / f"{name}_{kind}.npy", np.array(value))
    write_face(folder / "images" / f"{name}.jpg")


@pytest.fixture
def later(tmp_path):
    train, test = tmp_path / "train_set", tmp_path / "val_set"
    write_annotation(train, "0", val="0.785", aro="-0.05", exp="1", lnd="0")
    write_annotation(train, "7", val="-0.6", aro="0.2", exp="2", lnd="0")
    write_annotation(train, "8", val="-2", aro="-2", exp="0", lnd="0")
    write_annotation(train, "9", val="0.1", aro="0.3", exp="0", lnd="0")
    write_annotation(test, "0", val="0.5", aro="0.5", exp="3", lnd="0")
    return tmp_path


def test_the_lists_with_their_boxes(first):
    manifest = prepare(first, holdout=0.3)
    rows = manifest.rows.set_index("id")
    assert sorted(rows.index) == ["1/a.jpg", "1/b.jpg", "2/c.jpg", "2/f.jpg", "3/g.jpg"]
    assert rows.loc["1/a.jpg", ["valence", "arousal"]].tolist() == [0.8, 0.4]
    # 8 x 6 px at (2, 4): the square of 8 px around its middle
    assert rows.loc["1/a.jpg", ["box_left", "box_top", "box_side"]].tolist() == [2, 3, 8]
    assert np.isnan(rows.loc["2/c.jpg", "box_side"])
    assert rows["expression"].to_dict() == {
        "1/a.jpg": "happiness",
        "1/b.jpg": "sadness",
        "2/c.jpg": "none",
        "2/f.jpg": "fear",
        "3/g.jpg": "anger",
    }
    assert manifest.info.dropped == {
        "valence or arousal is -2 (no value)": 1,
        "uncertain, or no face": 1,
    }
    assert rows.loc["3/g.jpg", ["split", "row", "source_file"]].tolist() == [
        "test",
        1,
        "validation.csv",
    ]
    assert rows["split"].value_counts().to_dict() == {"train": 3, "validation": 1, "test": 1}
    assert manifest.info.notes[0] == (
        "Test is the official validation set: there is no public test set."
    )
    # c has a box of 0 x 0 px
    assert any(note.startswith("1 of 5 pictures have no face box:") for note in manifest.info.notes)
    assert "not person-independent" in manifest.info.notes[-1]
    assert check_manifest(manifest) == []


def test_the_later_layout(later):
    manifest = prepare(later, holdout=0.3)
    rows = manifest.rows.set_index("id")
    assert sorted(rows.index) == [
        "train_set/images/0.jpg",
        "train_set/images/7.jpg",
        "train_set/images/9.jpg",
        "val_set/images/0.jpg",
    ]
    assert rows.loc["train_set/images/0.jpg", ["valence", "arousal"]].tolist() == [0.785, -0.05]
    assert rows.loc["val_set/images/0.jpg", ["split", "expression"]].tolist() == [
        "test",
        "surprise",
    ]
    assert "box_side" not in rows
    assert manifest.info.dropped == {"valence or arousal is -2 (no value)": 1}
    assert sorted(set(rows["split"])) == ["test", "train", "validation"]


def test_validation_follows_the_seed(first):
    drawn = {
        tuple(prepare(first, holdout=0.3, seed=seed).split("validation")["id"]) for seed in range(8)
    }
    assert len(drawn) > 1


def test_equal_images_never_stand_on_both_sides(first):
    images = first / "Manually_Annotated_Images"
    (images / "1/a.jpg").write_bytes((images / "3/g.jpg").read_bytes())
    (images / "1/b.jpg").write_bytes((images / "2/c.jpg").read_bytes())
    for seed in range(4):
        manifest = prepare(first, holdout=0.3, seed=seed)
        rows = manifest.rows.set_index("id")
        assert "1/a.jpg" not in rows.index
        assert rows.loc["1/b.jpg", "split"] == rows.loc["2/c.jpg", "split"]
        assert check_manifest(manifest) == []


def test_broken_values_are_named(first, later):
    file = first / "Manually_Annotated_file_lists" / "training.csv"
    file.write_text(file.read_text().replace("-0.4,0.6", "sad,0.6"))
    with pytest.raises(ValueError, match=r"no number as valence: training\.csv row 7"):
        prepare(first)
    file.unlink()
    (later / "train_set" / "annotations" / "7_aro.npy").write_bytes(b"broken")
    (later / "train_set" / "annotations" / "9_exp.npy").unlink()
    with pytest.raises(ValueError, match=r"2 files of AffectNet .*7_aro\.npy; .*9_exp\.npy"):
        prepare(later)


def test_wrong_folders_and_settings_are_refused(tmp_path, first):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is not AffectNet: expected Manually_Annotated_file_lis"):
        prepare(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"affectnet has no use for data\.protocol"):
        prepare(first, protocol="x")
    (first / "Manually_Annotated_file_lists" / "validation.csv").unlink()
    with pytest.raises(ValueError, match=r"has no validation\.csv"):
        prepare(first)


def test_a_file_that_holds_an_archive_or_another_number_is_named(later):
    folder = later / "train_set" / "annotations"
    np.savez(folder / "x.npz", a=1)
    (folder / "x.npz").rename(folder / "7_val.npy")
    (folder / "8_val.npy").write_bytes(b"PK\x03\x04 broken")
    np.save(folder / "9_val.npy", np.array(1j))
    with pytest.raises(ValueError, match=r"3 files of AffectNet .*7_val.*8_val.*9_val\.npy"):
        prepare(later)


def test_an_image_in_both_lists_is_tested(first):
    file = first / "Manually_Annotated_file_lists" / "validation.csv"
    file.write_text(file.read_text() + line(TRAIN[0]) + "\n")
    manifest = prepare(first, holdout=0.3)
    rows = manifest.rows.set_index("id")
    assert rows.loc["1/a.jpg", ["split", "source_file"]].tolist() == ["test", "validation.csv"]
    assert manifest.info.dropped["listed twice"] == 1


def test_a_listing_without_a_value_does_not_hide_another(first):
    file = first / "Manually_Annotated_file_lists" / "training.csv"
    valueless = ("1/a.jpg", (2, 4, 8, 6), 1, -2, -2)
    text = file.read_text().replace(line(TRAIN[0]), line(valueless))
    file.write_text(text + line(TRAIN[0]) + "\n")
    manifest = prepare(first, holdout=0.3)
    assert manifest.rows.set_index("id").loc["1/a.jpg", "valence"] == 0.8
    assert manifest.info.dropped["valence or arousal is -2 (no value)"] == 2
    assert "listed twice" not in manifest.info.dropped


def test_a_box_without_a_place_is_none(first):
    file = first / "Manually_Annotated_file_lists" / "training.csv"
    file.write_text(file.read_text().replace("1/b.jpg,0,0,6,6", "1/b.jpg,NULL,0,6,6"))
    rows = prepare(first, holdout=0.3).rows.set_index("id")
    assert rows.loc["1/b.jpg", ["box_left", "box_top", "box_side"]].isna().all()
    assert rows["box_side"].isna().sum() == 2


def test_one_missing_image_does_not_hide_the_folder_of_the_others(first):
    images = first / "Manually_Annotated_Images"
    more = [(f"4/{number}.jpg", (0, 0, 9, 9), 1, 0.5, 0.5) for number in range(200)]
    file = first / "Manually_Annotated_file_lists" / "training.csv"
    file.write_text(file.read_text() + "\n".join(map(line, more)) + "\n")
    for name, *_ in more:
        write_face(images / name)
    (images / TRAIN[0][0]).unlink()
    (first / "Manually_Annotated").mkdir()
    images.rename(first / "Manually_Annotated" / "Manually_Annotated_Images")
    manifest = prepare(first, holdout=0.3)
    assert manifest.info.dropped["image missing or not readable"] == 1
    assert len(manifest.rows) == 204


def test_an_image_listed_twice_is_taken_once(first):
    file = first / "Manually_Annotated_file_lists" / "training.csv"
    file.write_text(file.read_text() + line(TRAIN[0]) + "\n")
    manifest = prepare(first, holdout=0.3)
    assert manifest.info.dropped["listed twice"] == 1
    assert manifest.rows["id"].is_unique
    assert isinstance(manifest.rows, pd.DataFrame)
