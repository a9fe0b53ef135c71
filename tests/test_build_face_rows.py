"""Squares of faces, some of which a corpus gives and a detector finds the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.build.face_rows import with_boxes
from affectrep.config import Config
from affectrep.data.face_checks import check_faces
from affectrep.data.images import Box, Pixels, image_content
from tests.data.pictures import manifest, table

BOX = ["box_left", "box_top", "box_side"]


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def rows(tmp_path: Path) -> pd.DataFrame:
    """Twelve rows with a square, but for i2, i3, i6 and i9."""
    found = table(tmp_path).assign(box_left=1.0, box_top=2.0, box_side=8.0)
    found.loc[[2, 3, 6, 9], BOX] = np.nan
    return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, rows: pd.DataFrame) -> list[str]:
    """The contents that were searched; a face is found in i3 and i9."""
    looked: list[str] = []
    faces = set(rows.loc[[3, 9], "content"])

    def finder(detector: str) -> Callable[[Pixels], list[Box]]:
        def find(pixels: Pixels) -> list[Box]:
            looked.append(image_content(pixels))
            return [(3.0, 4.0, 5.0)] if looked[-1] in faces else []

        return find

    monkeypatch.setattr("affectrep.data.face_boxes.faces_finder", finder)
    return looked


def settings(detector: str) -> Config:
    data = {"corpus": "face_table", "batch_size": 4, "face": {"detector": detector}}
    return Config(name="x", task="regression", encoder={"name": "resnet18"}, data=data)


def test_the_detector_looks_at_rows_without_a_square_alone(
    rows: pd.DataFrame, seen: list[str]
) -> None:
    found = with_boxes(settings("cascade"), manifest(rows))
    assert sorted(seen) == sorted(rows.loc[[2, 3, 6, 9], "content"])
    kept = found.rows.set_index("id")
    assert sorted(set(rows["id"]) - set(kept.index)) == ["i2", "i6"]
    assert kept.loc["i0", BOX].tolist() == [1, 2, 8]
    assert kept.loc["i3", BOX].tolist() == kept.loc["i9", BOX].tolist() == [3, 4, 5]
    assert "face_found" not in kept  # which would say that the given ones need no check
    assert found.info.dropped == {"no face found": 2}
    assert found.info.notes == ["No face was found by cascade in 2 images: i2, i6"]


def test_a_file_that_cannot_be_read_stays_for_the_checks(
    rows: pd.DataFrame, seen: list[str]
) -> None:
    rows.loc[2, "content"] = ""
    kept = with_boxes(settings("cascade"), manifest(rows)).rows.set_index("id")
    assert "i2" in kept.index
    assert "i6" not in kept.index


def test_given_squares_are_checked_beside_found_ones(rows: pd.DataFrame, seen: list[str]) -> None:
    rows.loc[0, "box_left"] = np.nan
    rows.loc[1, "box_side"] = -8.0
    kept = with_boxes(settings("cascade"), manifest(rows)).rows
    assert len(seen) == 4  # a square that is unfinished is not found anew
    found = [problem for problem in check_faces(kept, shown=False) if problem.severity == "error"]
    assert [problem.rows for problem in found] == [("2 0.png",), ("3 1.png",)]


def test_without_a_detector_missing_squares_stay_missing(rows: pd.DataFrame) -> None:
    made = manifest(rows)
    assert with_boxes(settings("none"), made) is made


def test_squares_that_all_are_missing_are_as_good_as_none(
    rows: pd.DataFrame, seen: list[str]
) -> None:
    empty = rows.assign(**dict.fromkeys(BOX, np.nan))
    plain = with_boxes(settings("cascade"), manifest(rows.drop(columns=BOX)))
    found = with_boxes(settings("cascade"), manifest(empty))
    assert len(seen) == 12  # the second time it is remembered
    pd.testing.assert_frame_equal(found.rows[plain.rows.columns], plain.rows)
