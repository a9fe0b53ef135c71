from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.predictions import write_predictions
from affectrep.evaluation.quadrants import QUADRANTS
from affectrep.reporting.plots import SERIES
from affectrep.reporting.scatter import (
    MOST_GROUPS,
    Points,
    map_path,
    maps,
    read_map,
    scatter_chart,
    shape_legend,
)
from affectrep.reporting.standalone import standalone
from affectrep.reporting.subject import Subject, gather
from tests.evaluation.leaky import leaky_run
from tests.reporting.regressed import regression_run, regression_table


def points(count: int, names: list[str]) -> Points:
    rng = np.random.default_rng(0)
    groups = [names[i % len(names)] for i in range(count)]
    words = [f"{i} <b> & {group}" for i, group in enumerate(groups)]
    hollow = [i % 5 == 0 for i in range(count)]
    return Points(rng.normal(size=count), 40 * rng.normal(size=count), groups, words, hollow)


def test_every_point_is_drawn_inside_and_told() -> None:
    names = list("abc")
    root = ET.fromstring(scatter_chart(points(60, names), names, alt="60 <points>"))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "60 <points>"
    titles = [title.text for title in root.iter("title")]
    assert len(titles) == 60
    assert "0 <b> & a" in titles
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for mark in root.iter("path"):
        x, y = map(float, re.match(r"M([\d.-]+) ([\d.-]+)m", mark.get("d", "")).groups())
        assert 0 <= x <= width
        assert 0 <= y <= height


def test_colour_is_never_alone() -> None:
    names = [f"s{i}" for i in range(MOST_GROUPS)]
    root = ET.fromstring(scatter_chart(points(48, names), names, alt="x"))
    looks = set()
    for group in root.findall("g"):
        shapes = {re.sub(r"^M[\d. -]+?m", "m", mark.get("d")) for mark in group.iter("path")}
        assert len(shapes) == 1
        looks.add((group.get("stroke"), *shapes))
    assert len(looks) == MOST_GROUPS
    by_colour = [
        {shape for colour, shape in looks if colour == f"var(--s{i})"} for i in range(SERIES)
    ]
    assert [len(shapes) for shapes in by_colour] == [MOST_GROUPS // SERIES] * SERIES
    legend = shape_legend(names, {"s3": 7})
    assert legend.count("aria-label") == MOST_GROUPS
    assert "s3 <span>7</span>" in legend


def test_outlines_and_grey_points() -> None:
    chart = scatter_chart(points(30, ["a", "b", "c"]), ["a", "b"], alt="x")
    root = ET.fromstring(chart)
    fills = {group.get("fill") for group in root.findall("g")}
    assert {"var(--card)", "var(--s0)", "var(--soft)"} <= fills
    assert len(list(root.iter("circle"))) == 10
    file = standalone(chart)
    for name in re.findall(r"var\((--[\w-]+)\)", file):
        assert file.count(f"{name}:") == 2  # light and dark


def test_one_place_and_bad_points() -> None:
    one = Points([3.0, 3.0], [1.0, 1.0], ["a", "a"], ["x", "y"], [False, False])
    assert "nan" not in scatter_chart(one, ["a"], alt="x")
    with pytest.raises(ValueError, match="finite points"):
        scatter_chart(Points([np.nan], [0.0], ["a"], ["x"], [False]), ["a"], alt="x")
    with pytest.raises(ValueError, match="at least one"):
        scatter_chart(Points([], [], [], [], []), ["a"], alt="x")
    with pytest.raises(ValueError, match="at most 12"):
        scatter_chart(one, [str(i) for i in range(13)], alt="x")


def mapped(folder: Path, rows: int = 300, *, speakers: int = 5) -> Subject:
    run = leaky_run(folder)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": [f"r{i}" for i in range(rows)], "x": rng.normal(size=rows)})
    table["y"] = rng.normal(size=rows)
    table["label"] = [["angry", "calm"][i % 2] for i in range(rows)]
    table["predicted"] = "calm"
    table["speaker"] = [f"corpus/p{i % speakers}" for i in range(rows)]
    table["split"] = ["test" if i % 4 else "validation" for i in range(rows)]
    table["language"] = ["z" if i % 4 else "x" for i in range(rows)]
    table["corpus"] = ["corpus of z" if i % 4 else "corpus of x" for i in range(rows)]
    table.attrs = {"perplexity": 30.0, "of": rows, "seed": 0}
    write_predictions(map_path(run, "test"), table)
    return Subject([run], "test", [{}])


def test_panels_by_emotion_language_and_speaker(tmp_path: Path) -> None:
    html = maps(mapped(tmp_path))
    for words in ("By emotion", "By language", "By speaker of the test split; the others grey"):
        assert f"<figcaption>{words}</figcaption>" in html
    assert "By corpus" not in html  # the same groups as the languages
    assert "angry, said calm · x · p0" in html
    assert "p4 <span>" in html
    assert "Outlined: validation split" in html
    assert "rows are drawn" not in html
    assert html.count("<title>") == 900


def with_components(subject: Subject) -> Subject:
    run = subject.runs[0]
    table = read_map(run, "test")
    assert table is not None
    table["pca_x"], table["pca_y"] = -table["x"], table["y"]
    table.attrs["explained"] = 0.414
    write_predictions(map_path(run, "test"), table)
    return subject


def captions(html: str) -> list[str]:
    return re.findall("<figcaption>(.*?)</figcaption>", html)


def test_principal_components_stand_beside_every_panel(tmp_path: Path) -> None:
    html = maps(with_components(mapped(tmp_path)))
    assert html.count("<title>") == 6 * 300
    own = " of the test split; the others grey"
    assert captions(html) == [
        "By emotion",
        "By emotion, principal components",
        "By language",
        "By language, principal components",
        f"By speaker{own}",
        f"By speaker, principal components{own}",
    ]
    assert "41 per cent of the variance" in html
    for word in ("emotion", "language", "speaker"):
        assert f"PCA of 300 embeddings by {word}" in html
        assert f"t-SNE of 300 embeddings by {word}" in html
    assert "principal" not in maps(mapped(tmp_path / "without"))


def test_the_number_of_points_is_shared(tmp_path: Path) -> None:
    subject = mapped(tmp_path, rows=1500)
    alone, shared = maps(subject), maps(subject, subjects=8)
    assert alone.count("<title>") == 3 * 1500
    assert shared.count("<title>") == 3 * 375
    assert "375 of 1,500 rows are drawn" in shared
    assert 8 * len(shared.encode()) < 1_500_000
    assert maps(Subject(subject.runs, "test", [{}], place=8), subjects=9) == ""
    both = maps(with_components(subject))
    assert both.count("<title>") == 6 * 1500
    assert len(both.encode()) < 1_500_000


def test_of_many_speakers_those_with_the_most_rows_have_a_colour(tmp_path: Path) -> None:
    html = maps(mapped(tmp_path, speakers=13))
    title = "By speaker of the test split, the 12 with most rows; the others grey"
    assert title in captions(html)
    legend = html.partition(title)[2]
    assert legend.count('viewBox="0 0 12 12"') == MOST_GROUPS
    assert html.count("<title>") == 900


def test_of_many_emotions_those_with_the_most_rows_have_a_colour(tmp_path: Path) -> None:
    subject = mapped(tmp_path)
    path = map_path(subject.runs[0], "test")
    table = read_map(subject.runs[0], "test")
    assert table is not None
    table["label"] = [f"e{min(i % 30, 19):02}" for i in range(len(table))]  # e19 is the commonest
    write_predictions(path, table)
    html = maps(subject)
    title = "By emotion, the 12 with most rows; the others grey"
    assert captions(html)[0] == title
    panel = html.partition(title)[2].partition("<figcaption>")[0]
    named = re.findall(r"</svg>(e\d\d) <span>", panel)
    assert named == [*(f"e{i:02}" for i in range(11)), "e19"]
    assert panel.count("<circle") == 8 * 10


def test_rows_that_differ_in_nothing_have_no_section(tmp_path: Path) -> None:
    subject = mapped(tmp_path, speakers=1)
    path = map_path(subject.runs[0], "test")
    table = read_map(subject.runs[0], "test")
    assert table is not None
    write_predictions(path, table.assign(label="calm", language="x", corpus="x"))
    assert maps(subject) == ""


def test_runs_without_a_map(tmp_path: Path) -> None:
    run = leaky_run(tmp_path)
    assert maps(Subject([run], "test", [{}])) == ""
    assert maps(Subject([run], None, [])) == ""
    pd.DataFrame({"id": ["a"]}).to_parquet(map_path(run, "test"))
    with pytest.raises(ValueError, match="is not a map"):
        read_map(run, "test")
    map_path(run, "test").write_text("no")
    with pytest.raises(ValueError, match="not a readable Parquet"):
        read_map(run, "test")


def faces_map(folder: Path, **options: int) -> str:
    table = regression_table(300, **options)
    run = regression_run(folder, table=table, pictures=False, critic=False)
    return maps(gather([run])[0])


def test_faces_are_mapped_by_quadrant_expression_and_person(tmp_path: Path) -> None:
    html = faces_map(tmp_path, people=10)
    assert captions(html) == [
        "By quadrant",
        "By expression",
        "By person of the test split; the others grey",
    ]
    assert "Outlined: validation split, other persons." in html
    row = regression_table(300, people=10).iloc[1]
    told = f"valence {row['valence']:+.2f} arousal {row['arousal']:+.2f}".replace("0.", ".")
    assert f": {told}, said valence" in html
    assert "sadness · p01" in html
    # the words of the quadrants stand in one order, whichever of them occur
    order = re.findall(r"</svg>([\w/]+) <span>", html.partition("By expression")[0])
    assert order == [one for one in QUADRANTS if one in order]
    assert len(order) >= 4


def test_of_many_persons_those_with_the_most_rows_have_a_colour(tmp_path: Path) -> None:
    html = faces_map(tmp_path, people=70)
    assert "By person of the test split, the 12 with most rows; the others grey" in html
    legend = html.partition("with most rows")[2]
    assert len(re.findall(r"p\d\d <span>5</span>", legend)) == MOST_GROUPS


def test_faces_of_nobody_are_mapped_without_persons(tmp_path: Path) -> None:
    html = faces_map(tmp_path, people=0)
    assert "By person" not in html
    assert "Outlined: validation split. Rest" in html
