"""What is taken from source rows, and what from any other row."""

from __future__ import annotations

import numpy as np
import pytest

from affectrep.training.source_maps import map_sources, speaker_offsets


def rows(each: int = 20):
    """Return points of four classes, six speakers, two corpora, and each row's true offset."""
    random = np.random.default_rng(1)
    labels = np.tile(np.arange(4), 6 * each)
    number = np.arange(len(labels)) // (4 * each)
    shift = random.normal(size=(6, 3))[number]
    points = np.eye(4, 3)[labels] * 2 + shift + 0.1 * random.normal(size=shift.shape)
    return points, labels, np.array(["a", "b"])[number // 3], number.astype(str), shift


def test_offsets_beside_the_classes_are_found_up_to_what_all_share():
    points, labels, corpora, speakers, shift = rows(each=60)
    found = speaker_offsets(points, labels, corpora, speakers)
    np.testing.assert_allclose(found - found.mean(0), shift - shift.mean(0), atol=0.1)


def test_a_speaker_with_one_emotion_keeps_it():
    points, labels, corpora, speakers, shift = rows(each=60)
    kept = (speakers != "0") | (labels == 2)
    points, labels, corpora, speakers = (x[kept] for x in (points, labels, corpora, speakers))
    found = speaker_offsets(points - shift[kept], labels, corpora, speakers)
    # its own mean is 2 away from that of the others in the third value
    assert abs(found[speakers == "0"][0, 2] - found[speakers == "1"][0, 2]) < 0.3


def test_corpora_get_mean_zero_and_others_the_mean_of_their_statistics():
    points, labels, corpora, speakers, _ = rows()
    points[:, 1] = 7.0  # a value that never varies
    found = map_sources(points, labels, corpora, speakers, "corpus")
    for name in "ab":
        np.testing.assert_allclose(found.rows(points)[corpora == name].mean(0), 0, atol=1e-9)
    means = [points[corpora == name].mean(0) for name in "ab"]
    np.testing.assert_allclose(found.shift, np.mean(means, axis=0))
    sds = [points[corpora == name].std(0) for name in "ab"]
    np.testing.assert_allclose(found.scale[[0, 2]], np.mean(sds, axis=0)[[0, 2]])
    assert found.scale[1] == 1


@pytest.mark.parametrize("kind", ["pooled", "corpus", "speaker"])
def test_a_folded_classifier_says_of_rows_what_it_says_of_moved_rows(kind):
    points, labels, corpora, speakers, _ = rows()
    found = map_sources(points, labels, corpora, speakers, kind)
    random = np.random.default_rng(5)
    weight, bias, other = (random.normal(size=size) for size in ((4, 3), 4, (9, 3)))
    folded = found.fold(weight, bias)
    moved = (other - found.shift) / found.scale
    np.testing.assert_allclose(other @ folded[0].T + folded[1], moved @ weight.T + bias)
    # altered copies of the rows are moved as the rows are
    np.testing.assert_allclose(
        found.rows(points + found.row_scale) - found.rows(points), np.ones_like(points)
    )


def test_what_does_not_fit_is_refused():
    points, labels, corpora, speakers, _ = rows()
    with pytest.raises(ValueError, match="'text', expected pooled, corpus or speaker"):
        map_sources(points, labels, corpora, speakers, "text")
    with pytest.raises(ValueError, match="for each of 480 rows"):
        map_sources(points, labels[1:], corpora, speakers, "pooled")
