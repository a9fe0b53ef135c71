"""The rendered report in docs is one that this version writes, not one of long ago."""

from __future__ import annotations

import re
from pathlib import Path

from affectrep.reporting import report as reporting

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "report_demo.html").read_text(encoding="utf-8")
AGAIN = "write docs/report_demo.html again: bash recipes/fec_text/run.sh, then copy its report.html"


def test_it_has_the_style_of_today() -> None:
    style = (Path(reporting.__file__).parent / "report.css").read_text(encoding="utf-8")
    assert style.strip() in PAGE, AGAIN


def test_its_sections_are_those_that_are_written_now() -> None:
    room = Path(reporting.__file__).parent
    written = "".join(path.read_text(encoding="utf-8") for path in room.glob("*.py"))
    headings = re.findall(r"<h2>(.*?)</h2>", PAGE)
    assert len(headings) > 5
    unknown = [heading for heading in headings if f'"{heading}"' not in written]
    assert not unknown, f"{unknown} are headings of an older report: {AGAIN}"


def test_it_shows_what_a_report_of_texts_has_now() -> None:
    known = {"Figures", "Learning curves", "Confusions", "Classes", "Reliability", "Map", "Data"}
    known |= {"Environment and commands", "What to try next"}
    assert known <= set(re.findall(r"<h2>(.*?)</h2>", PAGE)), AGAIN


def test_it_asks_no_network() -> None:
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", PAGE)
    assert "@import" not in PAGE


def test_the_readme_says_its_size() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"one file of {round(len(PAGE.encode()) / 1000)} KB" in readme
