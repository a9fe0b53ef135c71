"""The tables of the embedding in the recipe's README are those that its results give."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.benchmarks.embedding_tables import METRICS, lead, main, table

ROOT = Path(__file__).parents[2]
README = ROOT / "recipes/fec_text/README.md"


def test_a_lead_is_paired_over_the_seeds_of_both() -> None:
    one = pd.Series({0: 0.50, 1: 0.60, 2: 0.70})
    other = pd.Series({2: 0.66, 0: 0.49, 1: 0.58, 7: 0.0})
    # gaps 1, 2 and 4: mean 7/3, sd 1.5275, t(2) = 4.3027
    assert lead(one, other) == "+2.33 [-1.46, +6.13], 3 seeds"
    assert lead(one, other[:1]) == "not run"


def test_a_measure_that_was_not_taken_says_so() -> None:
    rows = [
        {"config": f"goemotions_{name}", "seed": seed, "metric": metric, "value": 0.5 + seed / 100}
        for name in ("aml", "ce", "lcl")
        for metric in METRICS
        for seed in (0, 1)
        if (name, metric) != ("ce", "rare_f1")
    ]
    lines = table(pd.DataFrame(rows), "goemotions").splitlines()
    assert lines[0] == "| GoEmotions: AML minus | cross-entropy | LCL |"
    assert lines[-1].endswith("| not run | +0.00 [+0.00, +0.00], 2 seeds |")


@pytest.mark.slow
def test_the_readme_holds_the_tables_of_the_results(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    main(["--root", str(ROOT), "--page", str(page)])
    assert page.read_text(encoding="utf-8") == README.read_text(encoding="utf-8")
