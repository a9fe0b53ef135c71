"""The table of critics, margins and groupings says what the records give, and what was not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.config import load_config
from affectrep.evaluation.comparison import Difference
from tests.benchmarks.caf_table import SYSTEMS, differences, main, table
from tests.benchmarks.marked_page import markers

ROOT = Path(__file__).parents[2]
README = ROOT / "recipes/fer_av/README.md"


def plain_lead(effect: float, *, holm: float, seeds: int) -> Difference:
    low, high = effect - 0.01, effect + 0.02
    return Difference("ccc", 0.5, 0.5 - effect, effect, low, high, 0.01, 0.03, seeds, 0.0, holm)


def test_a_line_shows_the_systems_lead_over_plain_regression() -> None:
    found = {"ferplus_caf": plain_lead(-0.03, holm=0.02, seeds=5)}
    lines = {line.split(" | ")[0]: line for line in table(ROOT, found).splitlines()}
    line = lines["| `ferplus_caf`"]
    assert line.startswith("| `ferplus_caf` | CAF | adaptive | Otsu | 5 | 0.76")
    assert line.endswith("| **+0.030** [+0.010, +0.040], 5 seeds | 0.020 |")
    assert set(lines) >= {f"| `{name}`" for name in SYSTEMS}


def test_a_system_without_records_says_so(tmp_path: Path) -> None:
    found = table(tmp_path, {})
    assert found.count("not run") == 2 * len(SYSTEMS) + 1


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_is_a_configuration(name: str) -> None:
    assert load_config(ROOT / "configs/fer_av" / f"{name}.yaml").name == name


@pytest.mark.slow
def test_the_readme_holds_the_table_of_the_records(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    main(["--root", str(ROOT), "--page", str(page)])
    assert page.read_text(encoding="utf-8") == README.read_text(encoding="utf-8")
    assert markers("caf")[0] in page.read_text(encoding="utf-8")
    assert "ferplus_caf" in differences(ROOT)
