from __future__ import annotations

import numpy as np
import pytest

from affectrep.evaluation.quadrants import NEUTRAL, QUADRANTS, quadrant, quadrants


@pytest.mark.parametrize(
    ("degrees", "word"),
    [
        (10, "excited/happy"),
        (80, "excited/happy"),
        (100, "tense/angry"),
        (170, "tense/angry"),
        (190, "sad/tired"),
        (260, "sad/tired"),
        (280, "calm/content"),
        (350, "calm/content"),
    ],
)
def test_the_circle_is_walked_round(degrees: float, word: str) -> None:
    place = np.deg2rad(degrees)
    for radius in (0.11, 0.9, 1.3):
        assert quadrant(radius * np.cos(place), radius * np.sin(place)) == word
    assert quadrant(0.09 * np.cos(place), 0.09 * np.sin(place)) == "neutral"


def test_edges() -> None:
    assert quadrant(NEUTRAL, 0.0) == "excited/happy"  # the radius itself is no longer neutral
    assert quadrant(0.0, 0.5) == "excited/happy"
    assert quadrant(-0.5, 0.0) == "tense/angry"
    assert quadrant(0.0, -0.5) == "calm/content"
    assert quadrant(0.3, 0.0, neutral=0.5) == "neutral"
    assert quadrant(0.0, 0.0, neutral=0.0) == "excited/happy"


def test_rows_have_the_words_of_single_places() -> None:
    values = np.random.default_rng(0).uniform(-0.4, 0.4, (200, 2))
    found = quadrants(values)
    assert found == [quadrant(v, a) for v, a in values]
    assert set(found) == set(QUADRANTS)
    assert quadrants(np.zeros((0, 2))) == []


def test_mistakes_are_said_in_words() -> None:
    for odd in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite valence and arousal"):
            quadrant(odd, 0.0)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        quadrant(0.0, 0.0, neutral=-1)
    with pytest.raises(ValueError, match=r"\(rows, 2\), got \(3,\)"):
        quadrants(np.zeros(3))
