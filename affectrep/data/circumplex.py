"""Places of emotion words in the plane of valence and arousal, and targets derived from votes.

Pleasure and arousal of J. A. Russell and A. Mehrabian (1977), "Evidence for a three-factor theory
of emotions", Journal of Research in Personality 11, 273-294, as restated in later public work (the
paper itself was not opened). Two entries are no measurement: neutral is the origin by definition,
and contempt, for which no value was at hand, takes the place of disgust.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CIRCUMPLEX", "FEWEST_VOTES", "derive_valence_arousal"]

CIRCUMPLEX: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),  # by definition
    "happiness": (0.81, 0.51),  # "happy"
    "surprise": (0.40, 0.67),  # "surprised"
    "sadness": (-0.63, -0.27),  # "sad"
    "anger": (-0.51, 0.59),  # "angry"
    "disgust": (-0.60, 0.35),  # "disgusted"
    "fear": (-0.64, 0.60),  # "fearful"
    "contempt": (-0.60, 0.35),  # an assumption: disgust's
}
"""Emotion word -> valence and arousal in [-1, 1], in the order of the columns of FER+."""

FEWEST_VOTES = 5
"""Valid votes below which an image has no derived target."""


def derive_valence_arousal(
    votes: NDArray[Any], words: Sequence[str] = tuple(CIRCUMPLEX)
) -> NDArray[np.float64]:
    """Return the mean place of the words that raters chose, weighted by their share of the votes.

    Votes for words outside the table (unknown, no face) must be left out beforehand: the shares
    are of what is given. The targets fill the convex hull of the eight places, not the square.

    Args:
        votes: ``(rows, words)`` counts, not negative.
        words: of the columns.

    Returns:
        ``(rows, 2)`` valence and arousal in [-1, 1], to 4 decimals; NaN where a row has fewer
        than 5 votes.

    Raises:
        ValueError: if the shape does not fit, a count is negative or a word has no place.

    Example:
        >>> votes = np.array([[5, 5, 0], [0, 9, 1], [4, 0, 0]])
        >>> derive_valence_arousal(votes, ["neutral", "happiness", "sadness"])
        array([[0.405, 0.255],
               [0.666, 0.432],
               [  nan,   nan]])
    """
    unknown = [word for word in words if word not in CIRCUMPLEX]
    if unknown:
        raise ValueError(f"no place is known for {', '.join(unknown)}: {', '.join(CIRCUMPLEX)}")
    counts = np.asarray(votes, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[1] != len(words) or not (counts >= 0).all():
        raise ValueError(
            f"expected counts of shape (rows, {len(words)}), none below 0, got {counts.shape}"
        )
    places = np.array([CIRCUMPLEX[word] for word in words])
    total = counts.sum(axis=1, keepdims=True)
    mean = counts @ places / np.maximum(total, 1.0)
    # Python rounds the exact value of a float; numpy's round would move one in forty last digits
    rounded = np.array([round(value, 4) + 0.0 for value in mean.ravel().tolist()])
    return np.asarray(np.where(total >= FEWEST_VOTES, rounded.reshape(mean.shape), np.nan))
