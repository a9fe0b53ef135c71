from __future__ import annotations

from pathlib import Path
from typing import Any

from affectrep.reporting.structure import structure
from affectrep.reporting.subject import Subject
from tests.evaluation.leaky import leaky_run


def figure(value: float, *, wide: bool = True) -> dict[str, Any]:
    ends = (value - 0.1, value + 0.1) if wide else (None, None)
    return {"value": value, "low": ends[0], "high": ends[1]}


def card(shift: float = 0.0, *, before: bool = True) -> dict[str, Any]:
    now = {"knn_accuracy": figure(0.65 + shift), "uniformity": figure(-2.5, wide=False)}
    then = {"knn_accuracy": figure(0.25 + shift), "uniformity": figure(-3.5, wide=False)}
    found: dict[str, Any] = {"neighbours": 20, "metrics": now}
    attacked: dict[str, Any] = {"metrics": {"speaker_mlp": figure(0.5)}}
    if before:
        found["before"] = {"metrics": then}
        attacked["before"] = {"metrics": {"speaker_mlp": figure(0.75)}}
    return {"representation": found, "leakage": attacked}


def subject(folder: Path, *cards: dict[str, Any]) -> Subject:
    runs = [leaky_run(folder, seed=seed) for seed in range(len(cards))]
    return Subject(runs, "test", list(cards))


def test_before_and_after_stand_side_by_side(tmp_path: Path) -> None:
    html = structure(subject(tmp_path, card(), card(0.1)))
    assert "name the right class of 70.0 of 100 rows, 30.0 before training" in html
    cells = '<td class="n">30.0</td><td class="n">70.0 [55.0, 85.0]</td>'  # spans both seeds
    assert f"name the right class</td>{cells}" in html
    assert 'evenly</td><td class="n">-3.500</td><td class="n">-2.500</td>' in html
    assert "Speaker above chance, hidden layer" in html
    assert "Before training: the same rows" in html


def test_without_the_encoder_before_there_is_one_column(tmp_path: Path) -> None:
    html = structure(subject(tmp_path, card(before=False)))
    assert 'name the right class</td><td class="n">65.0 [55.0, 75.0]</td></tr>' in html
    assert "before training" not in html.lower()
    assert "Speaker" not in html  # stands in the section about leakage


def test_runs_that_were_not_measured_have_no_section(tmp_path: Path) -> None:
    assert structure(subject(tmp_path, {})) == ""
