from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_curve

from affectrep.evaluation.verification import (
    compare_verification,
    equal_error_rate,
    verify_speakers,
)


def by_sklearn(scores: np.ndarray, same: np.ndarray, weights: np.ndarray | None = None) -> float:
    let_in, found, _ = roc_curve(same, scores, drop_intermediate=False, sample_weight=weights)
    curve = interp1d(let_in, found)
    return float(brentq(lambda x: 1 - x - curve(x), 0, 1))


def voices(speakers: int, each: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(speakers), each)
    return rng.normal(size=(speakers, 8))[codes] + spread * rng.normal(size=(len(codes), 8)), codes


def test_by_hand():
    # one of three genuine trials below, one of three impostors above any threshold in (.4, .7]
    scores = np.array([0.9, 0.8, 0.4, 0.7, 0.2, 0.1])
    assert equal_error_rate(scores, np.arange(6) < 3) == pytest.approx(1 / 3)
    # everything upside down
    assert equal_error_rate(-scores, np.arange(6) < 3) == pytest.approx(2 / 3)
    assert equal_error_rate(np.array([3.0, 2, 1]), np.array([True, False, False])) == 0
    assert equal_error_rate(np.array([1.0, 2, 3]), np.array([True, False, False])) == 1
    # all alike: only a coin decides
    assert equal_error_rate(np.ones(7), np.arange(7) < 3) == 0.5


@pytest.mark.parametrize("seed", range(12))
def test_it_equals_sklearns_curve(seed):
    rng = np.random.default_rng(seed)
    same = rng.random(500) < rng.uniform(0.05, 0.6)
    scores = rng.normal(size=500) + rng.uniform(0, 2) * same
    if seed % 2:
        scores = scores.round(1)  # many ties
    weights = rng.integers(0, 4, 500) if seed % 3 else np.ones(500, dtype=int)
    found = equal_error_rate(scores, same, weights)
    kept = weights > 0
    assert found == pytest.approx(by_sklearn(scores[kept], same[kept], weights[kept]), abs=1e-6)
    repeated = np.repeat(np.arange(500), weights)
    assert found == pytest.approx(equal_error_rate(scores[repeated], same[repeated]), abs=1e-12)


def test_pairs_agree_with_loops():
    points, codes = voices(6, 4, 0.8)
    scores, same = [], []
    for i in range(24):
        for j in range(i + 1, 24):
            norms = np.linalg.norm(points[i]) * np.linalg.norm(points[j])
            scores.append(points[i] @ points[j] / norms)
            same.append(codes[i] == codes[j])
    found = verify_speakers(points, codes, resamples=20)
    assert found.rate.value == pytest.approx(by_sklearn(np.array(scores), np.array(same)), abs=1e-6)
    assert (found.genuine, found.impostor) == (6 * 6, 24 * 23 // 2 - 36)
    assert found.speakers == [str(code) for code in range(6)]


def test_clear_voices_are_found_and_noise_is_chance():
    clear = verify_speakers(*voices(10, 6, 0.05), resamples=100).rate
    assert clear.value < 0.02
    noise = np.random.default_rng(0).normal(size=(200, 16))
    chance = verify_speakers(noise, np.repeat(np.arange(20), 10), resamples=100).rate
    assert chance.value == pytest.approx(0.5, abs=0.03)
    assert chance.low < 0.5 < chance.high
    middle = verify_speakers(*voices(10, 6, 1.0), resamples=100).rate
    assert clear.value < middle.value < chance.value


def test_only_pairs_within_a_language_are_trials():
    """The language is all that the embedding knows: across languages it looks like the speaker."""
    codes = np.repeat(np.arange(8), 10)
    language = np.where(codes < 4, "de", "fr")
    points = np.random.default_rng(0).normal(size=(80, 6))
    points[:, 0] += np.where(codes < 4, 8, -8)
    across = verify_speakers(points, codes, resamples=50)
    within = verify_speakers(points, codes, within=language, resamples=50)
    assert across.rate.value < 0.4
    assert within.rate.value == pytest.approx(0.5, abs=0.05)
    assert within.genuine == across.genuine
    assert within.impostor == 2 * 6 * 100


def test_drawing_speakers_equals_copies_of_them():
    """A draw's rate is that of the utterances of the drawn speakers, without pairs of copies."""
    points, codes = voices(5, 4, 1.0)
    found = verify_speakers(points, codes, resamples=40, seed=3)
    generator = np.random.default_rng(3)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    for rate in found.drawn[:10]:
        counts = generator.multinomial(5, np.full(5, 0.2))
        drawn = np.repeat(np.arange(5), counts)
        scores, same = [], []
        for a, first in enumerate(drawn):
            rows = np.flatnonzero(codes == first)
            for i, j in zip(*np.triu_indices(4, 1), strict=True):
                scores.append(unit[rows[i]] @ unit[rows[j]])
                same.append(True)
            for second in drawn[a + 1 :]:
                if second != first:
                    others = np.flatnonzero(codes == second)
                    scores += (unit[rows] @ unit[others].T).ravel().tolist()
                    same += [False] * 16
        assert rate == pytest.approx(equal_error_rate(np.array(scores), np.array(same)), abs=1e-9)


def test_the_interval_narrows_with_speakers_not_with_utterances():
    def width(speakers: int, each: int) -> float:
        points, codes = voices(speakers, each, 1.5, seed=4)
        rate = verify_speakers(points, codes, resamples=200).rate
        return rate.high - rate.low

    assert width(48, 5) < 0.6 * width(8, 5)
    assert width(8, 20) > 1.2 * width(48, 5)


def test_intervals_cover_the_rate_of_many_speakers():
    truth = verify_speakers(*voices(300, 5, 1.5, seed=99), resamples=2).rate.value
    found = [
        verify_speakers(*voices(12, 5, 1.5, seed=seed), resamples=150).rate for seed in range(40)
    ]
    assert sum(one.low <= truth <= one.high for one in found) >= 34


def test_two_encoders_are_compared_over_the_same_draws():
    clear, codes = voices(12, 6, 0.5)
    dim = clear + 1.5 * np.random.default_rng(1).normal(size=clear.shape)
    sides = [verify_speakers(points, codes, resamples=300) for points in (dim, clear)]
    found = compare_verification(*sides)
    assert found.value == sides[0].rate.value - sides[1].rate.value
    assert 0 < found.low < found.value < found.high
    other = verify_speakers(clear, codes, resamples=299)
    with pytest.raises(ValueError, match="same speakers, utterances"):
        compare_verification(sides[0], other)


def test_few_utterances_of_each_can_be_taken():
    points, codes = voices(6, 30, 0.8)
    found = verify_speakers(points, codes, per_speaker=5, resamples=20)
    assert found.genuine == 6 * 10
    assert found.rate.value == pytest.approx(verify_speakers(points, codes).rate.value, abs=0.1)
    again = verify_speakers(points, codes, per_speaker=5, resamples=20)
    assert (again.drawn == found.drawn).all()


def test_unknown_speakers_are_left_out():
    points, codes = voices(5, 4, 0.8)
    more = np.concatenate([points, np.ones((3, 8))])
    one = verify_speakers(more, [*codes.tolist(), -1, -1, -1], resamples=20)
    assert (one.drawn == verify_speakers(points, codes, resamples=20).drawn).all()


def test_mistakes_are_said_in_words():
    points, codes = voices(4, 3, 1.0)
    with pytest.raises(ValueError, match="needs 3 of them, found 2"):
        verify_speakers(points[:6], codes[:6])
    with pytest.raises(ValueError, match="one kind has none"):
        verify_speakers(points[::3], codes[::3])
    with pytest.raises(ValueError, match="one kind has none"):
        verify_speakers(points, codes, within=codes)
    with pytest.raises(ValueError, match="finite embeddings"):
        verify_speakers(points * np.inf, codes)
    with pytest.raises(ValueError, match="one speaker per row"):
        verify_speakers(points, codes[:3])
    with pytest.raises(ValueError, match="one group per row"):
        verify_speakers(points, codes, within=["de"])
    with pytest.raises(ValueError, match="at least 2 utterances"):
        verify_speakers(points, codes, per_speaker=1)
    with pytest.raises(ValueError, match="finite scores"):
        equal_error_rate(np.array([np.nan, 1]), np.array([True, False]))
    with pytest.raises(ValueError, match=r"\(trials,\)"):
        equal_error_rate(np.ones(3), np.array([True, False]))
