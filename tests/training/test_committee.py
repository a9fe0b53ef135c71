"""One linear head that says what the mean of its members says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from affectrep.training.committee import (
    Member,
    TrainingRows,
    fit_committee,
    stable_columns,
    view_columns,
)
from affectrep.training.linear_classifiers import row_weights
from affectrep.training.source_maps import map_sources

NAMES = ["F0semitone", "loudness_sma3_x", "pitch.f0.mean", "mfcc.mfcc1.mean", "timing.voiced"]
NAMES += ["logmel.logmel1.sd"]


@pytest.fixture
def rows() -> TrainingRows:
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(3), 32)
    place = np.arange(96) // 12
    points = random.normal(size=(3, 6))[labels] + random.normal(size=(8, 6))[place] / 2
    points += random.normal(size=(96, 6))
    return TrainingRows(points, labels, np.array(["x", "y"])[place // 4], place.astype(str))


def says(found, points) -> np.ndarray:
    weight, bias = found
    logits = points @ weight.T + bias
    return logits - logits.mean(1, keepdims=True)


def test_one_member_is_scikit_learns(rows):
    found = fit_committee(rows, Member(c=0.3), names=NAMES)
    line = LogisticRegression(C=0.3, class_weight="balanced", max_iter=5000)
    expected = line.fit(rows.points, rows.labels).predict_proba(rows.points)
    np.testing.assert_allclose(softmax(says(found, rows.points), axis=1), expected, atol=1e-4)


def test_a_committee_is_the_mean_of_its_members_logits(rows):
    other = np.random.default_rng(3).normal(size=(20, 6))
    views, sources = ["joined", "egemaps_quiet"], ["pooled", "corpus", "speaker"]
    found = fit_committee(rows, Member(weights="corpus"), names=NAMES, views=views, sources=sources)
    each = []
    weights = row_weights(rows.labels, rows.corpora)
    for kind in sources:
        move = map_sources(rows.points, rows.labels, rows.corpora, rows.speakers, kind)
        for columns in ([0, 2, 3, 4, 5], [0]):
            line = LogisticRegression(C=0.05, max_iter=5000)
            line.fit(move.rows(rows.points)[:, columns], rows.labels, sample_weight=weights)
            moved = (other - move.shift) / move.scale
            each.append(line.decision_function(moved[:, columns]))
    expected = np.mean(each, axis=0)
    np.testing.assert_allclose(says(found, other), expected, atol=2e-3)
    assert not found[0][:, 1].any()  # of no view


def test_copies_share_the_weight_of_their_rows(rows):
    same = replace(rows, copies=(rows.points, rows.points))
    for member in (Member(c=0.3), Member("discriminant"), Member(c=0.01, whiten=0.0)):
        found = [fit_committee(one, member, names=NAMES) for one in (rows, same)]
        np.testing.assert_allclose(*(says(one, rows.points) for one in found), atol=2e-3)
    other = replace(rows, copies=(rows.points + 1,))
    moved = fit_committee(other, Member("discriminant"), names=NAMES)
    assert np.abs(says(moved, rows.points) - says(found[0], rows.points)).max() > 0.01


@pytest.mark.parametrize("adapt", ["balance", "self"])
def test_unlabelled_rows_of_the_target_balance_what_is_said_of_them(rows, adapt):
    target = rows.points[rows.labels != 2] + 0.5
    member = Member("discriminant", adapt=adapt)
    plain = fit_committee(rows, replace(member, adapt="none"), names=NAMES)
    found = fit_committee(rows, member, names=NAMES, target=target)
    shares = [softmax(says(one, target), axis=1).mean(0) for one in (plain, found)]
    spread = [np.ptp(one) for one in shares]
    assert spread[1] < spread[0]
    if adapt == "balance":
        np.testing.assert_allclose(shares[1], 1 / 3, atol=1e-6)
    with pytest.raises(ValueError, match=f"adapt={adapt} needs unlabelled rows"):
        fit_committee(rows, member, names=NAMES)


def test_views_are_what_their_names_say():
    kept = {name: view_columns(name, NAMES).astype(int).tolist() for name in ("all", "egemaps")}
    assert kept == {"all": [1] * 6, "egemaps": [1, 1, 0, 0, 0, 0]}
    assert view_columns("joined_small", NAMES).tolist() == [True, False, True, False, True, False]
    assert view_columns("functionals", NAMES).sum() == 4
    with pytest.raises(ValueError, match="there is no view 'loud'; there is all, egemaps"):
        view_columns("loud", NAMES)


def test_a_view_without_features_is_refused(rows):
    with pytest.raises(ValueError, match="the view functionals has none of the 6 features"):
        fit_committee(
            rows, Member(), names=[f"egemaps{n}" for n in range(6)], views=["functionals"]
        )


def test_stable_columns_agree_in_sign_and_are_large(rows):
    points = rows.points.copy()
    sign = np.where(rows.corpora == "x", 1.0, -1.0)
    points[:, 0] = 3 * (rows.labels == 0)
    points[:, 1] = 3 * (rows.labels == 0) * sign
    points[:, 2] = 0.1 * (rows.labels == 0)
    found = stable_columns(points, rows.labels, rows.corpora)
    assert found[:3].tolist() == [True, False, False]
