"""The 125 invented people of the drawn faces: how they look, and how their faces move."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from affectrep.data.corpora.demo_faces_actions import ACTION_UNITS, PROTOTYPES

__all__ = ["PEOPLE", "TEST_PEOPLE", "Look", "Person", "Style", "normal", "people"]

Colour = tuple[int, int, int]
Numbers = tuple[float, ...]
Kind = TypeVar("Kind")

PEOPLE = 125
TEST_PEOPLE = 30
"""The last so many people are never seen in training or validation, for any seed."""

SKINS: tuple[Colour, ...] = (
    (252, 222, 199),
    (244, 206, 178),
    (236, 190, 154),
    (222, 171, 131),
    (200, 146, 106),
    (172, 117, 80),
    (141, 92, 62),
    (110, 71, 49),
)
HAIRS: tuple[Colour, ...] = (
    (42, 34, 32),
    (64, 45, 36),
    (95, 62, 42),
    (134, 88, 54),
    (178, 128, 72),
    (222, 184, 118),
    (160, 78, 44),
    (168, 164, 162),
)
CLOTHES: tuple[Colour, ...] = (
    (72, 98, 140),
    (150, 72, 78),
    (84, 128, 100),
    (196, 160, 92),
    (112, 92, 140),
    (90, 96, 104),
    (206, 198, 188),
    (54, 62, 78),
)
IRISES: tuple[Colour, ...] = ((74, 48, 32), (98, 66, 38), (70, 108, 142), (84, 120, 78))
HER_HAIR = ("long", "bob", "bun", "parted", "curly", "scarf")
HIS_HAIR = ("short", "short", "parted", "parted", "buzz", "curly", "bald", "cap")
BEARDS = ("", "", "", "stubble", "full", "moustache", "goatee")
GLASSES = ("", "", "", "", "round", "square")
_STANDARD = NormalDist()
_PAIRS = {12: 15, 15: 12, 5: 43, 43: 5}
_OPPONENTS = [list(ACTION_UNITS).index(_PAIRS.get(au, au)) for au in ACTION_UNITS]
_OPPOSED = np.array([au in _PAIRS for au in ACTION_UNITS], dtype=np.float64)


@dataclass(frozen=True)
class Look:
    """What stays the same in every picture of a person; lengths in half heads, colours RGB.

    Args:
        skin: colour of the skin.
        hair: colour of hair, brows and beard.
        clothes: colour of the shirt, and of a scarf or cap.
        iris: colour of the iris.
        hair_style: one of ``HER_HAIR`` or ``HIS_HAIR``.
        beard: one of `BEARDS`.
        glasses: one of `GLASSES`.
        lashes: whether the lashes are drawn long.
        width: half the width of the head.
        jaw: squareness of the lower face, 0 to 1.
        chin: length of the lower face.
        ears: their size.
        eye_distance: from the middle of the face to the middle of an eye.
        eye_size: factor.
        eye_tilt: rise of the outer corner.
        brow_height: above the eye.
        brow_thickness: at its inner end.
        nose_width: half of it.
        nose_length: below the eyes.
        mouth_width: half of it at rest.
        lips: factor on their thickness.
        mouth_height: of the line between the lips; negative is below the middle of the head.
        age: strength of lines, 0 to 1.
    """

    skin: Colour
    hair: Colour
    clothes: Colour
    iris: Colour
    hair_style: str
    beard: str
    glasses: str
    lashes: bool
    width: float
    jaw: float
    chin: float
    ears: float
    eye_distance: float
    eye_size: float
    eye_tilt: float
    brow_height: float
    brow_thickness: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lips: float
    mouth_height: float
    age: float


@dataclass(frozen=True)
class Style:
    """How a person's face moves; vectors are in the order of `ACTION_UNITS`.

    Args:
        gain: factor on every AU.
        rest: intensity of every AU in the resting face, added.
        asymmetry: share by which the AU is stronger on the face's left (negative: right) side.
        manner: logarithm of the preference for each prototype.
        mood: mean valence and arousal of the pictures, beside that of everybody.
    """

    gain: Numbers
    rest: Numbers
    asymmetry: Numbers
    manner: Numbers
    mood: tuple[float, float]

    def shown(self, actions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what this person's face does where `actions` are meant.

        A muscle at rest gives way to its opponent: a smile lifts corners that hang by themselves.

        Args:
            actions: ``(action units,)`` of `action_units`.

        Returns:
            ``(action units,)`` in [0, 1.2].
        """
        rest = np.multiply(self.rest, 1.0 - np.clip(actions, 0.0, 1.0)[_OPPONENTS] * _OPPOSED)
        return np.asarray(np.clip(np.multiply(self.gain, actions) + rest, 0.0, 1.2))


@dataclass(frozen=True)
class Person:
    """One of the people.

    Args:
        name: ``demo_faces/<number>``.
        held_out: True for the people of the test split.
        look: appearance.
        style: manner of moving.
    """

    name: str
    held_out: bool
    look: Look
    style: Style


def normal(uniform: Callable[[], float]) -> float:
    """Draw from N(0, 1) out of a uniform number, alike in every version of Python."""
    return _STANDARD.inv_cdf(min(max(uniform(), 1e-12), 1.0 - 1e-12))


@functools.cache
def people() -> tuple[Person, ...]:
    """Return the people; they are the same for every seed.

    Example:
        >>> len(people()), sum(person.held_out for person in people())
        (125, 30)
    """
    return tuple(_person(number) for number in range(PEOPLE))


def _person(number: int) -> Person:
    return Person(
        name=f"demo_faces/{number + 1:03d}",
        held_out=number >= PEOPLE - TEST_PEOPLE,
        look=_look(number % 2 == 0, random.Random(f"demo_faces look {number}").random),
        style=_style(random.Random(f"demo_faces style {number}").random),
    )


def _look(woman: bool, uniform: Callable[[], float]) -> Look:
    def among(low: float, high: float) -> float:
        return low + (high - low) * uniform()

    def one(of: Sequence[Kind]) -> Kind:
        return of[int(uniform() * len(of))]

    skin = int(uniform() * len(SKINS))
    # fair hair and light eyes mostly go with fair skin
    hair = HAIRS[int(uniform() * (len(HAIRS) if skin < 4 else 3))]
    return Look(
        skin=SKINS[skin],
        hair=hair,
        clothes=one(CLOTHES),
        iris=IRISES[int(uniform() * (len(IRISES) if skin < 4 else 2))],
        hair_style=one(HER_HAIR if woman else HIS_HAIR),
        beard="" if woman else one(BEARDS),
        glasses=one(GLASSES),
        lashes=woman,
        width=among(0.70, 0.80) if woman else among(0.74, 0.86),
        jaw=among(0.0, 0.45) if woman else among(0.25, 1.0),
        chin=among(0.92, 1.02) if woman else among(0.96, 1.08),
        ears=among(0.8, 1.2),
        eye_distance=among(0.31, 0.39),
        eye_size=among(1.05, 1.3) if woman else among(0.98, 1.2),
        eye_tilt=among(-0.03, 0.04),
        brow_height=among(0.25, 0.32),
        brow_thickness=among(0.05, 0.08) if woman else among(0.05, 0.1),
        nose_width=among(0.10, 0.17),
        nose_length=among(0.27, 0.38),
        mouth_width=among(0.29, 0.36),
        lips=among(1.0, 1.6) if woman else among(0.8, 1.3),
        mouth_height=among(-0.58, -0.50),
        age=uniform() ** 2,
    )


def _style(uniform: Callable[[], float]) -> Style:
    count = len(ACTION_UNITS)
    gain = [min(1.6, max(0.5, 1.0 + 0.26 * normal(uniform))) for _ in range(count)]
    glad, stern, awake, loose = (normal(uniform) for _ in range(4))
    # a face at rest: corners up or down, brows high or low, lids wide or heavy, lips apart or not
    rest = {
        12: max(0.0, 0.32 * glad),
        15: max(0.0, -0.45 * glad),
        4: max(0.0, 0.32 * stern),
        1: max(0.0, -0.28 * stern),
        2: max(0.0, -0.2 * stern),
        5: max(0.0, 0.28 * awake),
        43: max(0.0, -0.2 * awake),
        25: max(0.0, 0.18 * loose),
    }
    return Style(
        gain=tuple(gain),
        rest=tuple(rest.get(au, 0.0) for au in ACTION_UNITS),
        asymmetry=tuple(0.12 * normal(uniform) for _ in range(count)),
        manner=tuple(0.45 * normal(uniform) for _ in PROTOTYPES),
        mood=(0.15 * normal(uniform), 0.1 * normal(uniform)),
    )
