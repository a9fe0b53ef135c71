"""The page on own data: what it says to change makes a run of one's own, beside the studies'."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from affectrep.config import load_config

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
PARTS = re.findall(r"Copy `(configs/\S+\.yaml)`.*?```yaml\n(.*?)```", PAGE, re.DOTALL)


def changed(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for key, value in new.items():
        inner = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = changed(merged[key], value) if inner else value
    return merged


def test_there_is_a_part_for_each_modality() -> None:
    assert [base.split("/")[1] for base, _ in PARTS] == ["fec_text", "fer_av", "ser_crosslingual"]


@pytest.mark.parametrize(("base", "words"), PARTS, ids=[base for base, _ in PARTS])
def test_the_changes_load_and_are_a_run_of_ones_own(base: str, words: str, tmp_path: Path) -> None:
    known = yaml.safe_load((ROOT / base).read_text(encoding="utf-8"))
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(changed(known, yaml.safe_load(words))), encoding="utf-8")
    config = load_config(mine, [])
    assert (config.name, config.recipe) == ("mine", None)
    assert config.data.root is not None
    assert config.data.root.startswith("path/to/")
