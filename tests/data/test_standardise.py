from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata

from affectrep.data.standardise import (
    Statistics,
    fit_statistics,
    group_statistics,
    standardise,
)


def rows(count: int = 12, dim: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(5, 2, dim).astype(np.float32) for _ in range(count)]


def test_vectors_agree_with_scikit_learn():
    from sklearn.preprocessing import StandardScaler

    features = rows()
    found = standardise(features, ["x"] * 12, None, fit_statistics(features))
    assert np.allclose(
        np.stack(found), StandardScaler().fit_transform(np.stack(features)), atol=1e-5
    )


def test_frames_count_each_once():
    random = np.random.default_rng(0)
    features = [random.normal(1, 3, (frames, 2)).astype(np.float32) for frames in (3, 50, 7)]
    found, whole = fit_statistics(features), np.concatenate(features)
    assert np.allclose(found.mean, whole.mean(axis=0), atol=1e-5)
    assert np.allclose(found.sd, whole.std(axis=0), atol=1e-5)
    made = np.concatenate([found.apply(row) for row in features])
    assert np.allclose(made.mean(axis=0), 0, atol=1e-5)


def test_a_small_spread_beside_a_large_mean_is_kept():
    features = [np.array([1e4 + step], np.float32) for step in (-1, 0, 1)]
    assert fit_statistics(features).sd[0] == pytest.approx(np.sqrt(2 / 3), rel=1e-5)


def test_a_constant_feature_becomes_zero():
    features = [np.array([0.1, value], np.float32) for value in (1, 2, 3)]
    found = standardise(features, ["x"] * 3, None, fit_statistics(features))
    assert np.stack(found)[:, 0].tolist() == [0, 0, 0]


def test_corpora_are_standardised_apart():
    features = rows()
    features[6:] = [row + 100 for row in features[6:]]
    corpora = ["x"] * 6 + ["y"] * 6
    statistics = group_statistics(features, corpora)
    assert statistics.condition == "transductive_corpus"
    found = np.stack(standardise(features, corpora, None, statistics))
    for part in (found[:6], found[6:]):
        assert np.allclose(part.mean(axis=0), 0, atol=1e-4)
        assert np.allclose(part.std(axis=0), 1, atol=1e-4)


def test_speakers_with_few_clips_fall_back_and_are_counted():
    features, corpora = rows(), ["x"] * 12
    speakers = ["x/a"] * 5 + ["x/b"] * 5 + ["x/once", None]
    statistics = group_statistics(features, corpora, speakers)
    assert statistics.condition == "transductive_speaker"
    assert statistics.fallbacks == ("x/once",)
    found = standardise(features, corpora, speakers, statistics)
    assert np.allclose(np.mean(found[:5], axis=0), 0, atol=1e-5)
    whole = group_statistics(features, corpora)
    for row in (10, 11):
        assert np.array_equal(found[row], whole.of("x", None).apply(features[row]))
    assert group_statistics(features, corpora, speakers, min_clips=6).fallbacks == (
        "x/a",
        "x/b",
        "x/once",
    )


def test_labels_of_other_corpora_and_rows_do_not_enter():
    features, corpora = rows(), ["x"] * 6 + ["y"] * 6
    before = group_statistics(features, corpora).of("x", None)
    features[8] = features[8] + 50
    after = group_statistics(features, corpora).of("x", None)
    assert np.array_equal(before.mean, after.mean)


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        fit_statistics([])
    with pytest.raises(ValueError, match="of one dim"):
        fit_statistics([np.zeros(2), np.zeros(3)])
    with pytest.raises(ValueError, match="for each of 2 rows"):
        group_statistics([np.zeros(2)] * 2, ["x"])
    with pytest.raises(ValueError, match="no statistics of corpus 'y'; known are x"):
        group_statistics([np.zeros(2)], ["x"]).of("y", None)
    with pytest.raises(ValueError, match=r"\(2,\) or \(frames, 2\), got \(3,\)"):
        Statistics(np.zeros(2), np.ones(2)).apply(np.zeros(3))


def test_quantiles_are_scipys_ranks_to_a_normal_distribution():
    random = np.random.default_rng(0)
    values = random.exponential(size=(30, 3)).astype(np.float32)
    values[:, 1] = values[:, 1].round()  # ties get their mean rank
    corpora = ["x"] * 20 + ["y"] * 10
    found = group_statistics(list(values), corpora, mapping="quantile")
    assert found.condition == "transductive_corpus"
    for name, part in (("x", values[:20]), ("y", values[20:])):
        expected = ndtri((rankdata(part, axis=0) - 0.5) / len(part))
        mapped = [found.of(name, None).apply(row) for row in part]
        np.testing.assert_allclose(mapped, expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"expected features \(3,\) to rank"):
        found.of("x", None).apply(np.zeros((4, 3), np.float32))


def test_shrunk_speakers_are_moved_in_part_and_keep_the_corpus_spread():
    random = np.random.default_rng(0)
    features = list(random.normal(2, 3, size=(60, 2)).astype(np.float32))
    corpora, speakers = ["x"] * 60, ["x/a"] * 20 + ["x/b"] * 40
    found = group_statistics(features, corpora, speakers, mapping="shrunk")
    assert found.condition == "transductive_speaker"
    whole = np.stack(features)
    z = (whole - whole.mean(0)) / whole.std(0)
    expected = z[:20] - z[:20].sum(0) / (20 + 20)
    mapped = [found.of("x", "x/a").apply(row) for row in features[:20]]
    np.testing.assert_allclose(mapped, expected, atol=1e-5)
    # a speaker that is not known has the statistics of the corpus
    np.testing.assert_allclose(found.of("x", None).apply(features[0]), z[0], atol=1e-5)


def test_segments_of_one_clip_count_as_one():
    features, clips = rows(4), ["1", "1", "2", "3"]
    corpora, speakers = ["x"] * 4, ["x/a", "x/a", "x/b", "x/b"]
    assert group_statistics(features, corpora, speakers).fallbacks == ()
    found = group_statistics(features, corpora, speakers, clips=clips)
    assert found.fallbacks == ("x/a",)
    shrunk = group_statistics(features, corpora, speakers, clips=clips, mapping="shrunk")
    mean = np.mean(features, axis=0)
    moved = (shrunk.of("x", "x/a").mean - mean) / (np.mean(features[:2], axis=0) - mean)
    np.testing.assert_allclose(moved, 1 / 21, rtol=1e-4)
    with pytest.raises(ValueError, match="one corpus, speaker and clip for each of 4 rows"):
        group_statistics(features, corpora, speakers, clips=["1"])


@pytest.mark.parametrize(
    ("mapping", "speakers"), [("quantile", ["a"]), ("shrunk", None), ("rank", None)]
)
def test_a_mapping_of_another_condition_is_refused(mapping, speakers):
    with pytest.raises(ValueError, match=f"the mapping '{mapping}' does not fit"):
        group_statistics([np.zeros(2)], ["x"], speakers, mapping=mapping)
