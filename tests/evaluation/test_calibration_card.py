from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress

from affectrep.evaluation.calibration import calibration_metrics
from affectrep.evaluation.calibration_card import calibration_card
from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.predictions import predictions_table, table_probabilities, table_targets
from affectrep.evaluation.results import results_of
from affectrep.evaluation.scorecard import Resampling, scorecard
from tests.evaluation.invented import table_of
from tests.evaluation.test_calibration import drawn
from tests.reporting.regressed import regression_table

NAMES = ["a", "b", "c", "d"]


def classified(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    ids = [f"r{i}" for i in range(len(labels))]
    found = Predictions(ids, labels, np.log(np.maximum(probabilities, 1e-300)))
    return predictions_table(found, "classification", NAMES)


def labelled(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    scores = rng.normal(-1, 1.5, (rows, 4))
    true = (rng.random((rows, 4)) < 1 / (1 + np.exp(-scores))).astype(int)
    found = Predictions([f"r{i}" for i in range(rows)], true, scores)
    return predictions_table(found, "multilabel", NAMES, threshold=0.4)


@pytest.mark.parametrize("table", [table_of(200), labelled()], ids=["one label", "several"])
def test_figures_are_those_of_all_rows_and_plain_json(table: pd.DataFrame) -> None:
    card = scorecard(table, resampling=Resampling(50))["calibration"]
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    direct = calibration_metrics(table_probabilities(table), table_targets(table)[0])
    assert set(card["metrics"]) == set(direct)
    for name, figure in card["metrics"].items():
        assert figure["value"] == pytest.approx(direct[name], abs=1e-12)
        assert figure["low"] <= figure["value"] <= figure["high"]
    several = table.attrs["task"] == "multilabel"
    for bins in card["bins"].values():
        assert sum(one["count"] for one in bins) == 200 * (4 if several else 1)
        assert all(one["low"] <= one["found"] <= one["high"] for one in bins)
    assert set(card["expected"]) == {"ece", "ece_mass", "classwise_ece"}


def test_the_figures_go_into_the_results() -> None:
    card = scorecard(table_of(100), resampling=Resampling(50))
    known = {"config": "c", "split": "test", "seed": 0, "data": "d"}
    found = {one.metric: one for one in results_of({**known, **card}, {})}
    assert found["ece"].value == card["calibration"]["metrics"]["ece"]["value"]
    assert (found["nll"].low, found["nll"].n) == (card["calibration"]["metrics"]["nll"]["low"], 100)
    old = {key: value for key, value in card.items() if key != "calibration"}
    assert "ece" not in {one.metric for one in results_of({**known, **old}, {})}


@pytest.mark.parametrize("sureness", [1.0, 1.6])
def test_intervals_hold_the_true_values(sureness: float) -> None:
    """With 120 studies of which 95 % should cover, 107 or fewer come once in 500 times."""
    truth = calibration_metrics(*drawn(np.random.default_rng(99), 300_000, sureness=sureness))
    rng = np.random.default_rng(1)
    hits = dict.fromkeys(truth, 0)
    for _ in range(120):
        figures = calibration_card(classified(*drawn(rng, 400, sureness=sureness)), draws=30)[
            "metrics"
        ]
        for name, figure in figures.items():
            near = 0.004 if "ece" in name or name == "calibration_rms" else 0  # of truth itself
            hits[name] += figure["low"] - near <= truth[name] <= figure["high"]
    assert min(hits.values()) > 107, hits


def test_intervals_over_people_hold_where_those_over_rows_do_not() -> None:
    rng, true_nll = np.random.default_rng(2), _entropy(0.6, 0.8)  # as sure as right, on average
    people = np.arange(300) % 15
    hits = {"people": 0, "rows": 0}
    for _ in range(100):
        sure = rng.uniform(0.6, 0.8, 300)
        right = rng.random(300) < sure + rng.choice([-0.15, 0.15], 15)[people]
        table = classified(np.stack([sure, 1 - sure, 0 * sure, 0 * sure], 1), np.where(right, 0, 1))
        for name, clusters in (("people", people), ("rows", None)):
            one = calibration_card(table, clusters=clusters, draws=2)["metrics"]["nll"]
            hits[name] += one["low"] <= true_nll <= one["high"]
    assert hits["people"] >= 89
    assert hits["rows"] < 80


def _entropy(low: float, high: float) -> float:
    sure = np.linspace(low, high, 100_001)
    return float(-(sure * np.log(sure) + (1 - sure) * np.log(1 - sure)).mean())


def test_one_person_has_figures_without_intervals() -> None:
    table = table_of(40)
    card = calibration_card(table, clusters=np.full(40, "p"))
    assert {figure["low"] for figure in card["metrics"].values()} == {None}
    assert {figure["high"] for figure in card["metrics"].values()} == {None}


def test_rankings_and_tables_without_probabilities_have_none() -> None:
    table = table_of(40)
    table.attrs["ranking"] = True
    assert calibration_card(table) == {"ranking": True, "metrics": {}}
    table.attrs["ranking"] = False
    assert "ece" in calibration_card(table)["metrics"]
    bare = table[["id", "label", "predicted"]]
    bare.attrs = table.attrs
    assert calibration_card(bare) == {}


def test_slope_and_intercept_are_those_of_a_regression() -> None:
    table = regression_table()
    card = calibration_card(table, clusters=table["subject"].to_numpy())
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    for axis in ("valence", "arousal"):
        theirs = linregress(table[f"predicted_{axis}"], table[axis])
        slope = card["metrics"][f"calibration_slope_{axis}"]
        intercept = card["metrics"][f"calibration_intercept_{axis}"]
        assert slope["value"] == pytest.approx(theirs.slope, abs=1e-12)
        assert intercept["value"] == pytest.approx(theirs.intercept, abs=1e-12)
        assert slope["low"] < slope["value"] < slope["high"]
        bins = card["bins"][axis]
        assert [one["count"] for one in bins] == [40] * 10
        weights = [one["count"] * one["found"] for one in bins]
        assert sum(weights) / 400 == pytest.approx(table[axis].mean())


def test_intervals_of_the_slope_hold_one() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        said = rng.normal(0, 0.3, (150, 2))
        true = said + rng.normal(0, 0.2, (150, 2)) * (0.5 + np.abs(said))
        table = predictions_table(Predictions(list(map(str, range(150))), true, said), "regression")
        one = calibration_card(table)["metrics"]["calibration_slope_valence"]
        hits += one["low"] <= 1 <= one["high"]
    assert 181 <= hits <= 199


def test_an_axis_with_one_prediction_has_no_slope() -> None:
    table = regression_table(60)
    table["predicted_arousal"] = 0.25
    card = calibration_card(table)
    assert set(card["metrics"]) == {"calibration_slope_valence", "calibration_intercept_valence"}
    (only,) = card["bins"]["arousal"]
    assert (only["count"], only["said"]) == (60, 0.25)
    table.loc[0, "predicted_valence"] = np.nan
    assert calibration_card(table) == {}
