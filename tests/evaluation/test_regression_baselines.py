"""Baselines of valence and arousal: what a line on features reaches, and what the labels allow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.regression_baselines import CEILING, regression_baselines


def parts(rng, rows=200, dim=4):
    x = rng.normal(size=(rows, dim))
    y = x[:, :2] * 0.3 + rng.normal(scale=0.1, size=(rows, 2))
    return np.split(x, 4)[:3], np.split(y, 4)[:3]


def test_the_ridge_finds_a_line_and_the_mean_finds_nothing():
    x, y = parts(np.random.default_rng(0))
    mean, ridge = regression_baselines(x, y, pd.DataFrame(index=range(50)), name="x")
    assert mean["ccc"] == pytest.approx(0)
    assert mean["rmse"] == pytest.approx(np.sqrt(((y[2] - y[0].mean(0)) ** 2).mean(0)).mean())
    assert 0.85 < ridge["ccc"] < 1
    assert ridge["rmse"] < 0.15


def test_noise_needs_a_strong_penalty_that_validation_finds():
    rng = np.random.default_rng(1)
    x = [rng.normal(size=(40, 60)) for _ in range(3)]
    y = [part[:, :2] * 0.05 + rng.normal(scale=0.3, size=(40, 2)) for part in x]
    found = regression_baselines(x, y, pd.DataFrame(index=range(40)), name="x")[1]
    assert "penalty 0.1" not in found["system"]


def test_the_ceiling_is_the_correlation_of_truth_and_labels():
    rng = np.random.default_rng(2)
    x, y = parts(rng)
    truth = y[2] + rng.normal(scale=0.1, size=y[2].shape)
    rows = pd.DataFrame(truth, columns=["true_valence", "true_arousal"])
    last = regression_baselines(x, y, rows, name="x")[-1]
    assert last["system"] == CEILING
    expected = [np.corrcoef(truth[:, i], y[2][:, i])[0, 1] for i in range(2)]
    assert last["ccc"] == pytest.approx(np.mean(expected))
    assert last["ccc"] > regression_baselines(x, y, rows, name="x")[0]["ccc"]
