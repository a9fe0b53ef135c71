from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from affectrep.evaluation.calibration import Statements, equal_width, reliability_bins
from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.predictions import predictions_table
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.reporting.reliability import reliability, reliability_chart
from affectrep.reporting.report import report_html
from affectrep.reporting.subject import Subject, gather
from tests.evaluation.invented import make_run
from tests.reporting.regressed import regression_run
from tests.reporting.test_report import checked

FITTED = {
    "value": 1.437,
    "nll": 1.1,
    "rows": 350,
    "at_end": False,
    "fitted_on": "validation",
    "metrics": dict.fromkeys(
        ("ece", "ece_mass", "classwise_ece", "calibration_rms", "brier", "nll"), 0.0217
    ),
}


def change(run: Path, **parts: object) -> Path:
    """Replace parts of the calibration of a stored card; None takes the whole of it away."""
    path = run / "predictions" / "test.json"
    card = json.loads(path.read_text())
    if parts:
        card["calibration"] |= parts
    else:
        del card["calibration"]
    path.write_text(json.dumps(card))
    return run


def subject(*runs: Path) -> Subject:
    (one,) = gather(runs)
    return one


def test_the_chart_is_to_scale() -> None:
    rng = np.random.default_rng(0)
    said = rng.uniform(0.3, 1, (500, 1))
    bins = reliability_bins(Statements(said, rng.random((500, 1)) < said), equal_width())
    svg = reliability_chart(bins, alt="Some <bins>.", names=("said", "true"), heaps=bins)
    assert 'aria-label="Some &lt;bins&gt;."' in svg
    assert "stroke-dasharray" in svg
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    for one, (x, y) in zip(bins, dots, strict=True):
        assert float(x) == pytest.approx(56 + 318 * one["said"], abs=0.06)
        assert float(y) == pytest.approx(324 - 318 * one["found"], abs=0.06)
    bars = [float(high) for high in re.findall(r'<rect [^>]*height="([\d.]+)"', svg)]
    counts = [one["count"] for one in bins]
    assert bars == pytest.approx([54 * count / max(counts) for count in counts], abs=0.06)
    assert f"{counts[-1]:,} in the bin" in svg
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg))
    assert all(one.startswith("var(--") or one == "none" for one in colours)


def test_values_outside_lie_at_the_edge() -> None:
    one = {"said": 1.4, "found": -1.3, "low": -1.5, "high": -1.1, "count": 3}
    svg = reliability_chart([one], alt="One.", names=("p", "t"), limits=(-1.0, 1.0))
    assert '<circle cx="374.0" cy="324.0"' in svg
    with pytest.raises(ValueError, match="at least one bin"):
        reliability_chart([], alt="None.", names=("p", "t"))


def test_a_classification_has_diagrams_figures_and_a_temperature(tmp_path: Path) -> None:
    run = change(make_run(tmp_path, generated=False), temperature=FITTED)
    html = reliability(subject(run))
    card = json.loads((run / "predictions" / "test.json").read_text())["calibration"]
    assert html.count('role="img"') == 2
    assert html.count("<details ") == 2
    value = 100 * card["metrics"]["ece"]["value"]
    expected = 100 * card["expected"]["ece"]["mean"]
    assert f"The calibration error is {value:.1f} %" in html
    assert f"would have {expected:.1f} % on so many rows" in html
    assert "A temperature of 1.44, fitted on 350 validation rows" in html
    assert f"of 2.2 % instead of {value:.1f} %. No prediction was changed." in html
    assert "If calibrated" in html
    assert "With the temperature" in html
    for words in ("Brier score", "Negative log-likelihood", "Calibration error, debiased (RMS)"):
        assert words in html
    assert "0.022" in html  # the Brier score with the temperature
    page = checked(report_html([run]))
    assert page.index('id="classes"') < page.index('id="reliability"') < page.index('id="data"')
    assert '<a href="#reliability">Reliability</a>' in page


def test_seeds_are_averaged(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed, generated=False) for seed in range(2)]
    cards = [json.loads((run / "predictions" / "test.json").read_text()) for run in runs]
    mean = np.mean([card["calibration"]["metrics"]["ece"]["value"] for card in cards])
    html = reliability(subject(*runs))
    assert f"The calibration error is {100 * mean:.1f} %" in html
    assert "of the first seed" in html
    change(runs[0], temperature=FITTED)  # of one seed alone
    assert "temperature" not in reliability(subject(*runs))
    change(runs[1])
    assert reliability(subject(*runs)) == ""


def test_a_temperature_of_the_same_rows_or_of_none_is_said(tmp_path: Path) -> None:
    run = change(make_run(tmp_path), temperature={**FITTED, "metrics": {}})
    assert "A temperature of 1.44 fits these very rows best" in reliability(subject(run))
    change(run, temperature={**FITTED, "at_end": True})
    assert "No temperature fits" in reliability(subject(run))


def test_people_whose_rows_err_together_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert "err together" not in reliability(subject(run))
    path = run / "predictions" / "test.json"
    card = json.loads(path.read_text())
    card["resampling"]["cluster"] = "speaker"
    card["calibration"]["metrics"]["ece"]["value"] = 0.0042
    path.write_text(json.dumps(card))
    html = reliability(subject(run))
    assert "Rows of one speaker err together" in html
    assert "The calibration error is 0.42 %" in html


def test_a_card_of_an_older_version_still_gives_a_report(tmp_path: Path) -> None:
    run = change(make_run(tmp_path))
    assert reliability(subject(run)) == ""
    assert "Reliability" not in checked(report_html([run]))


def test_a_ranking_is_called_one(tmp_path: Path) -> None:
    run = change(make_run(tmp_path), ranking=True, metrics={})
    html = reliability(subject(run))
    assert "Not calibrated: a ranking." in html
    assert "<svg" not in html
    pooled = make_run(tmp_path, "pooled")  # its card does not say so, its configuration does
    config = yaml.safe_load((pooled / "config.yaml").read_text())
    config["objective"] = {"name": "fitted", "classifier": "svm"}
    (pooled / "config.yaml").write_text(yaml.safe_dump(config))
    assert "Not calibrated: a ranking." in reliability(subject(pooled))


def test_several_labels(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rng = np.random.default_rng(0)
    scores = rng.normal(-2, 1.5, (150, 3))
    true = (rng.random((150, 3)) < 1 / (1 + np.exp(-scores))).astype(int)
    found = Predictions([f"r{i}" for i in range(150)], true, scores)
    table = predictions_table(found, "multilabel", ["a", "b", "c"], threshold=0.3)
    card = scorecard(table, resampling=Resampling(60))
    (run / "predictions" / "test.json").write_text(json.dumps({"split": "test", **card}))
    config = yaml.safe_load((run / "config.yaml").read_text()) | {"task": "multilabel"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    html = reliability(subject(run))
    assert "each label of each row counts" in html
    assert "cannot be told from such a model" in html
    assert "of the labels true" in html


def test_a_regression_has_a_diagram_an_axis(tmp_path: Path) -> None:
    run = regression_run(tmp_path)
    html = reliability(subject(run))
    card = json.loads((run / "predictions" / "test.json").read_text())["calibration"]
    slope = card["metrics"]["calibration_slope_arousal"]["value"]
    assert "Calibration slope, arousal" in html
    assert f"{slope:.3f} [" in html
    assert html.count("<circle") == 20
    assert "If calibrated" not in html
    assert 'href="#reliability"' in checked(report_html([run]))
