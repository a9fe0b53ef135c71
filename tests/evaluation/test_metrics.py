from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as reference

from affectrep.evaluation.axis_warnings import axis_warnings
from affectrep.evaluation.metrics import (
    best_threshold,
    classification_metrics,
    confusion_matrix,
    most_confused,
    multilabel_metrics,
    per_class_table,
    regression_metrics,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_classification_fixture() -> None:
    y, pred = [0, 0, 0, 0, 1, 1, 2, 2, 2, 3], [0, 0, 1, 0, 1, 2, 2, 2, 0, 0]
    found = classification_metrics(np.array(y), np.array(pred), 4)
    assert found == pytest.approx(
        {
            "uar": 0.47916666666666663,
            "macro_f1": 0.45833333333333326,
            "weighted_f1": 0.5666666666666667,
            "accuracy": 0.6,
        },
        abs=1e-9,
    )
    table = per_class_table(np.array(y), np.array(pred), list("abcd"))
    assert [row["f1"] for row in table] == pytest.approx([2 / 3, 0.5, 2 / 3, 0], abs=1e-9)
    assert [row["recall"] for row in table] == pytest.approx([0.75, 0.5, 2 / 3, 0], abs=1e-9)
    assert [row["precision"] for row in table] == pytest.approx([0.6, 0.5, 2 / 3, 0], abs=1e-9)


def test_classification_agrees_with_sklearn(rng: np.random.Generator) -> None:
    y, pred = rng.integers(0, 9, 500), rng.integers(0, 11, 500)  # classes 9 and 10 are absent in y
    found = classification_metrics(y, pred, 12)  # 11 is absent altogether
    labels = list(range(12))
    for average in ("macro", "weighted"):
        expected = reference.f1_score(y, pred, labels=labels, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(expected, abs=1e-12)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(y, pred), abs=1e-12)
    with pytest.warns(UserWarning, match="y_pred contains classes"):
        uar = reference.balanced_accuracy_score(y, pred)
    assert found["uar"] == pytest.approx(uar, abs=1e-12)
    expected_counts = reference.confusion_matrix(y, pred, labels=labels)
    assert np.array_equal(confusion_matrix(y, pred, 12), expected_counts)


def test_multilabel_agrees_with_sklearn(rng: np.random.Generator) -> None:
    y, probability = (rng.random((300, 7)) < 0.2).astype(float), rng.random((300, 7))
    y[:, 6] = 0
    found = multilabel_metrics(y, probability, 0.7)
    pred = probability >= 0.7
    for average in ("macro", "micro", "weighted"):
        expected = reference.f1_score(y, pred, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(expected, abs=1e-12)
    assert found["exact_match"] == pytest.approx(reference.accuracy_score(y, pred), abs=1e-12)
    macro = reference.precision_score(y, pred, average="macro", zero_division=0)
    assert found["macro_precision"] == pytest.approx(macro, abs=1e-12)
    macro = reference.recall_score(y, pred, average="macro", zero_division=0)
    assert found["macro_recall"] == pytest.approx(macro, abs=1e-12)


def test_threshold_is_the_best_of_the_grid(rng: np.random.Generator) -> None:
    y = (rng.random((200, 4)) < 0.3).astype(float)
    probability = np.clip(0.3 * y + 0.4 * rng.random((200, 4)), 0, 1)
    best = best_threshold(y, probability)
    scores = {t: multilabel_metrics(y, probability, t)["macro_f1"] for t in np.arange(1, 20) / 20}
    assert scores[min(scores, key=lambda t: abs(t - best))] == max(scores.values())
    assert best_threshold(np.ones((2, 1)), np.ones((2, 1))) == 0.5  # all tie


@pytest.mark.parametrize(
    ("y", "pred", "expected"),
    [
        (
            [-0.8, -0.2, 0.0, 0.3, 0.9],
            [-0.5, 0.1, 0.2, 0.2, 0.6],
            (0.2529822128134704, 0.6, 0.9621699731311425, 0.8566308243727598),
        ),
        ([1, 2, 3], [2, 3, 4], (1.0, 1.0, 1.0, 0.5714285714285715)),
        ([-0.8, -0.2, 0.0, 0.3, 0.9], [0.1] * 5, (0.5639148871948675, 0.4, 0.0, 0.0)),
        ([0.1] * 4, [0.1] * 4, (0.0, 1.0, 0.0, 1.0)),
        ([0.1] * 4, [0.3] * 4, (0.2, 1.0, 0.0, 0.0)),
    ],
)
def test_regression_fixtures(y: list[float], pred: list[float], expected: tuple[float]) -> None:
    found = regression_metrics(np.array(y, float), np.array(pred, float))
    got = [found[name] for name in ("rmse", "sagr", "pcc", "ccc")]
    assert got == pytest.approx(expected, abs=1e-9)


def test_rmse_is_no_mean_of_batches() -> None:
    y, pred = np.zeros(4), np.array([0.0, 0.0, 1.0, 1.0])
    assert regression_metrics(y, pred)["rmse"] == pytest.approx(0.7071067811865476, abs=1e-9)


def test_regression_agrees_with_scipy_per_axis(rng: np.random.Generator) -> None:
    y = rng.normal(5, 0.1, (400, 2))  # far from zero: moments must not lose digits
    pred = y + rng.normal(0, 0.05, (400, 2))
    found = regression_metrics(y, pred)
    for i, axis in enumerate(("valence", "arousal")):
        a, b = y[:, i], pred[:, i]
        assert found[f"pcc_{axis}"] == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-12)
        covariance = np.cov(a, b, ddof=0)
        gap = (a.mean() - b.mean()) ** 2
        ccc = 2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + gap)
        assert found[f"ccc_{axis}"] == pytest.approx(ccc, abs=1e-12)
        rmse = reference.root_mean_squared_error(a, b)
        assert found[f"rmse_{axis}"] == pytest.approx(rmse, abs=1e-12)
    assert found["ccc"] == pytest.approx((found["ccc_valence"] + found["ccc_arousal"]) / 2)


def test_regression_agrees_with_torchmetrics(rng: np.random.Generator) -> None:
    torchmetrics = pytest.importorskip("torchmetrics.functional")
    y = rng.uniform(-1, 1, (500, 2))
    pred = 0.7 * y + rng.normal(0, 0.2, (500, 2))
    found = regression_metrics(y, pred)
    for i, axis in enumerate(("valence", "arousal")):
        a, b = torch.from_numpy(y[:, i]), torch.from_numpy(pred[:, i])
        pcc = float(torchmetrics.pearson_corrcoef(b, a))
        assert found[f"pcc_{axis}"] == pytest.approx(pcc, abs=1e-12)
        rmse = float(torchmetrics.mean_squared_error(b, a, squared=False))
        assert found[f"rmse_{axis}"] == pytest.approx(rmse, abs=1e-12)
        # theirs takes sample variances, and the gap of the means does not know of that
        ccc, n, gap = found[f"ccc_{axis}"], len(y), float((a.mean() - b.mean()) ** 2)
        covariance = np.cov(y[:, i], pred[:, i], ddof=0)[0, 1]
        sample = 2 * covariance / ((2 * covariance / ccc - gap) + gap * (n - 1) / n)
        theirs = float(torchmetrics.concordance_corrcoef(b, a))
        assert sample == pytest.approx(theirs, abs=1e-12)


def test_figures_are_of_the_whole_set_in_any_order(rng: np.random.Generator) -> None:
    y, pred = rng.uniform(-1, 1, (2, 300, 2))
    order = rng.permutation(300)
    whole, mixed = regression_metrics(y, pred), regression_metrics(y[order], pred[order])
    assert mixed == pytest.approx(whole, abs=1e-12)
    halves = [regression_metrics(y[part::2], pred[part::2])["rmse"] for part in (0, 1)]
    assert np.mean(halves) != pytest.approx(whole["rmse"], abs=1e-9)


def test_zero_has_a_sign_of_its_own() -> None:
    y, pred = np.array([0.0, 0.0, 0.5, -0.5]), np.array([0.0, 1e-9, 0.0, -0.1])
    assert regression_metrics(y, pred)["sagr"] == 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_no_perfect_score(value: float) -> None:
    true = np.linspace(-1, 1, 10).reshape(5, 2)
    said = true.copy()
    said[3, 1] = value
    for pair in ((true, said), (said, true)):
        found = regression_metrics(*pair)
        broken = {name for name, score in found.items() if np.isnan(score)}
        assert broken == {name for name in found if not name.endswith("_valence")}
        assert found["ccc_valence"] == 1.0


def test_degenerate_axes_are_flagged() -> None:
    y = np.array([[0.1, 0.5], [0.3, 0.5], [0.2, 0.5]])
    fine = np.array([[0.1, 0.4], [0.4, 0.6], [0.2, 0.5]])
    assert axis_warnings(np.array([[0.1, 0.5], [0.3, 0.6], [0.2, 0.5]]), fine) == []
    assert axis_warnings(y, fine) == ["All labels of arousal are 0.5, so its PCC and CCC are 0."]
    assert (
        axis_warnings(y, y)[-1]
        == "All predictions of arousal are 0.5, so its PCC is 0 and its CCC 1."
    )
    flat = np.full_like(y, 0.25)
    found = regression_metrics(y, flat)
    assert (found["pcc"], found["ccc"]) == (0, 0)
    assert "All predictions of valence are 0.25, so its PCC and CCC are 0." in axis_warnings(
        y, flat
    )
    zeros = np.array([[0.0, 0.5], [0.0, 0.0], [0.2, 0.1]])
    assert axis_warnings(zeros, fine) == [
        "Labels of exactly 0 (2 of valence and 1 of arousal) count against SAGR: 0 has a sign of "
        "its own."
    ]


def test_most_confused_is_sorted_and_has_only_errors() -> None:
    counts = np.array([[9, 3, 0], [5, 1, 0], [0, 0, 4]])
    pairs = most_confused(counts, ["a", "b", "c"])
    assert [(p["true"], p["predicted"], p["count"]) for p in pairs] == [
        ("b", "a", 5),
        ("a", "b", 3),
    ]
    assert pairs[0]["share"] == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("y", "pred", "words"),
    [
        (np.array([], int), np.array([], int), "no rows"),
        (np.array([0, 1]), np.array([0]), "shape"),
        (np.array([0, 3]), np.array([0, 1]), "3 classes"),
        (np.array([0.0, 1.0]), np.array([0, 1]), "class indices"),
    ],
)
def test_mistakes_are_said_in_words(y: np.ndarray, pred: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        classification_metrics(y, pred, 3)
