from __future__ import annotations

import re
from pathlib import Path

from affectrep.evaluation.adversary_health import adversary_sentences
from affectrep.reporting.adversary import adversary_section
from affectrep.reporting.subject import Subject
from tests.evaluation.test_adversary_health import aml, head, hidden


def captions(html: str) -> list[str]:
    return re.findall("<figcaption>(.*?)</figcaption>", html)


def test_a_learned_metric_has_its_sentence_and_traces(tmp_path: Path) -> None:
    run = aml(tmp_path, [0.4, 0.5, 0.3], [0.8, 0.9, 0.7], strength=0.4)
    html = adversary_section(Subject([run], None, []))
    assert f'<p class="verdict">{adversary_sentences(run)[0]}</p>' in html
    assert captions(html) == [
        "Answers of the learned metric to hard pairs",
        "Share of the possible damage that the learned metric does",
    ]
    assert html.count("<polyline") == 3


def test_a_head_is_drawn_beside_a_guess(tmp_path: Path) -> None:
    run = hidden(tmp_path, head([0.2, 0.3, 0.32, 0.3]))
    html = adversary_section(Subject([run], None, []))
    assert captions(html) == ["Share of rows whose speaker the head names"]
    assert html.count("<polyline") == 2
    assert "stayed above chance" in html


def test_seeds_that_say_different_things_are_named(tmp_path: Path) -> None:
    runs = [aml(tmp_path / str(i), [0.4, sd], [0.8, 0.8]) for i, sd in enumerate((0.5, 0.01))]
    for seed, run in enumerate(runs):
        config = run.path / "config.yaml"
        config.write_text(config.read_text() + f"seed: {seed}\n")
    html = adversary_section(Subject([type(run)(run.path) for run in runs], None, []))
    assert "Seed 0: The learned metric lived" in html
    assert "Seed 1: The learned metric died" in html


def test_a_run_without_one_has_no_section(tmp_path: Path) -> None:
    run = hidden(tmp_path, {})
    assert adversary_section(Subject([run], None, [])) == ""
