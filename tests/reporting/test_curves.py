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


def losses(folder: Path, *logged: tuple[str, str, float]) -> str:
    """The section of a run with these lines (phase, name, value) at each of 30 steps."""
    run = make_run(folder)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    for step in range(1, 31):
        place = {"step": step, "epoch": 0}
        lines += [
            json.dumps({**place, "phase": phase, "name": name, "value": value + 0.01 * step})
            for phase, name, value in logged
        ]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    return learning(gather([run]))


def test_a_domain_head_in_the_main_phase_has_a_curve(tmp_path: Path) -> None:
    logged = [("main", "speaker", 3.0), ("main", "speaker_accuracy", 0.1)]
    html = losses(tmp_path, *logged, ("main", "speaker_coefficient", 0.3))
    assert captions(html)[2:] == ["Loss of the speaker head"]
    alt = drawing(html, "Loss of the speaker head").get("aria-label", "")
    assert alt.startswith("Loss of the speaker head by step")


def test_domain_players_of_their_own_phases_have_a_curve(tmp_path: Path) -> None:
    html = losses(
        tmp_path,
        ("speaker_head", "speaker", 3.0),
        ("corpus_critic_1", "corpus", 100.0),
        ("corpus_critic_2", "corpus", -4.0),
        ("main", "corpus_wasserstein", 4.0),
    )
    assert captions(html)[2:] == ["Loss of the speaker head", "Loss of the corpus critic"]
    labels = [one.text for one in drawing(html, "Loss of the corpus critic").iter("text")]
    assert "100" not in labels  # the last step on a batch is drawn


def test_the_learned_metric_has_the_loss_that_it_raises(tmp_path: Path) -> None:
    hard = [("adversary", "hard_positive", 1.0), ("adversary", "hard_negative", 3.0)]
    html = losses(tmp_path, *hard, ("adversary", "response_sd", 50.0))
    assert captions(html)[2:] == ["Pair loss that the learned metric raises"]
    drawn = drawing(html, "Pair loss that the learned metric raises")
    numbers = [float(one.text) for one in drawn.iter("text") if one.get("text-anchor") == "end"]
    assert 1.9 < sum(numbers) / len(numbers) < 2.4  # the mean of both halves


def test_further_players_have_curves(tmp_path: Path) -> None:
    html = losses(
        tmp_path,
        ("critic", "critic", 1.0),
        ("critic_2", "critic", 1.0),
        ("adversary", "match", 1.0),
        ("main", "weighting", 1.0),
    )
    assert captions(html)[2:] == [
        "Loss of the weighting classifier",
        "Loss of phase critic",
        "Loss of the learned metric",
    ]
