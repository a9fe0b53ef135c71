from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import log_loss

from affectrep.evaluation.calibration import (
    BINS,
    Statements,
    calibration_error,
    calibration_metrics,
    chance_of_error,
    each_class,
    equal_mass,
    equal_width,
    reliability_bins,
    rooted,
    top_label,
    wilson,
)
from affectrep.evaluation.calibration import calibration_statistics as statistics_of

EXACT = 1e-12


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def drawn(
    rng: np.random.Generator, rows: int = 600, *, sureness: float = 1.0, classes: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose logits are ``sureness`` times too large, and labels from true ones."""
    logits = rng.normal(0, 1.5, (rows, classes))
    true = softmax(logits / sureness)
    labels = (np.cumsum(true, axis=1)[:, :-1] < rng.random((rows, 1))).sum(1)
    return softmax(logits), labels


def several(rng: np.random.Generator, rows: int = 500, labels: int = 5) -> tuple[np.ndarray, ...]:
    said = rng.beta(0.6, 2.0, (rows, labels))
    return said, (rng.random((rows, labels)) < said**1.5).astype(float)


def test_errors_in_bins_are_those_of_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    said, labels = drawn(np.random.default_rng(0), sureness=1.5)
    ours = calibration_metrics(said, labels)
    p, y = torch.from_numpy(said), torch.from_numpy(labels)
    top, right = p.max(1).values, (p.argmax(1) == y).long()
    double = theirs.binary_calibration_error(top, right, n_bins=BINS)
    assert ours["ece"] == pytest.approx(float(double), abs=EXACT)
    single = theirs.multiclass_calibration_error(p, y, num_classes=4, n_bins=BINS)
    assert ours["ece"] == pytest.approx(float(single), abs=1e-6)  # it turns float64 to float32
    each = [
        float(theirs.binary_calibration_error(p[:, k].contiguous(), (y == k).long(), n_bins=BINS))
        for k in range(4)
    ]
    assert ours["classwise_ece"] == pytest.approx(np.mean(each), abs=EXACT)


def test_errors_of_several_labels_are_those_of_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    said, true = several(np.random.default_rng(1))
    ours = calibration_metrics(said, true)
    p, y = torch.from_numpy(said), torch.from_numpy(true).long()
    columns = zip(p.T.contiguous(), y.T.contiguous(), strict=True)
    all_pairs = theirs.binary_calibration_error(p.ravel(), y.ravel(), n_bins=BINS)
    each = [float(theirs.binary_calibration_error(a, b, n_bins=BINS)) for a, b in columns]
    assert ours["ece"] == pytest.approx(float(all_pairs), abs=EXACT)
    assert ours["classwise_ece"] == pytest.approx(np.mean(each), abs=EXACT)


def test_errors_are_the_formula_written_out() -> None:
    said, labels = drawn(np.random.default_rng(2), sureness=2.0)
    top, right = said.max(1), said.argmax(1) == labels
    for edges, name in ((equal_width(), "ece"), (equal_mass(top), "ece_mass")):
        error = 0.0
        for low, high in pairwise(edges):
            here = (top > low) & (top <= high)
            if here.any():
                error += here.mean() * abs(top[here].mean() - right[here].mean())
        assert calibration_error(top_label(said, labels), edges) == pytest.approx(error, abs=EXACT)
        assert calibration_metrics(said, labels)[name] == pytest.approx(error, abs=EXACT)


def test_brier_score_and_likelihood_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    said, labels = drawn(rng)
    found = calibration_metrics(said, labels)
    assert found["nll"] == pytest.approx(log_loss(labels, said), abs=EXACT)
    squares = sum(np.mean((said[:, k] - (labels == k)) ** 2) for k in range(4))
    assert found["brier"] == pytest.approx(squares, abs=EXACT)
    pairs, true = several(rng)
    found = calibration_metrics(pairs, true)
    assert found["nll"] == pytest.approx(log_loss(true.ravel(), pairs.ravel()), abs=EXACT)
    assert found["brier"] == pytest.approx(np.mean((pairs - true) ** 2), abs=EXACT)


def test_a_probability_of_zero_for_the_truth_stays_finite() -> None:
    said = np.array([[1.0, 0.0], [0.0, 1.0]])
    worst = calibration_metrics(said, np.array([1, 0]))
    assert worst["ece"] == worst["classwise_ece"] == 1.0
    assert worst["brier"] == 2.0
    assert worst["nll"] == pytest.approx(-np.log(np.finfo(float).eps))
    best = calibration_metrics(said, np.array([0, 1]))
    assert set(best.values()) == {0.0}


def test_an_edge_belongs_to_the_bin_below() -> None:
    said = np.array([[0.0], [1 / 3], [2 / 3], [1.0]])
    bins = reliability_bins(Statements(said, np.zeros((4, 1))), np.linspace(0, 1, 4))
    assert [one["count"] for one in bins] == [2, 1, 1]


def test_bins_of_equal_mass_hold_equally_many() -> None:
    rng = np.random.default_rng(4)
    said = rng.beta(5, 1, (600, 1))
    bins = reliability_bins(Statements(said, said > 0.5), equal_mass(said))
    assert len(bins) == BINS
    assert {one["count"] for one in bins} == {40}
    same = np.full((9, 1), 0.25)
    (only,) = reliability_bins(Statements(same, same > 1), equal_mass(same))
    assert (only["count"], only["found"]) == (9, 0.0)


@pytest.mark.parametrize(("hits", "trials"), [(0, 7), (3, 9), (50, 50), (1, 1)])
def test_wilson_is_scipys(hits: int, trials: int) -> None:
    theirs = binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson(hits, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


def test_the_debiased_square_is_zero_on_average_where_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(5)
    debiased, plain = [], []
    for _ in range(300):
        said, labels = drawn(rng, 150)
        units = np.arange(150)
        debiased.append(statistics_of(said, labels, units, units).values()["calibration_rms"])
        bins = reliability_bins(top_label(said, labels), equal_mass(said.max(1)))
        plain.append(sum(b["count"] / 150 * (b["said"] - b["found"]) ** 2 for b in bins))
    error = np.std(debiased) / np.sqrt(300)
    assert abs(np.mean(debiased)) < 3 * error
    assert np.mean(plain) > 20 * error


def test_the_debiased_square_is_unbiased_with_people_who_differ() -> None:
    """Rows of a person err together: products of two people's errors are free of that."""
    rng = np.random.default_rng(6)
    by_person, by_row = [], []
    for _ in range(300):
        people = np.arange(240) % 12
        shift = rng.choice([-0.25, 0.25], 12)[people]  # 0 on average, so the truth is 0
        sure = rng.uniform(0.6, 0.75, 240)
        said = np.stack([sure, 1 - sure], axis=1)
        labels = (rng.random(240) >= sure + shift).astype(int)
        rows = np.arange(240)
        by_person.append(statistics_of(said, labels, people, people).values()["calibration_rms"])
        by_row.append(statistics_of(said, labels, rows, rows).values()["calibration_rms"])
    error = np.std(by_person) / np.sqrt(300)
    assert abs(np.mean(by_person)) < 3 * error
    assert np.mean(by_row) > 3 * error


def test_the_debiased_error_finds_the_true_one() -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(60):
        said = rng.uniform(0.55, 0.95, (400, 1))
        right = rng.random((400, 1)) < said - 0.15
        both = np.hstack([said, 1 - said])
        found.append(calibration_metrics(both, np.where(right, 0, 1).ravel()) | {"n": 400})
    rms, plain = (np.array([one[name] for one in found]) for name in ("calibration_rms", "ece"))
    assert np.mean(rms**2) == pytest.approx(0.15**2, abs=3 * np.std(rms**2) / np.sqrt(60))
    assert np.mean(plain) > 0.15


def test_chance_of_error_is_what_calibrated_models_have() -> None:
    rng = np.random.default_rng(8)
    observed, below, ps = [], [], []
    for _ in range(120):
        said, labels = drawn(rng, 200)
        one = chance_of_error(said, labels, draws=60, seed=int(rng.integers(1 << 30)))["ece"]
        value = calibration_metrics(said, labels)["ece"]
        observed.append(value - one["mean"])
        below.append(value <= one["high"])
        ps.append(one["p"])
    assert abs(np.mean(observed)) < 3 * np.std(observed) / np.sqrt(120)
    assert np.mean(below) > 0.88
    assert np.mean(np.array(ps) <= 0.1) < 0.2
    assert 0.4 < np.mean(ps) < 0.6


def test_chance_of_error_of_several_labels() -> None:
    rng = np.random.default_rng(9)
    said = rng.beta(0.6, 2.0, (300, 4))
    true = (rng.random((300, 4)) < said).astype(float)
    calibrated = chance_of_error(said, true, draws=99)
    off = chance_of_error(said, (rng.random((300, 4)) < said**3).astype(float), draws=99)
    assert set(calibrated) == {"ece", "ece_mass", "classwise_ece"}
    for name in calibrated:
        assert calibrated[name]["p"] > 0.01
        assert off[name]["p"] == pytest.approx(0.01)
        assert 0 < calibrated[name]["mean"] < calibrated[name]["high"]


def test_a_single_unit_says_nothing_of_the_square() -> None:
    said, labels = drawn(np.random.default_rng(10), 30)
    one = np.zeros(30, dtype=int)
    assert statistics_of(said, labels, one, one).values()["calibration_rms"] == 0
    assert rooted({"calibration_rms": -0.1, "ece": 0.2}) == {"calibration_rms": 0.0, "ece": 0.2}


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Statements(np.array([[1.2]]), np.array([[1.0]]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Statements(np.array([[np.nan]]), np.array([[1.0]]))
    with pytest.raises(ValueError, match=r"\(1, 1\) and \(2, 1\)"):
        Statements(np.ones((1, 1)), np.ones((2, 1)))
    assert each_class(np.array([[0.3, 0.7]]), np.array([1])).found.tolist() == [[0.0, 1.0]]
