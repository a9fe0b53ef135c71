"""The report as a browser shows it: silent, alone, on a phone, in the dark and on paper."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import pytest

from affectrep.reporting.report import write_report
from tests.evaluation.invented import make_run
from tests.reporting.chromium import needs_browser, visit
from tests.reporting.mined import add_findings
from tests.reporting.regressed import regression_run, regression_table

pytestmark = [pytest.mark.browser, needs_browser]
_PAGE = "<!doctype html><html lang=en><meta charset=utf-8><title>x</title>{}<p>words</p></html>"


def a_run(folder: Path, task: str) -> Path:
    if task == "regression":
        return regression_run(folder, table=regression_table(400, videos=4))
    return add_findings(make_run(folder, families=True))


def planted(folder: Path, inside: str) -> Path:
    page = folder / "planted.html"
    page.write_text(_PAGE.format(inside), encoding="utf-8")
    return page


def test_the_report_is_silent_and_asks_no_network(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / task, task) for task in ("classification", "regression")]
    found = visit(write_report(runs, tmp_path / "report.html"))
    assert "By axis" in found.dom
    assert "Confusions" in found.dom
    assert found.console == []
    assert found.requests == []


def test_an_error_of_a_script_is_seen(tmp_path: Path) -> None:
    scripts = "<script>console.error('planted')</script><script>nowhere.call()</script>"
    found = visit(planted(tmp_path, scripts))
    assert len(found.console) == 2
    assert "planted" in found.console[0]
    assert "nowhere is not defined" in found.console[1]
    assert found.requests == []


def test_a_request_is_seen(tmp_path: Path) -> None:
    outside = (
        '<link rel="stylesheet" href="https://style.invalid/s.css">'
        '<img alt="" src="https://image.invalid/i.png">'
    )
    found = visit(planted(tmp_path, outside))
    for address in ("https://style.invalid/s.css", "https://image.invalid/i.png"):
        assert address in found.requests


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_it_does_not_scroll_sideways(tmp_path: Path, task: str, width: int) -> None:
    write_report([a_run(tmp_path, task)], tmp_path / "report.html")
    probe = tmp_path / "probe.html"
    probe.write_text(
        f'<iframe id="f" src="report.html" style="width:{width}px;height:900px;border:0"></iframe>'
        "<p id=out></p><script>onload=()=>{const d=document.getElementById('f').contentDocument"
        ".documentElement;document.getElementById('out').textContent="
        "'scroll '+d.scrollWidth+' of '+d.clientWidth}</script>"
    )
    dom = visit(probe, "--allow-file-access-from-files").dom
    found = re.search(r"scroll (\d+) of (\d+)", dom)
    assert found, dom[-500:]
    assert int(found[1]) <= int(found[2])


DARK = "--blink-settings=preferredColorScheme=0"
_PROBE = """<iframe id="f" src="report.html" style="width:900px;height:900px;border:0"></iframe>
<p id=out></p><script>onload = () => {
  const page = document.getElementById('f').contentDocument, found = {};
  found.dark = matchMedia('(prefers-color-scheme: dark)').matches;
  found.ground = getComputedStyle(page.body).backgroundColor;
  for (const rule of page.styleSheets[0].cssRules) if (rule.media) rule.media.mediaText =
    {print: 'all'}[rule.media.mediaText] || rule.media.mediaText.replace('screen', 'print');
  const look = (what) => getComputedStyle(page.querySelector(what));
  found.paper = look('body').backgroundColor;
  found.nav = look('nav').display;
  found.figure = look('figure.panel').breakInside;
  document.getElementById('out').textContent = 'found ' + JSON.stringify(found) + ' end';
}</script>"""


def test_on_paper_it_is_light_without_navigation_and_figures_are_whole(tmp_path: Path) -> None:
    """The browser works its rules for paper out on a screen that prefers the dark."""
    write_report([a_run(tmp_path, "classification")], tmp_path / "report.html")
    probe = tmp_path / "probe.html"
    probe.write_text(_PROBE, encoding="utf-8")
    dom = visit(probe, "--allow-file-access-from-files", DARK).dom
    found = json.loads(re.findall(r"found (\{.*?\}) end", dom)[-1])
    assert found == {
        "dark": True,
        "ground": "rgb(20, 23, 27)",
        "paper": "rgb(255, 255, 255)",
        "nav": "none",
        "figure": "avoid",
    }


def test_it_prints_on_several_light_pages(tmp_path: Path) -> None:
    page = write_report([a_run(tmp_path, "classification")], tmp_path / "report.html")
    paper = tmp_path / "report.pdf"
    found = visit(page, f"--print-to-pdf={paper}", "--no-pdf-header-footer", DARK, dump=False)
    assert found.console == []
    assert found.requests == []
    printed = paper.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 1
    drawn = b"".join(map(_inflated, re.findall(rb"stream\r?\n(.*?)endstream", printed, re.DOTALL)))
    fills = {tuple(map(float, one.split()[:3])) for one in re.findall(rb"[\d. ]+ rg\b", drawn)}
    light, dark = (
        tuple(round(part / 255, 2) for part in one) for one in ((29, 33, 39), (20, 23, 27))
    )
    seen = {tuple(round(part, 2) for part in one) for one in fills}
    assert light in seen  # the ink of the light page
    assert dark not in seen  # the ground of the dark one


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:  # a font or a picture
        return b""
