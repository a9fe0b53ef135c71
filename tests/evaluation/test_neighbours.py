from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from affectrep.evaluation.neighbours import (
    knn_labels,
    perturbed_knn_labels,
    perturbed_similarity,
    random_form,
)


def points(rows: int, seed: int, dim: int = 16, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    centres = np.random.default_rng(99).normal(size=(classes, dim))
    return centres[labels] + 1.5 * rng.normal(size=(rows, dim)), labels


def unit(rows: int, seed: int, dim: int = 32) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    # a common part, so that all cosines between -1 and almost 1 occur
    values = rng.normal(size=(rows, dim)) + rng.normal(0, 3, (rows, 1))
    return torch.nn.functional.normalize(torch.from_numpy(values), dim=1)


def by_hand(similarity: np.ndarray, labels: np.ndarray, neighbours: int) -> list[int]:
    """Vote of each row of similarities, in plain loops."""
    said = []
    for row in similarity:
        order = sorted(range(len(row)), key=lambda i: -row[i])[:neighbours]
        votes: dict[int, float] = {}
        for i in order:
            votes[int(labels[i])] = votes.get(int(labels[i]), 0.0) + max(float(row[i]), 0.0)
        best = max(votes.values())
        said.append(next(int(labels[i]) for i in order if votes[int(labels[i])] == best))
    return said


@pytest.mark.parametrize("neighbours", [1, 7, 20])
def test_the_vote_agrees_with_sklearn(neighbours: int) -> None:
    gallery, labels = points(300, 0)
    queries, _ = points(700, 1)  # more than one chunk
    reference = KNeighborsClassifier(
        neighbours,
        metric="cosine",
        weights=lambda distance: np.clip(1 - distance, 0, None),
    )
    expected = reference.fit(gallery, labels).predict(queries)
    found = knn_labels(gallery, labels, queries, neighbours=neighbours)
    np.testing.assert_array_equal(found, expected)


def test_two_far_neighbours_outvote_a_near_one() -> None:
    gallery = np.array([[1.0, 0.0], [0.8, 0.6], [0.8, -0.6], [-1.0, 0.0]])
    labels, query = np.array([3, 8, 8, 3]), np.array([[5.0, 0.0]])
    assert knn_labels(gallery, labels, query, neighbours=1).tolist() == [3]
    assert knn_labels(gallery, labels, query, neighbours=3).tolist() == [8]  # 1.6 against 1
    # the fourth has a negative cosine: it takes no vote away
    assert knn_labels(gallery, labels, query, neighbours=99).tolist() == [8]


def test_equal_votes_go_to_the_nearer_class() -> None:
    # one axis a neighbour, so that each cosine is a number that binary writes exactly
    query = np.array([[0.5, 0.5, 0.5, 0.5]])
    gallery = np.array([[1.0, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, -1], [1, 1, -1, 1], [1, -1, 1, 1]])
    cosines = [1.0, 0.5, 0.5, 0.5, 0.5]
    assert (gallery @ query[0] / np.linalg.norm(gallery, axis=1)).tolist() == cosines
    for near in (0, 4):
        labels = np.array([near, near, 2, 2, 2])  # 1.5 votes against 1.5
        assert knn_labels(gallery, labels, query, neighbours=5).tolist() == [near]


def test_negative_neighbours_leave_it_to_the_nearest() -> None:
    gallery = np.array([[-1.0, 0.0], [-0.9, 0.1], [0.0, -1.0]])
    query = np.array([[1.0, 0.0]])
    assert knn_labels(gallery, np.array([0, 0, 7]), query, neighbours=3).tolist() == [7]


def test_a_row_on_the_other_side_takes_no_vote_away() -> None:
    angles = np.arccos([0.5, 0.3, -0.4])
    gallery = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    query = np.array([[1.0, 0.0]])
    assert knn_labels(gallery, np.array([0, 1, 0]), query, neighbours=3).tolist() == [0]


def test_no_perturbation_leaves_its_region() -> None:
    x, y = unit(60, 1), unit(80, 2)
    cosine = (x @ y.T).clamp(-1, 1)
    shares = []
    for draw in range(20):
        form = torch.from_numpy(random_form(32, draw))
        found = perturbed_similarity(x, y, form, epsilon=0.3)
        bound = 0.3 * (1 - cosine.square())
        assert ((found - cosine).abs() <= bound + 1e-12).all()
        assert found.abs().max() <= 1
        torch.testing.assert_close(perturbed_similarity(y, x, form, epsilon=0.3), found.T)
        own = perturbed_similarity(x, x, form, epsilon=0.3).diagonal()
        torch.testing.assert_close(own, torch.ones(60, dtype=own.dtype))
        shares.append(float(((found - cosine).abs() / bound).mean()))
    assert 0.5 < np.mean(shares) < 0.7  # it makes use of the region
    torch.testing.assert_close(perturbed_similarity(x, y, form, epsilon=0.0), cosine)


def test_responses_have_the_variance_that_is_promised_whatever_the_dimension() -> None:
    for dim in (4, 24):
        x = np.zeros((2, dim))
        x[0, 0] = 1
        x[1, 0], x[1, 1] = 0.8, 0.6
        drawn = np.array([x @ random_form(dim, draw) @ x.T for draw in range(4000)])
        assert drawn[:, 0, 1].var() == pytest.approx(1 + 0.8**2, rel=0.08)
        assert drawn[:, 0, 0].var() == pytest.approx(2, rel=0.08)
        assert abs(drawn[:, 0, 1].mean()) < 0.08


def test_turning_the_axes_changes_the_draws_but_not_their_law() -> None:
    """The means over many draws agree; single draws do not."""
    gallery, labels = points(120, 0, dim=6)
    queries, truth = points(200, 1, dim=6)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))[0]
    plain = perturbed_knn_labels(gallery, labels, queries, draws=60) == truth
    turned = perturbed_knn_labels(gallery @ turn, labels, queries @ turn, draws=60) == truth
    assert (plain != turned).any()
    spread = plain.mean(1).std()
    assert abs(plain.mean() - turned.mean()) < 4 * spread * (2 / 60) ** 0.5


def test_perturbed_votes_agree_with_loops() -> None:
    gallery, labels = points(50, 0)
    queries, _ = points(30, 1)
    found = perturbed_knn_labels(gallery, labels, queries, neighbours=5, draws=4)
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (queries, gallery))
    for draw in range(4):
        cosine = x @ y.T
        response = np.tanh(x @ random_form(16, draw) @ y.T)
        similarity = cosine + 0.3 * (1 - cosine**2) * response
        assert found[draw].tolist() == by_hand(similarity, labels, 5)
    assert (found[0] != found[1]).any()
    np.testing.assert_array_equal(
        perturbed_knn_labels(gallery, labels, queries, neighbours=5, draws=2), found[:2]
    )
    np.testing.assert_array_equal(
        perturbed_knn_labels(gallery, labels, queries, draws=1, epsilon=0.0)[0],
        knn_labels(gallery, labels, queries),
    )


def test_labels_need_not_start_at_zero_and_half_precision_is_taken() -> None:
    gallery, labels = points(60, 0)
    queries, _ = points(20, 1)
    found = knn_labels(gallery, labels * 7 + 3, queries)
    np.testing.assert_array_equal(found, knn_labels(gallery, labels, queries) * 7 + 3)
    half = knn_labels(gallery.astype(np.float16), labels, queries.astype(np.float16))
    assert (half == knn_labels(gallery, labels, queries)).mean() > 0.9


def test_mistakes_are_said_in_words() -> None:
    gallery, labels = points(10, 0)
    with pytest.raises(ValueError, match=r"expected gallery \(rows, dim\)"):
        knn_labels(gallery, labels[:5], gallery)
    with pytest.raises(ValueError, match=r"expected gallery \(rows, dim\)"):
        knn_labels(gallery, labels, gallery[:, :3])
    with pytest.raises(ValueError, match="at least 1 neighbour, got 0"):
        knn_labels(gallery, labels, gallery, neighbours=0)
    with pytest.raises(ValueError, match="at least 1 draw, got 0"):
        perturbed_knn_labels(gallery, labels, gallery, draws=0)
    with pytest.raises(ValueError, match="epsilon"):
        perturbed_knn_labels(gallery, labels, gallery, epsilon=0.9)
    with pytest.raises(ValueError, match="finite embeddings"):
        knn_labels(gallery * np.nan, labels, gallery)
