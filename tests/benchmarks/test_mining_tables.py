"""The mining figures and tables of the recipe's README are those that its records give."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.aml_tables import CORPORA
from tests.benchmarks.mining_figure import figure
from tests.benchmarks.mining_tables import main, mined

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes/fec_text"


@pytest.mark.slow
def test_the_readme_holds_the_tables_of_the_records(tmp_path: Path) -> None:
    text = (RECIPE / "README.md").read_text(encoding="utf-8")
    page = tmp_path / "README.md"
    page.write_text(text, encoding="utf-8")
    main(["--root", str(ROOT), "--page", str(page)])
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.slow
@pytest.mark.parametrize("corpus", CORPORA)
def test_the_figure_is_that_of_the_records(corpus: str) -> None:
    drawn = (RECIPE / f"mining_{corpus}.svg").read_text(encoding="utf-8")
    assert drawn == figure(mined(ROOT, corpus))
