from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("PIL")

from affectrep.data.face_checks import check_faces, check_images
from tests.data.pictures import noise, table, write


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


def kinds(problems) -> list[tuple[str, str]]:
    return [(problem.severity, problem.kind) for problem in problems]


def test_rows_in_order_have_no_problem(tmp_path):
    rows = table(tmp_path)
    assert check_faces(rows, shown=False) == []


def test_each_broken_file_is_one_error_with_its_rows(tmp_path):
    rows = table(tmp_path)
    (tmp_path / "3.png").write_bytes(b"")
    (tmp_path / "5.png").write_text("no image")
    (tmp_path / "7.png").unlink()
    rows.loc[6, "path"] = rows.loc[5, "path"]
    found = check_faces(rows.sample(frac=1, random_state=0).sort_values("row"), shown=False)
    assert kinds(found) == [
        ("error", "unreadable_image"),
        ("error", "unreadable_image"),
        ("error", "missing_file"),
    ]
    assert [problem.rows for problem in found] == [(5,), (7, 8), (9,)]
    assert "3.png: is empty (0 bytes)" in str(found[0])
    assert "5.png: cannot be read as an image" in str(found[1])
    assert "7.png: does not exist" in str(found[2])


def test_rows_without_a_face_are_counted_and_listed(tmp_path):
    rows = table(tmp_path)
    rows["face_found"] = True
    assert check_faces(rows, shown=False) == []
    rows.loc[[1, 2, 9], "face_found"] = False
    rows.loc[4, "face_found"] = False
    (tmp_path / "4.png").unlink()  # no file is no missing face
    found = check_faces(rows, shown=False)
    assert kinds(found) == [("error", "missing_file"), ("warning", "no_face")]
    assert "in 3 of 12 images (train 2, test 1): they are kept out" in found[1].message
    assert found[1].rows == ("3 1.png", "4 2.png", "11 9.png")


def test_constant_labels_are_an_error_in_training_only(tmp_path):
    rows = table(tmp_path)
    rows.loc[rows["split"] == "test", "arousal"] = 0.25
    (found,) = check_faces(rows, shown=False)
    assert (found.severity, found.kind) == ("warning", "constant_labels")
    assert "all 4 rows of test have arousal 0.25" in found.message
    rows.loc[rows["split"] == "train", ["valence", "arousal"]] = 0.1, -0.2
    found = check_faces(rows, shown=False)
    assert kinds(found) == [
        ("error", "constant_labels"),
        ("warning", "constant_labels"),
    ]
    assert "valence 0.1 and arousal -0.2: there is nothing to learn" in found[0].message
    rows["valence"] = np.nan  # named by the other check
    assert ("error", "constant_labels") not in kinds(check_faces(rows, shown=False))


def test_training_pictures_that_are_no_crops_are_counted(tmp_path, monkeypatch):
    rows = table(tmp_path, each=6)
    for number in range(6, 12):  # validation pictures do not count
        write(tmp_path / f"{number}.png", noise(30, 40, number))
    write(tmp_path / "0.png", noise(12, 14, 0))
    write(tmp_path / "1.png", noise(12, 15, 1))
    assert check_faces(rows, shown=False) == []  # one of six
    write(tmp_path / "2.png", noise(15, 12, 2))
    (found,) = check_faces(rows, shown=False)
    assert (found.severity, found.kind) == ("warning", "no_crops")
    assert found.message.startswith("2 of 6 training pictures are not near square, and no detector")
    assert found.message.endswith("set data.face.detector=cascade")
    assert check_faces(rows.assign(face_found=True), shown=False) == []
    boxed = rows.assign(box_left=1.0, box_top=1.0, box_side=9.0)
    assert check_faces(boxed, shown=False) == []
    boxed.loc[1:5, ["box_left", "box_top", "box_side"]] = np.nan  # whole pictures
    (found,) = check_faces(boxed, shown=False)
    assert "2 of 5 training pictures without a face box are" in found.message
    monkeypatch.setattr("affectrep.data.face_checks._LOOKED_AT", 3)
    write(tmp_path / "5.png", noise(15, 12, 5))
    (found,) = check_faces(rows, shown=False)  # the first, the third and the last
    assert "2 of 3 training pictures that were looked at are" in found.message
    (tmp_path / "5.png").write_text("no image")
    assert ("warning", "no_crops") in kinds(check_faces(rows, shown=False))
    assert check_faces(rows[rows["split"] == "test"], shown=False) == []


def test_unknown_subjects_are_a_note(tmp_path):
    rows = table(tmp_path)
    rows.loc[[2, 3], "subject"] = [None, " "]
    (found,) = check_faces(rows, shown=False)
    assert (found.severity, found.kind) == ("note", "no_subject")
    assert "2 of 12 rows is unknown" in found.message
    for unknown in (rows.assign(subject=None), rows.drop(columns="subject")):
        (found,) = check_faces(unknown, shown=False)
        assert found.message == "no subject is known: results are not person-independent"


def test_many_broken_files_are_listed_and_counted_without_comparing_all_with_all(tmp_path):
    rows = pd.concat([table(tmp_path)] * 3, ignore_index=True)
    rows["row"] = range(2, 38)
    rows.loc[:29, "path"] = [str(tmp_path / f"gone{number % 27}.png") for number in range(30)]
    found = [item for item in check_faces(rows, shown=False) if item.kind == "missing_file"]
    assert len(found) == 21
    assert "gone0.png: does not exist" in found[0].message
    assert found[0].rows == (2, 29)  # both rows of one file
    assert found[20].message.startswith("7 more files do not exist or cannot be read: correct")
    assert found[20].rows == tuple(range(22, 29))
    (tmp_path / "gone26.png").write_text("no image")
    assert kinds(check_faces(rows, shown=False)).count(("error", "unreadable_image")) == 1
    many = pd.DataFrame({"id": [str(n) for n in range(8_000)], "split": "train"})
    many["path"] = [str(tmp_path / f"none{number}.png") for number in range(8_000)]
    start = time.process_time()
    assert len(check_images(many, shown=False)) == 21
    assert time.process_time() - start < 4  # it took 10 s


def test_a_path_that_is_blank_or_too_long_is_one_problem_among_others(tmp_path):
    rows = table(tmp_path)
    rows.loc[[1, 3, 5], "path"] = ["", "x" * 300 + ".png", str(tmp_path / "gone.png")]
    found = check_faces(rows, shown=False)
    assert [(problem.kind, problem.rows) for problem in found] == [
        ("missing_file", (3,)),
        ("missing_file", (5,)),
        ("missing_file", (7,)),
    ]
    assert found[0].message == "the path is blank: fill it in or remove the row"
    assert "xxx.png: does not exist or is no file" in found[1].message
