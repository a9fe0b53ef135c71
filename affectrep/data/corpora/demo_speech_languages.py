"""What the languages of the generated speech corpus are like: voice, expression, recording.

`CORE` follows the directions that Banse and Scherer (1996, J. Pers. Soc. Psychol. 70(3), 614-636)
and Juslin and Laukka (2003, Psychol. Bull. 129(5), 770-814) report: anger and happiness are high,
wide, fast and loud, anger the louder and harsher of the two; sadness is low, narrow, slow, quiet,
soft and broken by pauses. The sizes are chosen here, so that emotions overlap.

The manners, shifts and channels of the languages are **invented**, to make the way from one to
another hard. They say nothing about how speakers of these languages express themselves. The order
of the emotions in F0 and in level is everyone's; in rate, range and tilt some languages differ.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CLASSES",
    "CORE",
    "DIMENSIONS",
    "INTENSITY",
    "LANGUAGES",
    "SPREAD",
    "Channel",
    "Language",
]

Numbers = tuple[float, ...]

CLASSES = ("angry", "happy", "neutral", "sad")

DIMENSIONS = (
    "pitch_st",
    "range_octaves",
    "rate_octaves",
    "level_dbfs",
    "pause_octaves",
    "tilt_db",
    "formants_percent",
)
"""The prosody numbers of an utterance, in this order.

Mean F0 in semitones above 100 Hz; width of the F0 movement, octaves above half the mean; rate,
octaves above the language's usual one; level of the speech, dB RMS below full scale; gap between
words, octaves above 20 ms; gain above 1.2 kHz, dB; formants above the usual place, percent."""

CORE: dict[str, Numbers] = {
    "angry": (2.6, 0.40, 0.10, 4.5, -0.4, 3.8, 1.2),
    "happy": (3.6, 0.55, 0.07, 2.2, -0.3, 1.2, 3.0),
    "neutral": (0.0,) * 7,
    "sad": (-1.4, -0.45, -0.16, -3.6, 0.8, -3.4, -1.6),
}
"""What an emotion adds to the neutral voice, before a language's manner, in the units above."""

SPREAD: Numbers = (1.8, 0.32, 0.11, 2.4, 0.50, 2.2, 1.8)
INTENSITY = 0.3
"""Standard deviation of the factor on an expression."""


@dataclass(frozen=True)
class Channel:
    """How the recordings of a language sound.

    Args:
        lowest_hz: lower edge of the band.
        highest_hz: upper edge of the band.
        echo_seconds: time in which the room's echo falls by 60 dB; 0 for none.
        noise_dbfs: RMS of the background, whatever the level of the speech.
    """

    lowest_hz: float
    highest_hz: float
    echo_seconds: float
    noise_dbfs: float


@dataclass(frozen=True)
class Language:
    """How the emotions are expressed, and the neutral voice and recordings of a language.

    Args:
        words_per_minute: usual rate.
        pitch_lift: mean F0 of eSpeak's intonation above its floor, as a share of the F0 width.
        shift: added to every utterance, ``DIMENSIONS``.
        gains: factor on `CORE`, ``DIMENSIONS``.
        manners: emotion -> added to its expression, ``DIMENSIONS``.
        channel: of the recordings.
    """

    words_per_minute: float
    pitch_lift: float
    shift: Numbers
    gains: Numbers
    manners: dict[str, Numbers]
    channel: Channel


LANGUAGES = {
    "en": Language(
        words_per_minute=165,
        pitch_lift=0.85,
        shift=(0.0, 0.0, 0.0, -35.0, 0.0, 0.0, 0.0),
        gains=(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
        manners={},
        channel=Channel(60, 7600, 0.0, -72),
    ),
    "zh": Language(
        words_per_minute=195,
        pitch_lift=0.47,
        shift=(1.5, 0.15, 0.05, -39.0, -0.3, -3.0, 0.0),
        gains=(0.5, 0.4, 1.5, 1.2, 1.0, 0.8, 1.2),
        manners={
            "angry": (1.5, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0),
            "happy": (-1.0, 0.1, 0.0, 1.5, 0.0, 1.0, 0.0),
            "sad": (0.0, 0.0, 0.0, 0.0, -0.3, 0.5, 0.0),
        },
        channel=Channel(180, 5500, 0.12, -66),
    ),
    "de": Language(
        words_per_minute=165,
        pitch_lift=0.81,
        shift=(-1.0, -0.20, 0.06, -33.0, -0.2, 2.5, 0.0),
        gains=(0.8, 0.7, 1.2, 1.0, 1.2, 1.2, 0.7),
        manners={
            "angry": (-1.5, -0.15, -0.06, 0.0, 0.2, 1.0, 0.0),
            "happy": (0.0, 0.0, 0.05, 0.0, 0.0, 1.5, 0.0),
            "sad": (0.0, 0.1, 0.0, 1.0, 0.0, 0.0, 0.0),
        },
        channel=Channel(100, 6800, 0.25, -62),
    ),
    "fr": Language(
        words_per_minute=160,
        pitch_lift=0.84,
        shift=(0.5, 0.10, -0.05, -36.0, 0.2, 1.0, 0.0),
        gains=(1.2, 1.2, 0.8, 0.5, 0.6, 0.6, 1.3),
        manners={
            "angry": (0.0, 0.15, 0.0, -1.0, 0.0, 1.0, 0.0),
            "happy": (0.0, 0.0, -0.08, 0.0, 0.3, 0.0, 0.0),
            "sad": (1.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0),
        },
        channel=Channel(80, 7200, 0.35, -68),
    ),
    "ur": Language(
        words_per_minute=200,
        pitch_lift=0.78,
        shift=(-0.5, 0.0, -0.05, -34.0, 0.3, -1.5, 0.0),
        gains=(1.3, 0.9, 0.6, 1.4, 1.4, 1.3, 0.8),
        manners={
            "angry": (0.0, 0.0, -0.15, 0.0, 0.3, 0.0, 0.0),
            "happy": (1.0, 0.0, 0.0, 1.5, 0.0, 1.5, 0.0),
            "sad": (0.0, 0.0, 0.08, -1.0, 0.0, 0.0, 0.0),
        },
        channel=Channel(250, 3900, 0.0, -58),
    ),
}
