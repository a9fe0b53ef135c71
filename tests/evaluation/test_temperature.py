from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from affectrep.evaluation.temperature import fit_temperature, tempered
from tests.evaluation.test_calibration import drawn


@pytest.mark.parametrize("sureness", [0.6, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(sureness: float) -> None:
    said, labels = drawn(np.random.default_rng(0), 20_000, sureness=sureness)
    found = fit_temperature(said, labels)
    assert found.value == pytest.approx(sureness, rel=0.04)
    assert (found.rows, found.at_end) == (20_000, False)
    after = tempered(said, found.value, single=True)
    assert found.nll == pytest.approx(log_loss(labels, after), abs=1e-9)
    for near in (0.98, 1.02):
        assert log_loss(labels, tempered(said, near * found.value, single=True)) > found.nll


def test_it_is_found_for_several_labels() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(-1, 2, (8000, 3))
    labels = (rng.random((8000, 3)) < expit(logits / 1.7)).astype(float)
    found = fit_temperature(expit(logits), labels)
    assert found.value == pytest.approx(1.7, rel=0.05)
    after = tempered(expit(logits), found.value, single=False)
    assert after == pytest.approx(expit(logits / found.value), abs=1e-9)
    assert found.nll == pytest.approx(log_loss(labels.ravel(), after.ravel()), abs=1e-9)


def test_no_prediction_changes() -> None:
    said, _ = drawn(np.random.default_rng(2))
    assert tempered(said, 1.0, single=True) == pytest.approx(said, abs=1e-12)
    for temperature in (0.1, 3.0):
        after = tempered(said, temperature, single=True)
        assert (after.argmax(1) == said.argmax(1)).all()
        assert after.sum(1) == pytest.approx(1)
        assert (after.max(1) > said.max(1)).all() == (temperature < 1)


def test_rows_that_no_temperature_fits() -> None:
    said = np.tile([0.6, 0.4], (50, 1))
    assert fit_temperature(
        said, np.zeros(50, dtype=int)
    ).at_end  # always right: the surer the better
    zero = np.array([[1.0, 0.0], [0.7, 0.3]])
    assert np.isfinite(fit_temperature(zero, np.array([1, 0])).nll)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="needs rows"):
        fit_temperature(np.empty((0, 2)), np.empty(0, dtype=int))
    with pytest.raises(ValueError, match="above 0"):
        tempered(np.array([[0.5, 0.5]]), 0.0, single=True)
