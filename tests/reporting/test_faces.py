from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.faces import face_plane, faces, faces_path, read_faces
from affectrep.reporting.plane import Plane
from affectrep.reporting.subject import Subject, gather
from tests.reporting.regressed import IMAGE, regression_run, regression_table


def subject(folder: Path, **options: object) -> Subject:
    return gather([regression_run(folder, critic=False, mapped=False, **options)])[0]


def test_each_picture_stands_beside_its_places(tmp_path: Path) -> None:
    one = subject(tmp_path)
    html = faces(one)
    assert html.count("<img") == 12
    assert html.count("<svg") == 12
    kinds = re.findall(r"<h3>(\w+)", html)
    assert kinds == ["Best", "Typical", "Worst"]
    stored = read_faces(one.runs[0], "test")
    table = one.runs[0].table("test").set_index("id")
    for picture in stored:
        row = table.loc[picture["id"]]
        words = f"{row['predicted_valence']:+.2f}".replace("0.", ".")
        assert words in html
        assert f'alt="{picture["id"]}: predicted valence ' in html


def test_the_plane_says_and_shows_both_places() -> None:
    svg = face_plane((0.5, -0.25), (-0.5, 0.75), name="face <1>")
    root = ET.fromstring(svg)
    assert root.get("aria-label") == (
        "face <1>: predicted valence -.5, true +.5; predicted arousal +.8, true -.2"
    )
    ring, dot = root.findall("circle")
    plane = Plane(size=100, edge=0)
    for mark, place in ((ring, (0.5, -0.25)), (dot, (-0.5, 0.75))):
        drawn = float(mark.get("cx", "")), float(mark.get("cy", ""))
        assert drawn == pytest.approx(plane.at(*place), abs=0.06)
    assert ring.get("stroke") != dot.get("fill")  # and the ring is hollow


def test_the_word_is_of_the_prediction_and_the_true_one_stands_where_it_differs(
    tmp_path: Path,
) -> None:
    table = regression_table(6, people=0)
    table[["valence", "arousal"]] = [0.5, 0.5]
    table[["predicted_valence", "predicted_arousal"]] = [0.5, 0.4]
    table.loc[0, "predicted_arousal"] = -0.6
    html = faces(subject(tmp_path, table=table))
    assert html.count("true: excited/happy") == 1
    assert "calm/content" in html
    assert html.count('<p class="word">excited/happy</p>') == html.count("<img") - 1


def test_ids_are_not_html(tmp_path: Path) -> None:
    one = subject(tmp_path)
    table = one.runs[0].table("test")
    path = faces_path(one.runs[0], "test")
    table.loc[0, "id"] = '"><script>'
    table.to_parquet(one.runs[0].table_path("test"))
    path.write_text(json.dumps([{"id": '"><script>', "kind": "best", "image": IMAGE}]))
    html = faces(one)
    assert "<script" not in html
    assert html.count("<img") == 1


def test_pictures_share_the_room(tmp_path: Path) -> None:
    one = subject(tmp_path)
    path = faces_path(one.runs[0], "test")
    large = "data:image/jpeg;base64," + 300_000 * "A"
    rows = [{**row, "image": large} for row in json.loads(path.read_text())]
    path.write_text(json.dumps(rows))
    html = faces(one)
    assert html.count("<img") == 8
    assert "4 more pictures" in html
    assert len(html) < 3_000_000
    two = faces(one, subjects=2)
    assert two.count("<img") == 4
    assert set(re.findall(r"<h3>(\w+)", two)) == {"Best", "Typical", "Worst"}


def test_no_pictures_no_section(tmp_path: Path) -> None:
    assert faces(subject(tmp_path, pictures=False)) == ""
    one = subject(tmp_path / "b")
    faces_path(one.runs[0], "test").write_text(
        json.dumps([{"id": "no such row", "kind": "best", "image": IMAGE}])
    )
    assert faces(one) == ""


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        ("{", "not readable as JSON"),
        ("{}", "expected a list"),
        ('[{"id": "a"}]', "picture 1: expected id, kind and image"),
        (f'[{{"id": "a", "kind": "odd", "image": "{IMAGE}"}}]', "got 'odd'"),
        ('[{"id": "a", "kind": "best", "image": "https://x.org/a.jpg"}]', "embedded JPEG"),
        ('[{"id": "a", "kind": "best", "image": "data:image/jpeg;base64,\\" onload="}]', "JPEG"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, stored: str, why: str) -> None:
    run = StoredRun(regression_run(tmp_path, critic=False, mapped=False))
    faces_path(run, "test").write_text(stored)
    with pytest.raises(ValueError, match=why):
        read_faces(run, "test")
