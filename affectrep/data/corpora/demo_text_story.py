"""The planted story of the demo text corpus: emotions, cues, and their exact posterior.

A family is drawn, then an emotion of the family, then four cues, each independently of the others
given the emotion: an event and a reaction from the family's own pools, how strong the feeling is,
and how sure the writer is. Inside a family the cues overlap; between families events never do.
Bayes' rule over the cues is therefore exact, and so is the confusion matrix of the best decision.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.corpora.demo_text_templates import EVENTS, HEDGES, INTENSITIES, REACTIONS

__all__ = [
    "CLASSES",
    "FAMILIES",
    "Cues",
    "Family",
    "cue_table",
    "planted_accuracy",
    "planted_confusions",
    "planted_families",
    "planted_prior",
    "posterior",
]

Array = NDArray[Any]

SILENT = {"reaction": 0.2, "intensity": 0.25, "hedge": 0.5}
"""Probability that a cue is left unsaid; the same for every emotion."""

GRADES: dict[int, dict[str, tuple[tuple[float, ...], ...]]] = {
    3: {
        "event": ((0.60, 0.27, 0.10, 0.03), (0.13, 0.40, 0.35, 0.12), (0.03, 0.10, 0.29, 0.58)),
        "reaction": ((0.70, 0.24, 0.06), (0.20, 0.58, 0.22), (0.05, 0.25, 0.70)),
        "intensity": ((0.60, 0.30, 0.10), (0.25, 0.50, 0.25), (0.08, 0.32, 0.60)),
        "hedge": ((0.70, 0.30), (0.50, 0.50), (0.25, 0.75)),
    },
    2: {
        "event": ((0.58, 0.30, 0.12), (0.14, 0.32, 0.54)),
        "reaction": ((0.75, 0.25), (0.25, 0.75)),
        "intensity": ((0.50, 0.34, 0.16), (0.16, 0.36, 0.48)),
        "hedge": ((0.62, 0.38), (0.38, 0.62)),
    },
}
"""P(said value | grade) for families of three and of two, mildest emotion first."""


@dataclass(frozen=True)
class Family:
    """Emotions that are easily taken for one another, mildest first.

    Args:
        members: names of the emotions.
        share: probability of the family.
        shares: probability of each member within the family.
        sharpness: exponent on the cue probabilities; below 1 the members lie closer together.
    """

    members: tuple[str, ...]
    share: float
    shares: tuple[float, ...]
    sharpness: float


FAMILIES = {
    "anger": Family(("annoyed", "angry", "furious"), 0.19, (0.36, 0.36, 0.28), 1.2),
    "joy": Family(("content", "joyful", "ecstatic"), 0.19, (0.36, 0.36, 0.28), 1.5),
    "fear": Family(("uneasy", "afraid", "terrified"), 0.19, (0.36, 0.36, 0.28), 1.4),
    "sadness": Family(("disappointed", "sad", "grieving"), 0.19, (0.36, 0.36, 0.28), 1.6),
    "surprise": Family(("surprised", "astonished"), 0.12, (0.55, 0.45), 1.15),
    "shame": Family(("embarrassed", "ashamed"), 0.12, (0.55, 0.45), 1.35),
}
CLASSES = tuple(name for family in FAMILIES.values() for name in family.members)


@dataclass(frozen=True, order=True)
class Cues:
    """What an utterance says beneath its wording; None stands for a cue left unsaid."""

    event: str
    reaction: str | None = None
    intensity: str | None = None
    hedge: str | None = None


def planted_families() -> dict[str, list[str]]:
    """Return the families whose members are confusable by design.

    Example:
        >>> planted_families()["fear"]
        ['uneasy', 'afraid', 'terrified']
    """
    return {name: list(family.members) for name, family in FAMILIES.items()}


def planted_prior() -> Array:
    """Return the probability of each emotion, ``(classes,)``, in the order of `CLASSES`."""
    return np.array([f.share * share for f in FAMILIES.values() for share in f.shares])


@functools.cache
def cue_table(emotion: str, kind: str) -> dict[str | None, float]:
    """Return P(value | emotion) of one kind of cue: event, reaction, intensity or hedge.

    The value None is the cue left unsaid.

    Raises:
        ValueError: if the emotion is not one of `CLASSES`.

    Example:
        >>> table = cue_table("furious", "reaction")
        >>> round(sum(table.values()), 6), max(table, key=table.get)
        (1.0, 'lost_control')
    """
    name, family = _family_of(emotion)
    pools = {"event": EVENTS[name], "reaction": REACTIONS[name]}
    values = list({**pools, "intensity": INTENSITIES, "hedge": HEDGES}[kind])
    row = np.array(GRADES[len(family.members)][kind][family.members.index(emotion)])
    said = row**family.sharpness
    silent = SILENT.get(kind, 0.0)
    said = said / said.sum() * (1.0 - silent)
    table: dict[str | None, float] = {None: silent} if silent else {}
    return table | dict(zip(values, said.tolist(), strict=True))


def _family_of(emotion: str) -> tuple[str, Family]:
    for name, family in FAMILIES.items():
        if emotion in family.members:
            return name, family
    raise ValueError(f"there is no emotion {emotion!r}; expected one of {', '.join(CLASSES)}.")


def _joint(cues: Cues) -> Array:
    """Return P(emotion, cues) of every emotion, ``(classes,)``."""
    joint = planted_prior()
    for index, emotion in enumerate(CLASSES):
        for kind in ("event", "reaction", "intensity", "hedge"):
            joint[index] *= cue_table(emotion, kind).get(getattr(cues, kind), 0.0)
    return joint


@functools.cache
def posterior(cues: Cues) -> tuple[float, ...]:
    """Return P(emotion | cues) by Bayes' rule, one number per emotion of `CLASSES`.

    Raises:
        ValueError: if no emotion can give these cues.

    Example:
        >>> likely = posterior(Cues("petty_noise", "rolled_eyes", "slight"))
        >>> CLASSES[likely.index(max(likely))], round(sum(likely), 6)
        ('annoyed', 1.0)
    """
    joint = _joint(cues)
    if not joint.sum() > 0.0:
        raise ValueError(f"no emotion of the demo corpus gives {cues}.")
    return tuple((joint / joint.sum()).tolist())


def _all_cues() -> Iterator[Cues]:
    for name in FAMILIES:
        said = (EVENTS[name], [None, *REACTIONS[name]], [None, *INTENSITIES], [None, *HEDGES])
        for values in itertools.product(*said):
            yield Cues(*values)


def planted_confusions() -> Array:
    """Return the expected confusion matrix of the Bayes decision, ``(classes, classes)``.

    Row i holds P(decided j | true i), so each row sums to 1. Families are never confused with one
    another. Computed by going through every combination of cues, not by drawing.

    Example:
        >>> matrix = planted_confusions()
        >>> matrix.shape, bool(np.allclose(matrix.sum(1), 1.0))
        ((16, 16), True)
    """
    matrix = np.zeros((len(CLASSES), len(CLASSES)))
    for cues in _all_cues():
        joint = _joint(cues)
        matrix[:, int(joint.argmax())] += joint
    return matrix / planted_prior()[:, None]


def planted_accuracy() -> float:
    """Return the accuracy that the Bayes decision reaches on average, the ceiling of any model."""
    return float(planted_prior() @ np.diag(planted_confusions()))
