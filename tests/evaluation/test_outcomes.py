from __future__ import annotations

import numpy as np
import pytest

from affectrep.evaluation.outcomes import outcome_statistics


def test_statistics_against_a_naive_loop() -> None:
    rng = np.random.default_rng(1)
    labels, hits, losses = rng.choice(list("abc"), 40), rng.random(40) < 0.6, rng.random(40)
    recalls, entropy = [], 0.0
    for name in "abc":
        mine = labels == name
        recalls.append(hits[mine].mean())
        entropy -= mine.mean() * np.log(mine.mean())
    found = outcome_statistics(labels, hits, losses).values()
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert found["above_chance"] == pytest.approx(np.mean(recalls) - 1 / 3)
    assert found["information"] == pytest.approx(entropy - losses.mean())
    with pytest.raises(ValueError, match="one hit and one loss per label"):
        outcome_statistics(labels, hits[1:], losses)


def test_a_draw_without_rows_says_as_much_as_a_guess() -> None:
    statistics = outcome_statistics(["a", "b"], np.array([True, True]), np.zeros(2))
    empty = statistics.metrics(np.zeros((3, statistics.columns.shape[1])))
    assert empty["above_chance"].tolist() == [0, 0, 0]
    assert empty["information"].tolist() == [0, 0, 0]
