from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from affectrep.evaluation.metrics import regression_metrics
from affectrep.evaluation.predictions import table_targets, write_predictions
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.plane import Plane
from affectrep.reporting.report import report_html
from affectrep.reporting.standalone import standalone
from affectrep.reporting.subject import gather
from affectrep.reporting.va_plane import arrow_chart, axis_chart, field_chart, va_plane
from tests.evaluation.invented import make_run
from tests.reporting.regressed import regression_run, regression_table
from tests.reporting.test_report import checked

SVG = "{http://www.w3.org/2000/svg}"


def test_each_row_has_an_arrow_from_truth_to_prediction() -> None:
    true, said = np.array([[-0.5, 0.5], [0.2, 0.0]]), np.array([[0.5, 0.5], [0.2, -0.4]])
    root = ET.fromstring(arrow_chart(true, said, ["<a>", "b"]))
    paths = [one for one in root.iter("path") if one.find("title") is not None]
    plane = Plane()
    for path, start, end in zip(paths, true, said, strict=True):
        drawn = list(map(float, re.findall(r"-?[\d.]+", path.get("d", ""))))[:4]
        assert drawn == pytest.approx([*plane.at(*start), *plane.at(*end)], abs=0.06)
    assert paths[0].find("title").text == (
        "<a>: true valence -.50 arousal +.50, predicted valence +.50 arousal +.50"
    )
    assert "mean length is 0.70" in root.get("aria-label", "")
    words = [one.text for one in root.iter("text")]
    assert {"excited/happy", "tense/angry", "sad/tired", "calm/content"} <= set(words)


def test_the_field_shows_the_mean_error_of_full_cells_alone() -> None:
    true = np.r_[np.full((6, 2), 0.5), np.full((8, 2), -0.5), np.full((4, 2), 0.9)]
    said = true + np.r_[np.full((6, 2), 0.3), np.full((8, 2), 0.1), np.full((4, 2), 0.0)]
    root = ET.fromstring(field_chart(true, said))
    told = [one.text for one in root.iter("title")]
    assert told == ["8 rows, mean error 0.14", "6 rows, mean error 0.42"]
    shades = [float(one.get("fill").split()[-1][:-1]) for one in root.findall("rect")[:2]]
    assert shades[0] < shades[1]
    assert [one.text for one in root.iter("text")][-1] == ".14 (pale) to .42"


def test_the_cells_of_the_field_hold_all_rows() -> None:
    rng = np.random.default_rng(0)
    true = np.clip(rng.normal(0, 0.6, (3000, 2)), -1, 1)  # 1 itself among them
    assert (true == 1).any()
    root = ET.fromstring(field_chart(true, true * 0.5))
    counts = [int(one.text.split()[0].replace(",", "")) for one in root.iter("title")]
    assert 2900 < sum(counts) <= 3000


def test_the_line_of_an_axis_is_of_all_rows() -> None:
    true = np.repeat([-0.55, 0.45], 20)
    said = np.repeat([-0.2, 0.3], 20)
    root = ET.fromstring(axis_chart(true, said, axis="valence", drawn=np.arange(3)))
    assert len(list(root.iter("circle"))) == 3
    line = root.find("polyline").get("points")
    points = [tuple(map(float, one.split(","))) for one in line.split()]
    expected = [Plane().at(-0.55, -0.2), Plane().at(0.45, 0.3)]
    np.testing.assert_allclose(points, expected, atol=0.06)


def test_predictions_far_outside_do_not_shrink_the_plane_for_ever() -> None:
    true, said = np.zeros((200, 2)), np.full((200, 2), 0.1)
    said[0] = 1e6
    names = [str(i) for i in range(200)]
    assert "+1.0" in arrow_chart(true, said, names)
    assert "<svg" in axis_chart(true[:, 0], said[:, 0], axis="valence")
    with pytest.raises(ValueError, match="finite"):
        arrow_chart(true, said * np.nan, names)


@pytest.mark.parametrize("kind", ["arrows", "field", "axis"])
def test_every_chart_stands_by_itself_in_both_colours(kind: str) -> None:
    true, said = table_targets(regression_table(60))
    chart = {
        "arrows": arrow_chart(true, said, ["x"] * 60),
        "field": field_chart(true, said),
        "axis": axis_chart(true[:, 0], said[:, 0], axis="valence"),
    }[kind]
    file = standalone(chart)
    root = ET.fromstring(file)
    style = root.find(f"{SVG}style").text
    for name in set(re.findall(r"var\((--[\w-]+)\)", chart)):
        assert style.count(f"{name}:") >= 2, name


def test_the_section_has_figures_of_the_seed_that_is_drawn(tmp_path: Path) -> None:
    tables = [regression_table(500, seed) for seed in range(2)]
    paths = [
        regression_run(tmp_path, seed=seed, table=one, mapped=False)
        for seed, one in enumerate(tables)
    ]
    html = va_plane(gather(paths)[0])
    true, said = table_targets(tables[0])
    ccc = regression_metrics(true[:, 0], said[:, 0])["ccc"]
    assert f"Valence: CCC {ccc:.3f}" in html
    assert "Predictions of seed 0" in html
    assert "300 of 500 rows" in html
    assert html.count("<svg") == 4
    assert len(va_plane(gather(paths)[0], subjects=8)) < len(html) / 2


def test_a_run_that_diverged_is_still_shown(tmp_path: Path) -> None:
    path = regression_run(tmp_path, mapped=False)
    table = StoredRun(path).table("test")
    table.loc[:9, "predicted_valence"] = np.nan
    table.loc[10:19, "predicted_arousal"] = np.inf
    write_predictions(path / "predictions" / "test.parquet", table)
    html = checked(report_html([path]))
    assert "20 rows without a finite prediction are left out" in html
    assert "300 of 380 rows" in html
    table["predicted_valence"] = np.nan
    write_predictions(path / "predictions" / "test.parquet", table)
    html = checked(report_html([path]))
    assert 'id="plane"' not in html
    assert 'id="faces"' not in html


def test_other_tasks_and_runs_without_predictions_have_none(tmp_path: Path) -> None:
    assert va_plane(gather([make_run(tmp_path)])[0]) == ""
    run = regression_run(tmp_path)
    (run / "predictions" / "test.parquet").unlink()
    assert va_plane(gather([run])[0]) == ""
