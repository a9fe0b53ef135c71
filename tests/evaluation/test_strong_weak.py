from __future__ import annotations

import json

import numpy as np
import pytest

from affectrep.evaluation.intervals import bootstrap
from affectrep.evaluation.metrics import regression_metrics, regression_statistics
from affectrep.evaluation.scorecard import Resampling
from affectrep.evaluation.strong_weak import compare_strong_weak, strong_rows, strong_weak_report
from tests.evaluation.regressions import regression, told

AXES = ["valence", "arousal"]
SAID = ["predicted_valence", "predicted_arousal"]


def test_figures_are_those_of_the_parts_alone() -> None:
    table = regression()
    found = json.loads(json.dumps(strong_weak_report(table, 0.6)))
    radius = np.hypot(table["valence"], table["arousal"])
    for part, rows in (("strong", radius >= 0.6), ("weak", radius < 0.6)):
        mine = table[rows]
        assert found["rows"][part] == len(mine)
        direct = regression_metrics(mine[AXES].to_numpy(), mine[SAID].to_numpy())
        for name, value in direct.items():
            one = found["metrics"][f"{part}_{name}"]
            assert one["value"] == pytest.approx(value, abs=1e-12)
            assert one["low"] <= value <= one["high"]
            assert one["n"] == len(mine)
        interval = bootstrap(regression_statistics(mine[AXES].to_numpy(), mine[SAID].to_numpy()))
        assert found["metrics"][f"{part}_ccc"]["low"] == pytest.approx(
            interval["ccc"].low, abs=0.01
        )
    assert found["warnings"] == []


def test_people_may_be_resampled_instead_of_rows() -> None:
    table = regression(between=0.3)
    rows = strong_weak_report(table, 0.6)["metrics"]["weak_rmse"]
    people = strong_weak_report(table, 0.6, resampling=Resampling(cluster="subject"))
    one = people["metrics"]["weak_rmse"]
    assert one["value"] == rows["value"]
    assert one["high"] - one["low"] > 1.5 * (rows["high"] - rows["low"])


def test_small_and_empty_parts_are_said() -> None:
    table = regression(people=2)
    found = strong_weak_report(table, 1.4)
    assert found["rows"] == {"strong": 0, "weak": 40}
    assert not any(name.startswith("strong") for name in found["metrics"])
    assert found["warnings"] == ["Only 0 rows are strong: figures on them say little."]


def test_a_gain_on_weak_rows_alone_is_found_there() -> None:
    table = regression(within=0.3)
    better = table.copy()
    weak = ~strong_rows(table, 0.6)
    for axis in AXES:
        gap = better[f"predicted_{axis}"] - better[axis]
        better.loc[weak, f"predicted_{axis}"] = (better[axis] + gap / 3)[weak]
    told(better)
    for cluster in (None, "subject"):
        found = compare_strong_weak(
            [better], [table], threshold=0.6, cluster=cluster, resamples=500
        )
        assert found["weak_ccc"].told_apart
        assert found["weak_ccc"].effect > 0
        assert found["weak_ccc"].metric == "weak_ccc"
        assert found["strong_ccc"].effect == 0


def test_mistakes_are_said_in_words() -> None:
    table = regression()
    for odd in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"radius in \(0, 1.414\)"):
            strong_weak_report(table, odd)
    with pytest.raises(ValueError, match="same order"):
        compare_strong_weak([table], [told(table[::-1])], threshold=0.5)
    with pytest.raises(ValueError, match="at least one run"):
        compare_strong_weak([], [], threshold=0.5)
    with pytest.raises(ValueError, match="no column speaker"):
        compare_strong_weak([table], [table], threshold=0.5, cluster="speaker")
    table.attrs = {"task": "classification"}
    with pytest.raises(ValueError, match="regression, got classification"):
        strong_rows(table, 0.5)
