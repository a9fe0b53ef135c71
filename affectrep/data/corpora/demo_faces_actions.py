"""What a drawn face does with its muscles at a given valence and arousal.

Action units (AU) are those of the Facial Action Coding System (Ekman and Friesen, 1978). Twelve
prototypes and a resting face stand on the circumplex; the AUs of any other place are a smooth
mixture of them. Which AUs belong to which emotion follows the usual readings of EMFACS (Ekman,
Friesen and Hager, 2002, FACS Investigator's Guide); in which direction the prototypes stand, and in
which order, follows Russell (1980, A circumplex model of affect). Neither text was open when this
was written: exact places and intensities, from 0 (none) to 1 (the most), are our own choice.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ACTION_UNITS", "EXPRESSIONS", "PROTOTYPES", "Prototype", "action_units", "expression"]

Array = NDArray[np.float64]

ACTION_UNITS = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    12: "lip corner puller",
    15: "lip corner depressor",
    17: "chin raiser",
    20: "lip stretcher",
    23: "lip tightener",
    25: "lips part",
    26: "jaw drop",
    27: "mouth stretch",
    43: "eyes closed",
}
"""AU number -> its name in FACS; the order of every vector of actions."""


class Prototype(NamedTuple):
    """One face of the circumplex.

    Args:
        valence: in [-1, 1].
        arousal: in [-1, 1].
        actions: AU -> intensity in [0, 1].
    """

    valence: float
    arousal: float
    actions: dict[int, float]


PROTOTYPES = {
    "neutral": Prototype(0.0, 0.0, {}),
    "happy": Prototype(0.80, 0.30, {6: 0.7, 12: 1.0, 25: 0.8}),
    "excited": Prototype(0.65, 0.80, {1: 0.4, 2: 0.5, 5: 0.5, 6: 0.5, 12: 1.0, 25: 1.0, 26: 0.6}),
    "surprised": Prototype(0.15, 0.85, {1: 1.0, 2: 1.0, 5: 0.9, 25: 1.0, 26: 0.6, 27: 0.7}),
    "afraid": Prototype(-0.45, 0.85, {1: 1.0, 2: 0.4, 4: 0.6, 5: 1.0, 20: 1.0, 25: 0.7, 26: 0.3}),
    "furious": Prototype(-0.80, 0.80, {4: 1.0, 5: 0.5, 7: 0.6, 9: 0.6, 20: 0.3, 25: 1.0, 26: 0.7}),
    "angry": Prototype(-0.70, 0.45, {4: 1.0, 5: 0.2, 7: 0.7, 17: 0.4, 23: 1.0}),
    "disgusted": Prototype(-0.75, 0.10, {4: 0.5, 7: 0.5, 9: 1.0, 15: 0.5, 17: 0.6}),
    "sad": Prototype(-0.70, -0.35, {1: 1.0, 4: 0.3, 15: 1.0, 17: 0.5, 43: 0.2}),
    "depressed": Prototype(-0.55, -0.80, {1: 0.7, 4: 0.2, 15: 0.7, 17: 0.2, 43: 0.65}),
    "sleepy": Prototype(0.0, -0.85, {43: 0.85}),
    "relaxed": Prototype(0.50, -0.75, {12: 0.45, 43: 0.75}),
    "content": Prototype(0.75, -0.30, {6: 0.3, 12: 0.65, 43: 0.25}),
}
"""The faces of which every other is a mixture."""

WIDTH = 0.30
"""Standard deviation of a prototype's influence, in units of valence and arousal."""

EXPRESSIONS = ("neutral", "happy", "surprised", "afraid", "angry", "sad", "sleepy", "calm")
NEUTRAL_RADIUS = 0.2
_SECTORS = ((45.0, 1), (100.0, 2), (130.0, 3), (180.0, 4), (245.0, 5), (290.0, 6), (340.0, 7))

_PLACES = np.array([(p.valence, p.arousal) for p in PROTOTYPES.values()])
_ACTIONS = np.array([[p.actions.get(au, 0.0) for au in ACTION_UNITS] for p in PROTOTYPES.values()])


def action_units(valence: float, arousal: float, manner: Array | None = None) -> Array:
    """Return the AUs of a place on the circumplex: the prototypes, weighted by their nearness.

    Args:
        valence: in [-1, 1].
        arousal: in [-1, 1].
        manner: ``(prototypes,)`` natural logarithms added to the weights: someone who shows fear
            rather than anger where both are near; None adds nothing.

    Returns:
        ``(action units,)`` in [0, 1], in the order of `ACTION_UNITS`.

    Raises:
        ValueError: if valence or arousal is not in [-1, 1].

    Example:
        >>> glad = dict(zip(ACTION_UNITS, action_units(0.8, 0.3).round(1).tolist()))
        >>> glad[12], glad[15]
        (0.9, 0.0)
    """
    if not (-1 <= valence <= 1 and -1 <= arousal <= 1):
        raise ValueError(f"expected valence and arousal in [-1, 1], got {valence} and {arousal}")
    away = np.square(_PLACES - (valence, arousal)).sum(axis=1)
    weights = -away / (2 * WIDTH**2)
    if manner is not None:
        weights = weights + manner
    weights = np.exp(weights - weights.max())
    return np.asarray(weights / weights.sum() @ _ACTIONS)


def expression(valence: float, arousal: float) -> str:
    """Return the word for a place on the circumplex: neutral within 0.2, else by direction.

    Counter-clockwise from positive valence: happy from -20 to 45 degrees, surprised to 100, afraid
    to 130, angry to 180, sad to 245, sleepy to 290, calm to 340.

    Example:
        >>> expression(0.7, 0.2), expression(-0.6, 0.4), expression(0.1, 0.1)
        ('happy', 'angry', 'neutral')
    """
    if math.hypot(valence, arousal) < NEUTRAL_RADIUS:
        return "neutral"
    angle = math.degrees(math.atan2(arousal, valence)) % 360.0
    return EXPRESSIONS[next((word for end, word in _SECTORS if angle < end), 1)]
