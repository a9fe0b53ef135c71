from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from affectrep.evaluation.metrics import regression_metrics
from affectrep.reporting.subject import Subject, gather
from affectrep.reporting.track import track_chart, tracks, video_figures
from tests.reporting.regressed import AXES, regression_run, regression_table


def clips(videos: int, rows: int = 400, seed: int = 0):
    """Predictions that get worse from video to video."""
    table = regression_table(rows, seed, videos=videos)
    place = table["video"].str[1:].astype(int).to_numpy() / videos
    noise = np.random.default_rng(1).normal(size=(rows, 2))
    for i, axis in enumerate(AXES):
        table[f"predicted_{axis}"] = table[axis] + place * noise[:, i]
    return table


def subject(folder: Path, table) -> Subject:
    return gather([regression_run(folder, table=table, pictures=False, mapped=False)])[0]


def test_figures_are_of_each_video_alone() -> None:
    table = clips(5).sample(frac=1, random_state=0)  # rows come in any order
    found = video_figures(table).set_index("video")
    mine = table[table["video"] == "v3"]
    said = mine[[f"predicted_{axis}" for axis in AXES]].to_numpy()
    direct = regression_metrics(mine[list(AXES)].to_numpy(), said)
    assert found.loc["v3", "ccc"] == pytest.approx(direct["ccc"])
    assert found.loc["v3", "rmse"] == pytest.approx(direct["rmse"])
    assert list(found.index) == ["v0", "v1", "v2", "v3", "v4"]


def test_short_videos_and_rows_without_one_are_left_out() -> None:
    table = clips(5)
    table.loc[table["video"] == "v1", "video"] = None
    kept = (table["video"] != "v2") | (table["frame"] < 9)
    assert list(video_figures(table[kept])["video"]) == ["v0", "v3", "v4"]


def test_best_median_and_worst_are_shown(tmp_path: Path) -> None:
    html = tracks(subject(tmp_path, clips(5)))
    found = re.findall(r"<h3>The (\w+) video: (\w+)", html)
    assert found == [("best", "v0"), ("median", "v2"), ("worst", "v4")]
    assert html.count("<svg viewBox") == 6
    assert "The 5 videos" in html


@pytest.mark.parametrize(("videos", "shown"), [(1, 1), (2, 2), (3, 3)])
def test_few_videos_are_shown_once(tmp_path: Path, videos: int, shown: int) -> None:
    html = tracks(subject(tmp_path, clips(videos)))
    assert html.count("<h3>") == shown
    assert html.count("<svg viewBox") == 2 * shown


def test_a_track_follows_the_frames_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    table = clips(2)
    attrs = table.attrs
    mixed = table.sample(frac=1, random_state=0).reset_index(drop=True)
    mixed.attrs = attrs
    assert tracks(subject(tmp_path / "a", mixed)) == tracks(subject(tmp_path / "b", table))


def test_a_long_track_is_thinned_and_keeps_its_ends() -> None:
    rows = clips(1, 2000)
    root = ET.fromstring(track_chart(rows, "valence"))
    lines = [one.get("points").split() for one in root.iter("polyline")]
    assert [len(one) for one in lines] == [300, 300]
    assert {"0", "80", "seconds"} <= {one.text for one in root.iter("text")}
    short = ET.fromstring(track_chart(rows.iloc[:50], "valence"))
    assert {"frame", "49"} <= {one.text for one in short.iter("text")}


def test_rows_without_videos_have_no_track(tmp_path: Path) -> None:
    assert tracks(subject(tmp_path / "a", regression_table(100))) == ""
    assert tracks(subject(tmp_path / "b", clips(40, 200))) == ""  # five frames each


def test_a_name_is_not_html(tmp_path: Path) -> None:
    table = clips(1)
    table["video"] = "<b>"
    assert "&lt;b&gt;" in tracks(subject(tmp_path, table))
