"""The page of configuration keys is what the schema says, and says something of every key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from affectrep.config import Config
from affectrep.config.keys import kinds_of, sections_in
from affectrep.config.objectives import FittedConfig
from affectrep.evaluation.evaluate import metric_names
from tests.docs.configuration_page import FREE, PAGE, page, rows_of

ROOT = Path(__file__).parents[2]
SECTIONS = [key for key in Config.model_fields if key != "objective"]


def test_the_page_is_current():
    current = PAGE.read_text(encoding="utf-8")
    assert current == page(), "write it anew: python -m tests.docs.configuration_page"


@pytest.mark.parametrize("key", SECTIONS)
def test_every_key_has_a_type_and_a_meaning(key):
    parts = list(kinds_of(key).values()) or list(sections_in(Config.model_fields[key].annotation))
    rows = [row for part in parts for row in rows_of(part, f"{key}.")]
    rows += [row for row in rows_of(Config, "", nested=False) if row[0] == f"`{key}`"]
    rows += rows_of(FittedConfig, "objective.")  # the one objective that the page holds
    assert rows
    for name, kind, default, meaning in rows:
        assert kind, name
        assert default, name
        assert meaning, f"{name} has no description"


def test_the_page_holds_keys_of_every_depth():
    text = PAGE.read_text(encoding="utf-8")
    assert "| `training.epochs` | integer, ≥ 1 | `4` | passes over" in text
    assert "| `encoder.checkpoint` | text | required | hub id, local folder, or bundled:" in text
    assert "| `data.speech.augment.speed.low` | number | required |" in text
    assert "`data.speech.augment.tempo.low`" not in text  # as of speed, which is said
    assert "| `encoder.preprocess.frames` | `16` |" in text  # of clips of faces
    assert text.count("### Keys of ") == len(FREE)
    for task in ("classification", "multilabel", "regression"):
        names = ", ".join(f"`{name}`" for name in metric_names(task))
        assert f"| `{task}` | {names} |" in text


def test_no_cell_breaks_a_table():
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"\|", line)) in (3, 4, 5), line


@pytest.mark.parametrize("file", ["docs/index.md", "README.md"])
def test_the_first_pages_lead_here(file):
    assert "configuration.md)" in (ROOT / file).read_text(encoding="utf-8")
