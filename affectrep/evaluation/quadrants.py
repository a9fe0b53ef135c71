"""Words for places on the circumplex of valence and arousal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEUTRAL", "QUADRANTS", "quadrant", "quadrants"]

Array = NDArray[Any]
NEUTRAL = 0.1  # radius below which a face is called neutral
QUADRANTS = ("excited/happy", "tense/angry", "sad/tired", "calm/content", "neutral")


def quadrant(valence: float, arousal: float, *, neutral: float = NEUTRAL) -> str:
    """Return the word of a quadrant, or neutral near the origin.

    A value of exactly 0 belongs to the positive side of its axis.

    Args:
        valence: in [-1, 1]; a prediction may lie outside.
        arousal: likewise.
        neutral: radius sqrt(valence^2 + arousal^2) below which the word is neutral.

    Raises:
        ValueError: if a value is not finite, or the radius is negative.

    Source: Russell 1980, A circumplex model of affect, for the four quadrants; the radius is ours.

    Example:
        >>> quadrant(0.6, 0.3), quadrant(-0.5, 0.6), quadrant(-0.4, -0.3)
        ('excited/happy', 'tense/angry', 'sad/tired')
        >>> quadrant(0.5, -0.2), quadrant(0.05, -0.05)
        ('calm/content', 'neutral')
    """
    if not (math.isfinite(valence) and math.isfinite(arousal)):
        raise ValueError(f"expected finite valence and arousal, got {valence} and {arousal}")
    if not neutral >= 0:
        raise ValueError(f"expected a neutral radius of at least 0, got {neutral}")
    if math.hypot(valence, arousal) < neutral:
        return "neutral"
    if arousal >= 0:
        return "excited/happy" if valence >= 0 else "tense/angry"
    return "calm/content" if valence >= 0 else "sad/tired"


def quadrants(values: Array, *, neutral: float = NEUTRAL) -> list[str]:
    """Return the word of each row ``(rows, 2)`` of valence and arousal.

    Raises:
        ValueError: if the shape is another, and as :func:`quadrant`.

    Example:
        >>> quadrants(np.array([[0.6, 0.3], [0.0, 0.0]]))
        ['excited/happy', 'neutral']
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(f"expected valence and arousal (rows, 2), got {values.shape}")
    return [quadrant(float(v), float(a), neutral=neutral) for v, a in values]
