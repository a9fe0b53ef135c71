"""The matrix of objectives: cells are what the comparison says, seen from the objective's side."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from affectrep.config import load_config
from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.results import read_results
from tests.benchmarks.marked_page import markers, with_table
from tests.benchmarks.objective_matrix import (
    CORPORA,
    OBJECTIVES,
    gains,
    main,
    matrix,
    measured,
    whole_matrix,
)

ROOT = Path(__file__).parents[2]
TEXT, SPEECH, FACES = CORPORA
BEGIN, END = markers("matrix")
PAGES = [
    page
    for page in ("docs/matrix.md", "README.md")
    if BEGIN in (ROOT / page).read_text(encoding="utf-8")
]


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


def test_gains_are_paired_by_seed():
    found = gains(SPEECH, ROOT)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(OBJECTIVES[1:], 5)
    table = read_results(ROOT / "recipes/ser_crosslingual/results.csv")
    table = table[(table["condition"] == "strict mean") & (table["metric"] == "uar")]
    values = table.set_index(["config", "seed"])["value"]
    wanted = values["functionals_aml"] - values["functionals_baseline2"]
    assert found["Adversarial metric learning"] == pytest.approx(wanted.tolist())


def test_the_last_column_is_over_corpora_where_all_cells_are_there():
    gained = {
        TEXT: {"Supervised contrast": [0.0, 0.01], "CAF's critic": []},
        SPEECH: {"Supervised contrast": [0.02, 0.09], "CAF's critic": [0.1, 0.2]},
    }
    gained[SPEECH]["Gradient reversal"] = [0.1, 0.2]
    lines = matrix({}, gained).splitlines()
    assert lines[0] == "| Objective | All that apply, IQM |"
    assert lines[2] == "| Task loss only |  |"
    assert re.fullmatch(
        r"\| Supervised contrast \| \+1\.5 \[[-+][\d.]+, \+[\d.]+\], 4 runs \|", lines[3]
    )
    assert lines[5:7] == ["| CAF's critic | not all run |", "| Gradient reversal | one corpus |"]


@pytest.fixture(scope="module")
def now() -> str:
    return whole_matrix(ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_pages_hold_the_table_that_the_records_give(page, now):
    text = (ROOT / page).read_text("utf-8")
    assert with_table(text, now, "matrix") == text, (
        "write it anew: python -m tests.benchmarks.objective_matrix --page " + " ".join(PAGES)
    )


def test_several_pages_are_written_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.benchmarks.objective_matrix.whole_matrix", lambda root: "new")
    pages = [tmp_path / "a.md", tmp_path / "b.md"]
    for page in pages:
        page.write_text(f"{page.stem}\n{BEGIN}\nold\n{END}\n")
    main(["--page", *map(str, pages)])
    assert [page.read_text() for page in pages] == [f"{x}\n{BEGIN}\nnew\n{END}\n" for x in "ab"]
    (tmp_path / "c.md").write_text("no markers")
    pages[0].write_text(f"{BEGIN}{END}")
    with pytest.raises(ValueError, match="needs both"):
        main(["--page", str(pages[0]), str(tmp_path / "c.md")])
    assert pages[0].read_text() == f"{BEGIN}{END}"  # none is written if one cannot be
