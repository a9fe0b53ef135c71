from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.multiple import adjusted, holm, with_holm

ONE = Difference("uar", 0.6, 0.58, 0.02, 0.001, 0.039, 0.04, 0.03, 5, 0.0)
PS = arrays.arrays(np.float64, st.integers(0, 12), elements=st.floats(0, 1))


def naive(p: list[float]) -> list[float]:
    """By the definition: the largest of all earlier steps, each p once."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    found, worst = [0.0] * len(p), 0.0
    for step, i in enumerate(order):
        worst = max(worst, (len(p) - step) * p[i])
        found[i] = min(1.0, worst)
    return found


@pytest.mark.parametrize(
    ("p", "expected"),
    [  # by hand; R's p.adjust(method = "holm") and statsmodels give the same
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),
        ([0.04, 0.001, 0.03, 0.2], [0.09, 0.004, 0.09, 0.2]),
        ([0.5, 0.9, 0.6], [1.0, 1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.3], [0.3]),
        ([], []),
    ],
)
def test_holm_by_hand(p: list[float], expected: list[float]) -> None:
    assert holm(p).tolist() == pytest.approx(expected)


@given(PS)
def test_holm_is_the_definition_and_keeps_its_properties(p: np.ndarray) -> None:
    found = holm(p)
    assert found.tolist() == pytest.approx(naive(p.tolist()))
    assert (found >= p).all()
    assert (found <= np.minimum(1, len(p) * p) + 1e-15).all()  # never more than Bonferroni
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()
    assert np.array_equal(holm(p[::-1]), found[::-1])


@given(PS, st.integers(0, 11), st.floats(0, 1))
def test_a_smaller_p_raises_no_other(p: np.ndarray, place: int, factor: float) -> None:
    if place < len(p):
        smaller = p.copy()
        smaller[place] *= factor
        assert (holm(smaller) <= holm(p) + 1e-15).all()


def test_one_error_in_twenty_studies_at_most() -> None:
    rng = np.random.default_rng(0)
    plain = rng.random((4000, 4))
    wrong = np.mean([(holm(p) < 0.05).any() for p in plain])
    assert wrong <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
    assert (plain < 0.05).any(1).mean() > 0.15  # what it is for


@pytest.mark.parametrize("p", [[0.1, 1.1], [-0.1], [0.1, float("nan")]])
def test_what_is_no_probability_is_refused(p: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected p-values in \[0, 1\], got"):
        holm(p)


def test_a_table_of_p_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(comparisons,\), got \(1, 2\)"):
        holm([[0.1, 0.2]])


def test_the_verdict_goes_by_holm() -> None:
    found = with_holm([replace(ONE, p=p) for p in (0.03, 0.001, 0.04)])
    assert [one.holm for one in found] == pytest.approx([0.06, 0.003, 0.06])
    assert [one.told_apart for one in found] == [False, True, False]
    assert [(one.p, one.low) for one in found] == [(0.03, 0.001), (0.001, 0.001), (0.04, 0.001)]


def test_a_single_comparison_stays_as_it_is() -> None:
    assert with_holm([ONE]) == [ONE]
    assert ONE.told_apart
    assert with_holm([]) == []


def test_metrics_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="one metric, got accuracy, uar"):
        with_holm([ONE, replace(ONE, metric="accuracy")])


def test_each_metric_is_adjusted_by_itself() -> None:
    f1 = replace(ONE, metric="macro_f1", p=0.5)
    found = adjusted(
        {
            "ce": {"uar": replace(ONE, p=0.01), "macro_f1": f1},
            "lcl": {"uar": replace(ONE, p=0.3), "macro_f1": replace(f1, p=0.02)},
        }
    )
    assert list(found) == ["ce", "lcl"]
    assert {name: one["uar"].holm for name, one in found.items()} == {"ce": 0.02, "lcl": 0.3}
    assert {name: one["macro_f1"].holm for name, one in found.items()} == {"ce": 0.5, "lcl": 0.04}
    with pytest.raises(ValueError, match="with lcl has no uar"):
        adjusted({"ce": {"uar": ONE}, "lcl": {}})
