"""Strength read off embeddings that hold it, and that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.strength_kept import against_first, figures


def rows(lift: float = 0.0, count: int = 200) -> tuple[pd.DataFrame, np.ndarray]:
    """Labels all around the plane, weak rows read too strong by ``lift``."""
    draw = np.random.default_rng(0)
    radius = np.where(np.arange(count) % 2, 0.8, 0.2) + draw.uniform(-0.1, 0.1, count)
    angle = draw.uniform(0, 2 * np.pi, count)
    said = radius + np.where(radius < 0.5, lift, 0.0)
    table = pd.DataFrame({"id": [str(i) for i in range(count)]})
    for axis, turn in (("valence", np.cos(angle)), ("arousal", np.sin(angle))):
        table[axis], table[f"predicted_{axis}"] = radius * turn, said * turn
    table.attrs = {"task": "regression", "classes": []}
    return table, radius


def test_an_embedding_that_holds_the_radius_gives_it_away_and_noise_does_not():
    table, radius = rows()
    noise = np.random.default_rng(1).normal(size=(len(table), 8))
    known = figures(table, np.column_stack([noise, radius]), 0.5)
    assert known["auc"] > 0.99
    assert known["r2"] > 0.95
    unknown = figures(table, noise, 0.5)
    assert unknown["auc"] == pytest.approx(0.5, abs=0.12)
    assert unknown["r2"] < 0.1


def test_weak_rows_read_too_strong_are_seen_as_such():
    table, radius = rows(lift=0.25)
    found = figures(table, radius[:, None], 0.5)
    assert found["weak"] == pytest.approx(0.25, abs=1e-12)
    assert found["strong"] == pytest.approx(0.0, abs=1e-12)


def test_differences_pair_the_seeds_that_both_have():
    def seed(auc):
        return {"auc": auc, "r2": 0.0, "weak": 0.0, "strong": 0.0}

    found = {
        "plain": {0: seed(0.8), 1: seed(0.9), 2: seed(0.1)},
        "caf": {1: seed(0.7), 0: seed(0.7)},
    }
    gap, half, count = against_first(found)["caf"]["auc"]
    assert gap == pytest.approx(-0.15)
    assert half == pytest.approx(12.706 * 0.05, rel=1e-3)
    assert count == 2
