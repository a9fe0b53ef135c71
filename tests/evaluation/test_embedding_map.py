from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from affectrep.evaluation import embedding_map as module
from affectrep.evaluation.embedding_map import embedding_map
from affectrep.evaluation.retrieval import retrieval_metrics


def clusters(rows: int = 90, seed: int = 0) -> tuple[list[str], np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    codes = np.arange(rows) % 3
    points = 4 * np.random.default_rng(7).normal(size=(3, 10))[codes] + rng.normal(size=(rows, 10))
    return [f"r{i}" for i in range(rows)], points, [f"emotion {code}" for code in codes]


def test_groups_that_lie_apart_lie_apart_in_the_plane():
    ids, points, emotions = clusters()
    for method in ("tsne", "pca"):
        table = embedding_map(ids, points, {"emotion": emotions}, method=method)
        assert table["id"].tolist() == ids
        assert table["emotion"].tolist() == emotions
        places = table[["x", "y"]].to_numpy() - table[["x", "y"]].to_numpy().mean(0)
        found = retrieval_metrics(places, np.unique(emotions, return_inverse=True)[1], ranks=(1,))
        assert found["recall_at_1"] > 0.95


def test_the_layout_is_the_same_for_the_same_seed():
    ids, points, _ = clusters()
    one, two, other = (embedding_map(ids, points, seed=seed) for seed in (0, 0, 1))
    assert one.equals(two)
    assert one.attrs == two.attrs
    assert list(one.columns) == ["id", "x", "y"]
    assert one.attrs["perplexity"] == pytest.approx(89 / 3)
    assert np.isfinite(one.attrs["kl_divergence"])
    assert other.attrs["seed"] == 1


def test_principal_components_are_those_of_unit_rows():
    ids, points, _ = clusters()
    table = embedding_map(ids, 5 * points, method="pca")
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    reference = PCA(2).fit(unit)
    expected = np.abs(reference.transform(unit))
    np.testing.assert_allclose(np.abs(table[["x", "y"]].to_numpy()), expected, atol=1e-9)
    assert table.attrs["explained"] == pytest.approx(reference.explained_variance_ratio_.sum())


def test_of_many_rows_a_fixed_part_is_laid_out(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 30)
    ids, points, emotions = clusters()
    one, two = (embedding_map(ids, points, {"e": emotions}, method="pca") for _ in range(2))
    assert len(one) == 30
    assert one.attrs["rows"] == 90
    assert one.equals(two)
    known = dict(zip(ids, emotions, strict=True))
    assert [known[row] for row in one["id"]] == one["e"].tolist()


def test_equal_and_zero_rows_give_finite_places():
    for method in ("tsne", "pca"):
        table = embedding_map(list("abcdef"), np.zeros((6, 3)), method=method)
        assert np.isfinite(table[["x", "y"]].to_numpy()).all()


def test_mistakes_are_said_in_words():
    ids, points, emotions = clusters(6)
    with pytest.raises(ValueError, match="at least 4 rows"):
        embedding_map(ids[:3], points[:3])
    with pytest.raises(ValueError, match="one id per row"):
        embedding_map(ids[:5], points)
    with pytest.raises(ValueError, match="finite embeddings"):
        embedding_map(ids, points * np.nan)
    with pytest.raises(ValueError, match="cannot be called x"):
        embedding_map(ids, points, {"x": emotions})
    with pytest.raises(ValueError, match="5 values for 6 rows"):
        embedding_map(ids, points, {"e": emotions[:5]})
    with pytest.raises(ValueError, match="'umap', expected tsne or pca"):
        embedding_map(ids, points, method="umap")  # type: ignore[arg-type]
