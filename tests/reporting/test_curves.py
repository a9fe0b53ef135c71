from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from affectrep.reporting.curves import learning
from affectrep.reporting.subject import gather
from tests.evaluation.invented import make_run
from tests.reporting.regressed import regression_run


def captions(html: str) -> list[str]:
    return re.findall("<figcaption>(.*?)</figcaption>", html)


def drawing(html: str, caption: str) -> ET.Element:
    return ET.fromstring(re.search(f"{caption}</figcaption>.*?(<svg.*?</svg>)", html)[1])


def test_every_player_has_a_curve(tmp_path: Path) -> None:
    runs = [regression_run(tmp_path, "caf", seed, pictures=False) for seed in range(2)]
    runs.append(regression_run(tmp_path, "plain", critic=False, pictures=False))
    html = learning(gather(runs))
    assert captions(html) == [
        "Training loss",
        "CCC on validation",
        "Loss of phase critic",
        "Loss of phase adversarial",
    ]
    counts = [len(list(drawing(html, one).iter("polyline"))) for one in captions(html)]
    assert counts == [3, 3, 2, 2]  # plain regression has no critic


def test_the_main_curve_is_that_of_the_regression(tmp_path: Path) -> None:
    run = regression_run(tmp_path, pictures=False)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    first = next(line["value"] for line in lines if line["name"] == "regression")
    html = learning(gather([run]))
    points = drawing(html, "Training loss").find("polyline").get("points").split()
    assert len(points) == 100
    labels = [
        (float(one.get("y", "")) - 4, float(one.text))
        for one in drawing(html, "Training loss").iter("text")
        if one.get("text-anchor") == "end"
    ]
    (y0, v0), (y1, v1) = labels[0], labels[-1]
    height = float(points[0].split(",")[1])
    assert v0 + (height - y0) / (y1 - y0) * (v1 - v0) == pytest.approx(first, abs=0.02)


def test_the_best_epoch_by_an_error_is_the_lowest(tmp_path: Path) -> None:
    run = regression_run(tmp_path, pictures=False)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("select: ccc", "select: rmse"))
    html = learning(gather([run]))
    assert "Best: faces, seed 0 0.28 in epoch 4" in html


def test_a_classification_without_further_players_has_two(tmp_path: Path) -> None:
    html = learning(gather([make_run(tmp_path)]))
    assert captions(html) == ["Training loss", "Weighted F1 on validation"]


def test_a_name_that_was_not_given_is_the_tasks_own(tmp_path: Path) -> None:
    run = regression_run(tmp_path, pictures=False)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("select: ccc", "epochs: 4"))
    assert "CCC on validation" in captions(learning(gather([run])))
