from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm, t

from affectrep.evaluation.student import Spread, over_seeds, student

WEIGHTS = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 30.0)  # of rows, where seeds weigh 1


def test_one_part_is_students_t() -> None:
    half, p, detectable = student(0.7, Spread([(0.09, 4.0)]), 0.9)
    assert half == pytest.approx(0.3 * t.ppf(0.95, 4))
    assert p == pytest.approx(2 * t.sf(0.7 / 0.3, 4))
    assert detectable == pytest.approx(0.3 * (t.ppf(0.95, 4) + t.ppf(0.8, 4)))


def test_of_an_effect_that_is_none_nothing_is_said() -> None:
    assert np.isnan(student(np.nan, Spread([(0.09, 4.0)]), 0.9)).all()


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_p_is_the_level_at_which_the_interval_reaches_zero(confidence: float) -> None:
    spread = Spread([(0.2, np.inf), (0.1, 1.0)])
    half, _, _ = student(0.0, spread, confidence)
    assert half == pytest.approx(
        np.hypot(
            norm.ppf((1 + confidence) / 2) * 0.2**0.5,
            t.ppf((1 + confidence) / 2, 1) * 0.1**0.5,
        )
    )
    for effect in (half, -half):
        assert student(effect, spread, confidence)[1] == pytest.approx(1 - confidence)
    assert student(0.0, spread, confidence)[1] == 1


def test_the_interval_is_never_shorter_than_the_least() -> None:
    least = (1.0, 5.0)
    shown = student(2.0, Spread([(0.0, np.inf), (0.0, 1.0)], least=least), 0.95)
    assert shown == pytest.approx(student(2.0, Spread([least]), 0.95))


def test_without_any_variance() -> None:
    assert student(0.0, Spread([(0.0, 1.0)]), 0.95) == (0, 1, 0)
    assert student(0.1, Spread([(0.0, 1.0)]), 0.95) == (0, 0, 0)


def test_two_seeds_that_agree_by_chance_get_the_interval_of_the_rows() -> None:
    rows = (1.0, np.inf)
    spread = over_seeds(rows, between=0.0, within=1.5, seeds=2)
    assert student(0.0, spread, 0.95)[0] == pytest.approx(norm.ppf(0.975))
    assert spread.seed_sd == 0


def false_positives(seeds: int, rows: float, confidence: float) -> float:
    """Of a mean whose variance is ``rows`` and 1 for the seeds, by quadrature over their spread."""
    nodes = (np.arange(300) + 0.5) / 300
    found = []
    for spread in chi2.ppf(nodes, seeds - 1) / (seeds - 1):
        parts = over_seeds((rows, np.inf), between=spread * seeds, within=0.0, seeds=seeds)
        half, _, _ = student(0.0, parts, confidence)
        found.append(2 * norm.sf(half / np.sqrt(rows + 1)))
    return float(np.mean(found))


@pytest.mark.parametrize("rows", WEIGHTS)
def test_equal_systems_are_told_apart_in_at_most_six_percent(rows: float) -> None:
    assert false_positives(2, rows, 0.95) <= 0.051
    assert false_positives(2, rows, 0.99) <= 0.0105
    for seeds in (3, 5, 10):
        assert false_positives(seeds, rows, 0.95) <= 0.06


def test_of_seeds_alone_it_is_exact() -> None:
    for seeds in (2, 3, 5):
        assert false_positives(seeds, 0.0, 0.95) == pytest.approx(0.05, abs=0.001)
