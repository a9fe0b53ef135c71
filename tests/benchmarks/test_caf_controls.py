"""The controls of the released code: every pair has a line; the page holds what records give."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.config import load_config
from affectrep.objectives import CAFSteps
from tests.benchmarks.caf_controls import PAIRS, main, table

ROOT = Path(__file__).parents[2]
README = ROOT / "recipes/fer_av/README.md"


def test_a_pair_without_records_says_so(tmp_path: Path) -> None:
    lines = table(tmp_path).splitlines()[2:]
    assert len(lines) == len(PAIRS)
    assert all(line.endswith("| 0, not run | 0, not run | not run |") for line in lines)


def test_the_blind_control_differs_from_the_code_by_the_adversarys_weight_alone() -> None:
    code, blind = (
        load_config(ROOT / f"configs/fer_av/{name}.yaml").model_dump()
        for name in ("ferplus_caf_code", "ferplus_caf_code_blind")
    )
    assert blind["objective"]["steps"].pop("adversarial_weight") == 1e-12
    assert CAFSteps().adversarial_weight == 1  # what the code has, which does not name it
    assert blind.pop("name") != code.pop("name")
    assert blind == code


@pytest.mark.slow
def test_the_readme_holds_the_pairs_of_the_records(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    main(["--root", str(ROOT), "--page", str(page)])
    assert page.read_text(encoding="utf-8") == README.read_text(encoding="utf-8")
