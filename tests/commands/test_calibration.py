from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from affectrep.commands.calibration import add_temperature, calibration_table
from affectrep.config import Config
from affectrep.config.objectives import FittedConfig
from affectrep.evaluation.calibration import calibration_metrics
from affectrep.evaluation.predictions import (
    table_probabilities,
    table_targets,
    write_predictions,
)
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.temperature import fit_temperature, tempered
from tests.evaluation.invented import make_run, table_of


def stored(folder: Path, *, validation: bool = True, model: str = "m") -> StoredRun:
    run = StoredRun(make_run(folder, evaluated=False))
    if validation:
        known = table_of(300, seed=5)
        known.attrs |= {"model": model, "split": "validation"}
        write_predictions(run.table_path("validation"), known)
    return run


def scored(split: str = "test") -> tuple[dict, object]:
    table = table_of(200)
    table.attrs |= {"model": "m", "split": split}
    return {"split": split, **scorecard(table, resampling=Resampling(50))}, table


def printed(card: dict) -> str:
    console = Console(width=140, record=True, quiet=False)
    with console.capture() as text:
        console.print(calibration_table(card))
    return text.get()


def test_the_temperature_of_validation_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    run, (card, table) = stored(tmp_path), scored()
    before, rows = json.dumps(card["metrics"]), table.copy()
    add_temperature(card, run, table)
    known = run.table("validation")
    fitted = fit_temperature(table_probabilities(known), table_targets(known)[0])
    found = card["calibration"]["temperature"]
    assert (found["value"], found["rows"]) == (fitted.value, 300)
    said = tempered(table_probabilities(table), fitted.value, single=True)
    assert found["metrics"] == calibration_metrics(said, table_targets(table)[0])
    assert json.dumps(card["metrics"]) == before
    assert table.equals(rows)
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    text = printed(card)
    assert f"with T = {fitted.value:.2f}" in text
    assert "if calibrated" in text
    assert f"{found['metrics']['nll']:.3f}" in text


def test_on_validation_it_has_no_figures(tmp_path: Path) -> None:
    card, table = scored("validation")
    add_temperature(card, stored(tmp_path, validation=False), table)
    found = card["calibration"]["temperature"]
    assert (found["rows"], found["metrics"]) == (200, {})
    assert "with T" not in printed(card)


@pytest.mark.parametrize("why", ["nothing stored", "other weights", "refitted", "train", "ranking"])
def test_there_is_none(tmp_path: Path, why: str) -> None:
    run = stored(
        tmp_path,
        validation=why != "nothing stored",
        model="other" if why == "other weights" else "m",
    )
    if why == "refitted":
        path = run.path / "environment.json"
        path.write_text(json.dumps({"refit": True}))
    card, table = scored("train" if why == "train" else "test")
    if why == "ranking":
        card["calibration"] = {"ranking": True, "metrics": {}}
    add_temperature(card, run, table)
    assert "temperature" not in card["calibration"]


def test_a_regression_has_slopes() -> None:
    figure = {"value": 0.9, "low": 0.8, "high": np.nextafter(1.0, 0)}
    card = {
        "calibration": {"metrics": {"calibration_slope_valence": figure}, "bins": {}},
        "resampling": {"confidence": 0.95},
    }
    assert "0.900 [0.800, 1.000]" in printed(card)
    assert "if calibrated" not in printed(card)


def _config(objective: FittedConfig) -> Config:
    return Config.model_construct(objective=objective)


def test_a_ranking_is_called_one() -> None:
    card = {"calibration": {"ranking": True, "metrics": {}}, "resampling": {"confidence": 0.95}}
    assert "ranking" in printed(card)
