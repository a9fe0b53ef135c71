"""The matrix of objectives: cells are what the comparison says, seen from the objective's side."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.config import load_config
from affectrep.evaluation.comparison import Difference
from tests.benchmarks.objective_matrix import (
    BEGIN,
    CORPORA,
    END,
    OBJECTIVES,
    matrix,
    measured,
    with_matrix,
)

ROOT = Path(__file__).parents[2]
TEXT, SPEECH, FACES = CORPORA


def lead(effect: float, *, holm: float, seeds: int = 3) -> Difference:
    a, low, high = 0.5, effect - 0.01, effect + 0.02
    return Difference("uar", a, a - effect, effect, low, high, 0.01, 0.02, seeds, 0.0, holm)


def test_a_cell_is_the_objectives_lead_over_the_task():
    found = {"Supervised contrast": lead(0.03, holm=0.02), "CAF's critic": lead(-0.01, holm=0.4)}
    table = matrix({SPEECH: found}).splitlines()
    assert table[0] == "| Objective | Five languages, one unseen, UAR |"
    lines = {line.split(" | ")[0].strip("| "): line for line in table[2:]}
    assert lines["Task loss only"] == "| Task loss only | 50.0 |"
    words = "| Supervised contrast | **-3.0** [-5.0, -2.0], p 0.020, 3 seeds |"
    assert lines["Supervised contrast"] == words
    assert "| +1.0 [-1.0, +2.0], p 0.400" in lines["CAF's critic"]
    assert lines["Triplets, adaptive margin"].endswith("| not run |")


def test_what_does_not_apply_is_told_in_words():
    table = matrix({TEXT: {}, FACES: {}})
    assert "| not applicable: no author is known | not applicable: no identity is known |" in table


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda corpus: corpus.recipe)
def test_every_cell_is_a_configuration_or_says_why_not(corpus):
    assert {*corpus.cells, *corpus.missing} == set(OBJECTIVES)
    for name in corpus.cells.values():
        config = load_config(ROOT / "configs" / corpus.recipe / f"{name}.yaml", [])
        assert config.training.select == corpus.metric


def test_records_that_are_there_are_compared():
    found = measured(SPEECH, ROOT)
    contrast = found["Supervised contrast"]
    assert contrast.seeds == 5
    assert contrast.a > contrast.b  # the README's: contrast costs on speech
    assert measured(SPEECH, ROOT / "nowhere") == {}


def test_a_page_without_markers_is_refused():
    assert with_matrix(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"
    with pytest.raises(ValueError, match="needs both"):
        with_matrix("no markers", "new")
