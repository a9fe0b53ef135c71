from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("PIL")

from PIL import Image

from affectrep.data import face_box_checks
from affectrep.data.face_box_checks import check_boxes
from affectrep.data.face_checks import check_faces
from tests.data.pictures import noise, table, write

BOX = ["box_left", "box_top", "box_side"]


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


def boxed(folder) -> pd.DataFrame:
    """Twelve pictures of 12 px with a square inside."""
    return table(folder).assign(box_left=1.0, box_top=2.0, box_side=9.0)


def test_squares_that_meet_their_picture_pass(tmp_path):
    rows = boxed(tmp_path)
    rows.loc[1, BOX] = np.nan  # no square
    rows.loc[2, BOX] = -5.0, 11.5, 6.0  # over the edge
    rows.loc[3, BOX] = -40.0, -40.0, 96.0  # four times the picture
    (tmp_path / "5.png").write_text("no image")  # named by another check
    assert check_boxes(rows) == []
    assert check_boxes(table(tmp_path)) == []


def test_each_kind_of_wrong_square_is_named_once_with_its_rows(tmp_path):
    rows = boxed(tmp_path)
    rows.loc[1, "box_side"] = np.nan
    rows.loc[2, BOX] = np.inf  # a word in each cell
    rows.loc[4, "box_side"] = -3.0
    rows.loc[5, "box_side"] = 0.0
    for row, box in enumerate(((900, 1, 9), (1, 12, 9), (-9, 1, 9), (1, -10, 9), (0, 0, 97)), 6):
        rows.loc[row, BOX] = [float(value) for value in box]
    found = [problem for problem in check_faces(rows, shown=False) if problem.kind == "bad_box"]
    assert [problem.severity for problem in found] == ["error"] * 3
    assert [problem.rows for problem in found] == [
        ("3 1.png", "4 2.png"),
        ("6 4.png", "7 5.png"),
        ("8 6.png", "9 7.png", "10 8.png", "11 9.png", "12 10.png"),
    ]
    assert "are not three numbers: fill in all three" in found[0].message
    assert "box_side is not above 0" in found[1].message
    assert "the square lies outside its picture" in found[2].message
    assert check_boxes(rows.assign(face_found=True)) == []


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_squares_belong_to_the_upright_picture(tmp_path, ending):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored 40 wide and 20 high, shown 20 wide and 40 high
    path = write(tmp_path / f"turned.{ending}", noise(20, 40), exif=exif)
    rows = boxed(tmp_path).iloc[:2].assign(path=path)
    rows.loc[0, BOX] = 2.0, 30.0, 8.0
    assert check_boxes(rows) == []
    rows.loc[1, BOX] = 30.0, 2.0, 8.0
    (found,) = check_boxes(rows)
    assert found.rows == (f"3 turned.{ending}",)


def test_of_very_many_pictures_the_farthest_squares_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(face_box_checks, "_LOOKED_AT", 2)
    rows = boxed(tmp_path)
    rows.loc[[3, 7, 9], "box_left"] = 100.0, 900.0, 800.0
    (found,) = check_boxes(rows)
    assert found.rows == ("9 7.png", "11 9.png")
