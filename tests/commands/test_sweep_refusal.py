from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.commands.sweep_refusal import refusal
from affectrep.config import load_config
from tests.tiny import tiny_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tiny_config(tmp_path)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["objective={name: supcon}"], ""),
        (["objective={name: caf}"], "objective caf needs continuous as labels"),
        (
            ["objective={name: domain_adversarial, domains: {speaker: {weight: 0.3}}}"],
            "objective domain_adversarial needs the column speaker",
        ),
    ],
)
def test_an_objective_that_the_corpus_has_no_labels_for(config, words, reason):
    found = refusal(load_config(config, words))
    assert found.startswith(reason)
    assert bool(found) == bool(reason)
    assert "\n" not in found


@pytest.mark.parametrize(
    "words",
    [
        ["data.root=/nowhere"],  # no data
        ["data.corpus=nothing"],
        ["task=regression"],  # the corpus is of another task: a mistake
    ],
)
def test_other_trouble_is_for_training_to_tell(config, words):
    assert refusal(load_config(config, words)) == ""


def test_what_a_part_of_an_objective_refuses_is_a_mistake(config, monkeypatch):
    from affectrep.build import objective

    def broken(**values: object) -> None:
        raise ValueError("weight must not be seven")

    monkeypatch.setitem(objective.OBJECTIVES, "supcon", broken)
    assert refusal(load_config(config, ["objective={name: supcon}"])) == ""
