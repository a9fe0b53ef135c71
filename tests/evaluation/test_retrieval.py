"""Retrieval measures against a naive loop, pytorch-metric-learning and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from affectrep.evaluation.intervals import bootstrap
from affectrep.evaluation.retrieval import (
    clustering_nmi,
    retrieval_metrics,
    retrieval_statistics,
)


def rows(seed=0, n=60, classes=7):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n) * 3 + 5
    points = rng.standard_normal((n, 6)) + np.eye(40)[labels][:, 4:34:5]
    return points * rng.uniform(0.1, 9, (n, 1)), labels


def naive(points, labels, ranks):
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    hits, averages = {rank: [] for rank in ranks}, []
    for i in range(len(unit)):
        others = [j for j in range(len(unit)) if j != i]
        relevant = sum(labels[j] == labels[i] for j in others)
        if not relevant:
            continue
        order = sorted(others, key=lambda j: -float(unit[i] @ unit[j]))
        same = [labels[j] == labels[i] for j in order]
        for rank in ranks:
            hits[rank].append(any(same[:rank]))
        found = [sum(same[: k + 1]) / (k + 1) for k in range(relevant) if same[k]]
        averages.append(sum(found) / relevant)
    means = {f"recall_at_{rank}": float(np.mean(hits[rank])) for rank in ranks}
    return {**means, "map_at_r": float(np.mean(averages))}


def test_hand_values():
    points = np.array([[1.0, 0.0], [0.96, 0.28], [0.6, 0.8], [0.0, 1.0]])
    labels = np.array([0, 1, 0, 1])
    # nearest first: 1 2 3 | 0 2 3 | 3 1 0 | 2 1 0
    found = retrieval_metrics(points, labels, ranks=(1, 2, 3))
    assert found == pytest.approx(
        {"recall_at_1": 0.0, "recall_at_2": 0.5, "recall_at_3": 1.0, "map_at_r": 0.0}
    )
    points[2] = [0.3, 0.9]
    perfect = retrieval_metrics(points, np.array([0, 0, 1, 1]))
    assert perfect == {"recall_at_1": 1.0, "recall_at_5": 1.0, "map_at_r": 1.0}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_naive_loop(seed, dtype):
    points, labels = rows(seed)
    points[1] = points[0]  # a copy is its neighbour, never itself
    labels[7] = 999  # alone: no query, but in everyone's gallery
    found = retrieval_metrics(points.astype(dtype), labels, ranks=(1, 3, 5, 80))
    assert found == pytest.approx(naive(points, labels, (1, 3, 5, 80)), abs=1e-12)


def test_equals_pytorch_metric_learning():
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")

    def nearest(query, k, reference, same_source):  # its own search needs faiss
        first, second = (torch.nn.functional.normalize(x.double()) for x in (query, reference))
        similarity = first @ second.T
        assert same_source
        similarity.fill_diagonal_(-2)
        top = similarity.topk(k, dim=1)
        return top.values, top.indices

    points, labels = rows(5)
    reference = module.AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision_at_r"),
        k="max_bin_count",
        knn_func=nearest,
    ).get_accuracy(torch.tensor(points), torch.tensor(labels))
    found = retrieval_metrics(points, labels)
    assert found["recall_at_1"] == pytest.approx(reference["precision_at_1"])
    assert found["map_at_r"] == pytest.approx(reference["mean_average_precision_at_r"])


def test_length_order_and_names_do_not_matter():
    points, labels = rows(2)
    expected = retrieval_metrics(points, labels)
    order = np.random.default_rng(0).permutation(len(labels))
    assert retrieval_metrics(7 * points[order], -labels[order]) == pytest.approx(expected)


def test_more_queries_than_a_chunk(monkeypatch):
    points, labels = rows(3)
    expected = retrieval_metrics(points, labels)
    monkeypatch.setattr("affectrep.evaluation.retrieval._CHUNK", 7)
    assert retrieval_metrics(points, labels) == expected


def test_statistics_give_intervals():
    statistics = retrieval_statistics(*rows(1))
    found = bootstrap(statistics, resamples=200)
    assert found["map_at_r"].low < found["map_at_r"].value < found["map_at_r"].high


def test_nmi_is_that_of_k_means_on_unit_rows():
    points, labels = rows(4)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    clusters = KMeans(len(set(labels)), n_init=4, random_state=3).fit_predict(unit)
    expected = normalized_mutual_info_score(labels, clusters)
    assert 0 < expected < 1
    assert clustering_nmi(points, labels, seed=3) == pytest.approx(expected)


def test_mistakes_are_named():
    points, labels = rows()
    with pytest.raises(ValueError, match="embeddings"):
        retrieval_metrics(points[:, 0], labels)
    with pytest.raises(ValueError, match="labels"):
        retrieval_metrics(points, labels[:3])
    with pytest.raises(ValueError, match="labels"):
        clustering_nmi(points[:0], labels[:0])
    with pytest.raises(ValueError, match="ranks"):
        retrieval_metrics(points, labels, ranks=(0,))
    with pytest.raises(ValueError, match="two rows"):
        retrieval_metrics(points, np.arange(len(points)))
    with pytest.raises(ValueError, match="finite"):
        retrieval_metrics(points * np.nan, labels)
