from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.critic_health import critic_sentence
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.critic_traces import critic_section, trace_charts
from affectrep.reporting.subject import Subject, gather
from tests.reporting.regressed import regression_run


def subject(folder: Path, seeds: int = 1, **options: bool) -> Subject:
    paths = [
        regression_run(folder, seed=seed, pictures=False, mapped=False, **options)
        for seed in range(seeds)
    ]
    return gather(paths)[0]


def charts(html: str) -> dict[str, ET.Element]:
    """The drawings by their captions."""
    found = re.findall(r"<figcaption>(.*?)</figcaption>.*?(<svg.*?</svg>)", html)
    return {caption: ET.fromstring(svg) for caption, svg in found}


def test_the_traces_of_figure_2_are_drawn(tmp_path: Path) -> None:
    one = subject(tmp_path)
    html = critic_section(one)
    found = charts(html)
    counts = {caption: len(list(svg.iter("polyline"))) for caption, svg in found.items()}
    assert counts == {
        "Margin and its parts": 4,
        "K, neighbours until the group is sure": 1,
        "Share of negatives inside the margin": 1,
        "Spread (sd) of the critic&#x27;s outputs": 2,
        "Strong told from weak (AUC; 0.5 is a guess)": 2,
    }
    assert f'<p class="verdict">{critic_sentence(one.runs[0])}</p>' in html
    assert "margin alpha" in html


def test_a_curve_goes_where_the_log_went(tmp_path: Path) -> None:
    html = critic_section(subject(tmp_path))
    alt = charts(html)["K, neighbours until the group is sure"].get("aria-label", "")
    first, last = map(float, re.findall(r"from ([\d.]+) to ([\d.]+)\.$", alt)[0])
    assert first == pytest.approx(22.8, abs=0.5)
    assert last == pytest.approx(3.8, abs=0.5)


def test_further_seeds_are_pale_and_equal_sentences_said_once(tmp_path: Path) -> None:
    one = subject(tmp_path, 3)
    html = critic_section(one)
    drawing = charts(html)["K, neighbours until the group is sure"]
    kinds = [line.get("class") for line in drawing.iter("polyline")]
    assert kinds == ["curve", "curve faint", "curve faint"]
    assert len({line.get("stroke") for line in drawing.iter("polyline")}) == 1
    sentences = {critic_sentence(run) for run in one.runs}
    assert html.count('class="verdict"') == len(sentences)
    if len(sentences) > 1:
        assert "Seed 0" in html


def test_a_run_without_a_critic_has_no_section(tmp_path: Path) -> None:
    assert critic_section(subject(tmp_path, critic=False)) == ""


def test_skipped_steps_are_counted(tmp_path: Path) -> None:
    path = regression_run(tmp_path, pictures=False, mapped=False)
    known = json.loads((path / "environment.json").read_text())
    (path / "environment.json").write_text(json.dumps({**known, "skipped_phases": {"critic": 7}}))
    assert "for want of strong or weak rows: 7." in critic_section(gather([path])[0])


def test_what_a_critic_does_not_log_is_not_drawn(tmp_path: Path) -> None:
    path = regression_run(tmp_path, pictures=False, mapped=False)
    lines = (path / "metrics.jsonl").read_text().splitlines()
    kept = [line for line in lines if json.loads(line)["name"] not in ("neighbours", "alpha")]
    (path / "metrics.jsonl").write_text("\n".join(kept))
    found = charts(critic_section(gather([path])[0]))
    assert "K, neighbours until the group is sure" not in found
    assert len(list(found["Margin and its parts"].iter("polyline"))) == 3
    assert critic_sentence(StoredRun(path))


def test_values_that_are_not_finite_leave_gaps_and_one_point_no_curve() -> None:
    steps = pd.Index(range(1, 61), name="step")
    alpha = np.where(np.arange(60) % 7 == 0, np.nan, 1.0)
    alpha[3] = np.inf
    traces = pd.DataFrame({"alpha": alpha, "k": [5.0] + 59 * [np.nan]}, index=steps)
    found = trace_charts({0: traces})
    assert len(found) == 1
    assert "nan" not in found[0]
    assert "inf" not in found[0].replace("information", "").replace("infinite", "")
    assert trace_charts({0: pd.DataFrame()}) == []


def test_a_long_run_is_thinned() -> None:
    traces = pd.DataFrame({"k": np.linspace(1, 9, 5000)}, index=range(5000))
    svg = re.search(r"<svg.*?</svg>", trace_charts({0: traces})[0])
    line = ET.fromstring(svg[0]).find("polyline")
    assert len(line.get("points").split()) == 300
