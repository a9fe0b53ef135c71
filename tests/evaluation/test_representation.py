from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from affectrep.evaluation.families import Families
from affectrep.evaluation.intervals import bootstrap
from affectrep.evaluation.representation import (
    family_auc_statistics,
    knn_statistics,
    perturbed_statistics,
    representation_statistics,
    spread_values,
)

CLASSES = list("abcdef")
FAMILIES = Families([["a", "d"], ["b", "c", "e"]], CLASSES)


def points(rows: int = 150, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, rows)
    centres = np.random.default_rng(5).normal(size=(6, 10))
    return centres[labels] + rng.normal(size=(rows, 10)), labels


def test_family_auc_by_hand() -> None:
    # angles of 0, 10, 20 (class a), 15 and 90 degrees (class d); class f stands alone
    angles = np.deg2rad([0, 10, 20, 15, 90, 5])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.arange(1, 7)[:, None]
    labels = np.array([0, 0, 0, 3, 3, 5])
    found = family_auc_statistics(rows, labels, FAMILIES)
    assert found.columns[:, 1].tolist() == [1, 1, 1, 1, 1, 0]
    # row 0: own at 10 and 20, others at 15 and 90 -> 3 of 4 pairs the right way round; row 3: own
    # at 75, others at 15, 5, 5 -> none; row 4: own at 75, others at 90, 80, 70 -> two of three
    assert found.columns[[0, 3, 4], 0] == pytest.approx([0.75, 0.0, 2 / 3])


def test_ties_count_half_and_a_row_alone_is_left_out() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = family_auc_statistics(rows, np.array([0, 0, 3, 1]), FAMILIES)
    assert found.columns.tolist() == [[0.5, 1], [0.5, 1], [0, 0], [0, 0]]
    assert found.values() == {"family_auc": 0.5}


def test_family_auc_agrees_with_sklearn_row_by_row() -> None:
    rows, labels = points()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = family_auc_statistics(rows.astype(np.float32), labels, FAMILIES)
    number = FAMILIES.of_class()
    expected = []
    for i in range(len(rows)):
        kin = (number[labels] == number[labels[i]]) & (np.arange(len(rows)) != i)
        same = labels[kin] == labels[i]
        if labels[i] != 5 and same.any() and not same.all():
            expected.append(roc_auc_score(same, unit[kin] @ unit[i]))
            assert found.columns[i] == pytest.approx([expected[-1], 1])
        else:
            assert found.columns[i].tolist() == [0, 0]
    assert len(expected) > 100
    assert found.values()["family_auc"] == pytest.approx(np.mean(expected))
    interval = bootstrap(found, resamples=300)["family_auc"]
    assert interval.low < interval.value < interval.high


def test_no_family_no_auc() -> None:
    rows, labels = points()
    alone = Families([], CLASSES)
    assert family_auc_statistics(rows, labels, alone).values() == {"family_auc": 0.0}
    for families, there in ((alone, False), (FAMILIES, True)):
        sets = representation_statistics(rows, labels, points(80, 1), families)
        assert ("family_auc" in {name for part in sets for name in part.values()}) is there
        assert all(len(part.columns) == len(rows) for part in sets)


def test_knn_figures() -> None:
    truth, said = np.array([0, 1, 2, 2, 1]), np.array([0, 1, 1, 2, 1])
    found = knn_statistics(truth, said, 6).values()
    weighted = f1_score(truth, said, average="weighted")
    assert found == {"knn_accuracy": 0.8, "knn_weighted_f1": pytest.approx(weighted)}


def test_perturbed_figures_and_their_intervals() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 400)
    drawn = np.where(rng.random((20, 400)) < np.linspace(0.5, 0.9, 20)[:, None], truth, 3)
    statistics = perturbed_statistics(truth, drawn)
    by_draw = (drawn == truth).mean(1)
    found = statistics.values()
    assert found["knn_perturbed_mean"] == pytest.approx(by_draw.mean())
    assert found["knn_perturbed_worst"] == pytest.approx(by_draw.min())
    interval = bootstrap(statistics, resamples=300)["knn_perturbed_worst"]
    assert interval.low < interval.value < interval.high
    with pytest.raises(ValueError, match=r"labels \(rows,\) and classes \(draws, rows\)"):
        perturbed_statistics(truth, drawn.T)


def test_collapse_is_seen() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 20))
    wide = spread_values(rows)
    line = np.outer(np.linspace(1, 2, 400), rows[0]) + 1e-3 * rows
    assert 15 < wide["effective_rank"] <= 20
    assert wide["random_cosine"] < 0.25
    assert spread_values(line)["random_cosine"] > 0.99


def test_effective_rank_agrees_with_a_singular_value_decomposition() -> None:
    rows = np.random.default_rng(1).normal(size=(60, 12)) * np.linspace(0.1, 3, 12)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.svd(unit - unit.mean(0), compute_uv=False)
    share = values / values.sum()
    found = spread_values(rows)
    assert found["effective_rank"] == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    cosines = np.abs(unit @ unit.T)[~np.eye(60, dtype=bool)]
    assert found["random_cosine"] == pytest.approx(cosines.mean())


def test_many_rows_are_thinned_the_same_way_each_time() -> None:
    rows = np.random.default_rng(2).normal(size=(5200, 4)).astype(np.float32)
    found = spread_values(rows)
    assert found == spread_values(rows)
    whole = spread_values(rows[:5000])["effective_rank"]
    assert found["effective_rank"] == pytest.approx(whole, rel=1e-2)


def test_mistakes_are_said_in_words() -> None:
    rows, labels = points()
    with pytest.raises(ValueError, match=r"expected embeddings \(rows, dim\)"):
        family_auc_statistics(rows, labels[:3], FAMILIES)
    with pytest.raises(ValueError, match="NaN or infinity"):
        family_auc_statistics(rows * np.inf, labels, FAMILIES)
