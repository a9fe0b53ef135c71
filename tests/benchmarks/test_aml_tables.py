"""The tables of AML in the recipe's README are those that its records give."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.evaluation.comparison import Difference
from tests.benchmarks.aml_tables import METRICS, main, table, tables

ROOT = Path(__file__).parents[2]
README = ROOT / "recipes/fec_text/README.md"


def lead(metric: str, effect: float, *, holm: float, seeds: int) -> Difference:
    low, high = effect - 0.01, effect + 0.02
    return Difference(metric, 0.5, 0.5 - effect, effect, low, high, 0.01, 0.03, seeds, 0.0, holm)


def test_a_line_a_metric_and_a_column_a_system() -> None:
    found = {
        "ce": {name: lead(name, 0.03, holm=0.02, seeds=3) for name in METRICS},
        "lcl": {name: lead(name, -0.01, holm=0.4, seeds=1) for name in METRICS},
    }
    lines = table("goemotions", found).splitlines()
    assert lines[0] == (
        "| GoEmotions: AML minus | cross-entropy, 3 paired seeds | LCL, 1 seed, rows only |"
    )
    first = "| Weighted F1 | **+3.0** [+2.0, +5.0], detectable 3.0 | -1.0 [-2.0, +1.0], detectable"
    assert lines[2].startswith(first)
    assert len(lines) == 2 + len(METRICS) + 1
    assert lines[-1] == "| Holm's p, Weighted F1 | 0.020 | 0.400 |"


def test_a_figure_that_one_system_lacks_is_left_out() -> None:
    found = {
        "ce": {name: lead(name, 0.03, holm=0.02, seeds=3) for name in METRICS},
        "lcl": {METRICS[0]: lead(METRICS[0], -0.01, holm=0.4, seeds=2)},
    }
    assert len(table("empathetic", found).splitlines()) == 4


@pytest.mark.slow
def test_the_readme_holds_the_tables_of_the_records(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    main(["--root", str(ROOT), "--page", str(page)])
    assert page.read_text(encoding="utf-8") == README.read_text(encoding="utf-8")
    assert tables(ROOT).count("AML minus") == 2
