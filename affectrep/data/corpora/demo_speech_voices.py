"""The planted story of the generated speech corpus: speakers, utterances, exact posterior.

An utterance is seven prosody numbers (`DIMENSIONS`). They are the sum of what belongs to the
speaker, to the language and to the emotion:

    prosody = speaker shift + language shift + (1 + z) * expression[language, emotion] + noise

with ``z ~ N(0, INTENSITY²)``, how strongly the emotion is expressed, and ``noise ~ N(0, SPREAD²)``.
Given speaker, language and emotion the prosody is Gaussian, so Bayes' rule is exact.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.corpora.demo_speech_languages import (
    CLASSES,
    CORE,
    DIMENSIONS,
    INTENSITY,
    LANGUAGES,
    SPREAD,
)
from affectrep.data.corpora.demo_speech_texts import HELD_OUT_TEXTS, TEXTS

__all__ = [
    "Speaker",
    "Utterance",
    "draw_utterances",
    "emotion_model",
    "planted_recall",
    "posterior",
    "speakers",
]

Array = NDArray[Any]
Numbers = tuple[float, ...]

SPEAKER_SPREAD: Numbers = (2.0, 0.20, 0.09, 3.0, 0.35, 2.0, 2.0)
WOMEN: Numbers = (13.0, 0.0, 0.0, 0.0, 0.0, 0.0, 12.0)
MEN: Numbers = (2.0, 0.0, 0.0, 0.0, 0.0, 0.0, -3.0)
SPEAKERS_PER_LANGUAGE = 10
HELD_OUT_SPEAKERS = 2
"""The last so many speakers of every language have texts of their own."""
CLIPS_PER_CELL = 10
"""Clips of one speaker in one emotion."""


@dataclass(frozen=True)
class Speaker:
    """A voice; every speaker of the corpus has one of their own.

    Args:
        name: ``demo_speech/<language>-<number>``.
        language: ISO 639-1.
        gender: female or male.
        held_out: True for the speakers that have texts of their own.
        shift: what the speaker adds to the prosody, ``DIMENSIONS``.
        formants: percent of the usual place of the first five formants, beside the shift.
        flutter: unsteadiness of F0, eSpeak's scale.
        breath: breathiness of the neutral voice, eSpeak's scale.
        consonants: loudness of the consonants, percent.
    """

    name: str
    language: str
    gender: str
    held_out: bool
    shift: Numbers
    formants: Numbers
    flutter: int
    breath: int
    consonants: int


@dataclass(frozen=True)
class Utterance:
    """One clip before it is spoken.

    Args:
        name: the row's id.
        speaker: who says it.
        text_id: ``<language>-<number>``.
        text: what is said.
        emotion: one of `CLASSES`.
        intensity: factor on the emotion's expression, 1 on average.
        prosody: ``DIMENSIONS``, speaker and language included.
        noise_seed: of eSpeak's breath and of the background.
    """

    name: str
    speaker: Speaker
    text_id: str
    text: str
    emotion: str
    intensity: float
    prosody: Numbers
    noise_seed: int


def _normal(uniform: Callable[[], float]) -> float:
    """Draw from N(0, 1) out of a uniform number, alike in every version of Python."""
    return NormalDist().inv_cdf(min(max(uniform(), 1e-12), 1.0 - 1e-12))


@functools.cache
def speakers(language: str) -> tuple[Speaker, ...]:
    """Return the speakers of a language, women and men in turn; they are the same for every seed.

    Raises:
        ValueError: if the corpus has no such language.

    Example:
        >>> [speaker.gender for speaker in speakers("de")][:2], len(speakers("de"))
        (['female', 'male'], 10)
    """
    if language not in LANGUAGES:
        raise ValueError(f"there is no language {language!r}; expected {', '.join(LANGUAGES)}")
    uniform = random.Random(f"demo_speech speakers {language}").random
    return tuple(_speaker(language, number, uniform) for number in range(SPEAKERS_PER_LANGUAGE))


def _speaker(language: str, number: int, uniform: Callable[[], float]) -> Speaker:
    female = number % 2 == 0
    centre = WOMEN if female else MEN
    return Speaker(
        name=f"demo_speech/{language}-{number + 1:02d}",
        language=language,
        gender="female" if female else "male",
        held_out=number >= SPEAKERS_PER_LANGUAGE - HELD_OUT_SPEAKERS,
        shift=tuple(
            mean + spread * _normal(uniform)
            for mean, spread in zip(centre, SPEAKER_SPREAD, strict=True)
        ),
        formants=tuple(100.0 + 4.0 * _normal(uniform) for _ in range(5)),
        flutter=1 + int(4 * uniform()),
        breath=int(16 * uniform()),
        consonants=80 + int(40 * uniform()),
    )


@functools.cache
def emotion_model(language: str) -> tuple[Array, Array]:
    """Return means ``(classes, 7)`` and covariances ``(classes, 7, 7)`` of a language's emotions.

    They are relative to speaker and language, in the units of `DIMENSIONS`.

    Raises:
        ValueError: if the corpus has no such language.

    Example:
        >>> means, covariances = emotion_model("en")
        >>> float(means[CLASSES.index("angry"), 3]), covariances.shape
        (4.5, (4, 7, 7))
    """
    if language not in LANGUAGES:
        raise ValueError(f"there is no language {language!r}; expected {', '.join(LANGUAGES)}")
    place = LANGUAGES[language]
    means = np.array([CORE[name] for name in CLASSES]) * np.array(place.gains)
    for name, added in place.manners.items():
        means[CLASSES.index(name)] += added
    strength = INTENSITY**2 * means[:, :, None] * means[:, None, :]
    return means, strength + np.diag(np.square(SPREAD))


def posterior(prosody: Array, voices: Sequence[Speaker]) -> Array:
    """Return P(emotion | prosody) for one of ``voices``, each as likely as the others.

    One speaker: what can be known when the speaker is known. All speakers of a language: when only
    the language is. The speakers of other languages than the rows': the best use of perfect
    knowledge of those languages where none of the target is at hand.

    Args:
        prosody: ``(rows, 7)``, `DIMENSIONS`.
        voices: at least one speaker.

    Returns:
        ``(rows, classes)``, in the order of `CLASSES`; a row sums to 1.

    Raises:
        ValueError: if the prosody has another shape or there are no voices.

    Example:
        >>> voice = speakers("en")[0]
        >>> means, _ = emotion_model("en")
        >>> usual = np.add(voice.shift, LANGUAGES["en"].shift)
        >>> posterior((usual + means[3])[None], [voice]).argmax()
        np.int64(3)
    """
    prosody = np.asarray(prosody, dtype=np.float64)
    if prosody.ndim != 2 or prosody.shape[1] != len(DIMENSIONS):
        raise ValueError(f"expected prosody (rows, {len(DIMENSIONS)}), got {prosody.shape}")
    if not voices:
        raise ValueError("expected at least one voice, got none")
    joint = np.stack([_log_density(prosody, voice) for voice in voices])
    total = np.logaddexp.reduce(joint, axis=0)
    return np.asarray(np.exp(total - np.logaddexp.reduce(total, axis=1, keepdims=True)))


def _log_density(prosody: Array, voice: Speaker) -> Array:
    """Return log p(prosody | voice, emotion) but for a constant, ``(rows, classes)``."""
    means, covariances = emotion_model(voice.language)
    centred = prosody - np.add(voice.shift, LANGUAGES[voice.language].shift)
    columns = []
    for mean, covariance in zip(means, covariances, strict=True):
        away = centred - mean
        distance = np.sum(away @ np.linalg.inv(covariance) * away, axis=1)
        columns.append(-0.5 * (distance + np.linalg.slogdet(covariance)[1]))
    return np.stack(columns, axis=1)


def planted_recall(utterances: Sequence[Utterance], target: str, *, knows: str) -> float:
    """Return the mean recall over the emotions of the best decision on a language's utterances.

    Args:
        utterances: of `draw_utterances`; those of other languages are left out.
        target: the language.
        knows: what the decision knows beside the prosody: ``speaker``, ``language`` (and all its
            speakers), or ``sources``: the other languages and their speakers only.

    Raises:
        ValueError: if ``knows`` is none of these, or the target is unknown or has no utterances.

    Example:
        >>> drawn = draw_utterances()
        >>> known = planted_recall(drawn, "de", knows="speaker")
        >>> known > planted_recall(drawn, "de", knows="sources") + 0.2
        True
    """
    own = [utterance for utterance in utterances if utterance.speaker.language == target]
    others = [voice for name in LANGUAGES if name != target for voice in speakers(name)]
    known = {"language": list(speakers(target)), "sources": others}
    if not own or knows not in ("speaker", *known):
        raise ValueError(
            f"expected knows=speaker, language or sources and utterances of {target}, "
            f"got knows={knows} and {len(own)} utterances"
        )
    groups: dict[Speaker, list[Utterance]] = {}
    for utterance in own:
        groups.setdefault(utterance.speaker, []).append(utterance)
    hits = np.zeros(len(CLASSES))
    for voice, group in groups.items():
        rows = np.array([utterance.prosody for utterance in group])
        best = posterior(rows, known.get(knows, [voice])).argmax(axis=1)
        for utterance, guess in zip(group, best.tolist(), strict=True):
            hits[guess] += utterance.emotion == CLASSES[guess]
    counts = [sum(utterance.emotion == name for utterance in own) for name in CLASSES]
    return float(np.mean(hits / np.maximum(counts, 1)))


def draw_utterances(seed: int = 0) -> list[Utterance]:
    """Draw every utterance of the corpus; another seed draws others of the same speakers.

    Raises:
        ValueError: if `seed` is negative.

    Example:
        >>> drawn = draw_utterances()
        >>> len(drawn), drawn[0].speaker.name, drawn[0].emotion
        (2000, 'demo_speech/en-01', 'angry')
    """
    if seed < 0:
        raise ValueError(f"the seed of the demo corpus must be 0 or more, not {seed}.")
    return [
        _utterance(speaker, emotion, number, seed)
        for language in LANGUAGES
        for speaker in speakers(language)
        for emotion in CLASSES
        for number in range(CLIPS_PER_CELL)
    ]


def _utterance(speaker: Speaker, emotion: str, number: int, seed: int) -> Utterance:
    name = f"{speaker.name.partition('/')[2]}-{emotion}-{number + 1:02d}"
    uniform = random.Random(f"demo_speech {seed} {name}").random
    texts = TEXTS[speaker.language]
    own = (
        range(len(texts))[-HELD_OUT_TEXTS:]
        if speaker.held_out
        else range(len(texts))[:-HELD_OUT_TEXTS]
    )
    place = own[int(uniform() * len(own))]
    mean = emotion_model(speaker.language)[0][CLASSES.index(emotion)].tolist()
    intensity = 1.0 + INTENSITY * _normal(uniform)
    parts = zip(speaker.shift, LANGUAGES[speaker.language].shift, mean, SPREAD, strict=True)
    prosody = tuple(
        person + language + intensity * effect + spread * _normal(uniform)
        for person, language, effect, spread in parts
    )
    return Utterance(
        name=name,
        speaker=speaker,
        text_id=f"{speaker.language}-{place + 1:02d}",
        text=texts[place],
        emotion=emotion,
        intensity=intensity,
        prosody=prosody,
        noise_seed=int(uniform() * 2**31),
    )
