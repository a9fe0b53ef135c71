"""A working folder with an empty speech recipe, for the commands that write its results."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def speech_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the test: ``recipes/ser_crosslingual`` with a README and no results."""
    monkeypatch.chdir(tmp_path)
    recipe = Path("recipes/ser_crosslingual")
    recipe.mkdir(parents=True)
    (recipe / "README.md").write_text("<!-- results:begin -->\n<!-- results:end -->\n")
    return tmp_path
