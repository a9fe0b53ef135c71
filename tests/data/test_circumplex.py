from __future__ import annotations

import numpy as np
import pytest

from affectrep.data.circumplex import CIRCUMPLEX, derive_valence_arousal


def naive(votes: dict[str, int]) -> tuple[float, float]:
    """The formula of the README of the shared faces: sum over words of share times place."""
    total = sum(votes.values())
    places = {
        "neutral": (0, 0),
        "happiness": (0.81, 0.51),
        "surprise": (0.40, 0.67),
        "sadness": (-0.63, -0.27),
        "anger": (-0.51, 0.59),
        "disgust": (-0.60, 0.35),
        "fear": (-0.64, 0.60),
        "contempt": (-0.60, 0.35),
    }
    valence = sum(count / total * places[word][0] for word, count in votes.items())
    arousal = sum(count / total * places[word][1] for word, count in votes.items())
    return valence, arousal


@pytest.mark.parametrize(
    "votes",
    [
        {"surprise": 6, "fear": 4},
        {"neutral": 4, "happiness": 6},
        {"neutral": 10},
        {"anger": 3, "disgust": 2, "contempt": 1},
        {"sadness": 7, "neutral": 1, "happiness": 1},
    ],
)
def test_targets_are_the_mean_place_of_the_votes(votes):
    row = [votes.get(word, 0) for word in CIRCUMPLEX]
    found = derive_valence_arousal(np.array([row]))
    assert found[0] == pytest.approx(naive(votes), abs=0.5001e-4)


def test_two_known_rows_of_the_shared_faces():
    # fer0000009 and fer0000016 of ferplus.csv, with votes that give them
    votes = np.zeros((2, 8), dtype=int)
    words = list(CIRCUMPLEX)
    votes[0, [words.index("surprise"), words.index("fear")]] = 6, 4
    votes[1, [words.index("happiness"), words.index("neutral")]] = 6, 4
    assert derive_valence_arousal(votes).tolist() == [[-0.016, 0.642], [0.486, 0.306]]


def test_ties_of_the_last_digit_are_rounded_as_the_printed_number_is():
    votes = np.zeros((1, 8), dtype=int)
    votes[0, [0, 3, 4]] = 1, 1, 6  # -0.46125 and 0.40875 but for the float's last bit
    mean = votes @ np.array(list(CIRCUMPLEX.values())) / 8
    expected = [float(f"{value:.4f}") for value in mean[0]]
    assert derive_valence_arousal(votes)[0].tolist() == expected


def test_few_votes_give_no_target_and_zero_has_no_sign():
    found = derive_valence_arousal(np.array([[4] + [0] * 7, [5] + [0] * 7, [0] * 8]))
    assert np.isnan(found[[0, 2]]).all()
    assert not np.signbit(found[1]).any()


@pytest.mark.parametrize(
    ("votes", "words", "message"),
    [
        (
            np.ones((1, 3)),
            None,
            r"expected counts of shape \(rows, 8\), none below 0, got \(1, 3\)",
        ),
        (-np.ones((1, 8)), None, "none below 0"),
        (np.ones((1, 1)), ["unknown"], "no place is known for unknown"),
    ],
)
def test_wrong_votes_are_refused(votes, words, message):
    with pytest.raises(ValueError, match=message):
        derive_valence_arousal(votes, words or tuple(CIRCUMPLEX))
