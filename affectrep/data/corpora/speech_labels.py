"""The emotion words of the speech corpora, and the four classes that they are mapped to."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

__all__ = [
    "CLASSES",
    "CODES",
    "WORDS",
    "class_map",
    "class_names",
    "require_known_words",
    "written_word",
]

CLASSES = ("angry", "happy", "neutral", "sad")

WORDS: dict[str, str | None] = {
    "anger": "angry",
    "angry": "angry",
    "happiness": "happy",
    "happy": "happy",
    "joy": "happy",
    "excitement": "happy",  # IEMOCAP only: the usual four classes have 5,531 rows with it
    "neutral": "neutral",
    "sadness": "sad",
    "sad": "sad",
    "calm": None,
    "surprise": None,
    "pleasant surprise": None,
    "fear": None,
    "disgust": None,
    "boredom": None,
    "frustration": None,
    "other": None,
    "no agreement": None,
}
"""Emotion word -> class; None is left out and counted."""

CODES: dict[str, dict[str, str]] = {
    "cafe": {
        "C": "anger",
        "D": "disgust",
        "J": "happiness",
        "N": "neutral",
        "P": "fear",
        "S": "surprise",
        "T": "sadness",
    },
    "cremad": {
        "ANG": "anger",
        "DIS": "disgust",
        "FEA": "fear",
        "HAP": "happy",
        "NEU": "neutral",
        "SAD": "sad",
    },
    "emodb": {
        "W": "anger",
        "L": "boredom",
        "E": "disgust",
        "A": "fear",
        "F": "happiness",
        "T": "sadness",
        "N": "neutral",
    },
    "emovo": {
        "dis": "disgust",
        "gio": "joy",
        "neu": "neutral",
        "pau": "fear",
        "rab": "anger",
        "sor": "surprise",
        "tri": "sadness",
    },
    "esd": {
        "Angry": "angry",
        "Happy": "happy",
        "Neutral": "neutral",
        "Sad": "sad",
        "Surprise": "surprise",
    },
    "iemocap": {
        "ang": "anger",
        "hap": "happiness",
        "exc": "excitement",
        "neu": "neutral",
        "sad": "sadness",
        "fru": "frustration",
        "fea": "fear",
        "sur": "surprise",
        "dis": "disgust",
        "oth": "other",
        "xxx": "no agreement",
    },
    "meld": {
        "anger": "anger",
        "joy": "joy",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprise": "surprise",
        "fear": "fear",
        "disgust": "disgust",
    },
    "nemo": {
        "anger": "anger",
        "fear": "fear",
        "happiness": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprised": "surprise",
    },
    "ravdess": {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fear",
        "07": "disgust",
        "08": "surprise",
    },
    "savee": {
        "a": "anger",
        "d": "disgust",
        "f": "fear",
        "h": "happiness",
        "n": "neutral",
        "sa": "sadness",
        "su": "surprise",
    },
    "tess": {
        "angry": "angry",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happy",
        "neutral": "neutral",
        "ps": "pleasant surprise",
        "sad": "sad",
    },
    "urdu": {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"},
}
"""Corpus -> the code in its file names, folders or tables -> emotion word."""

_WRITTEN = {"angry": "anger", "happy": "happiness", "sad": "sadness"}


def class_map(labels: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Return emotion word -> class, with the user's own entries on top.

    Args:
        labels: emotion word -> class; an empty class leaves the word out, as
            ``{"excitement": ""}`` does for IEMOCAP, and a new class becomes one more class.

    Example:
        >>> class_map()["joy"], class_map()["calm"], class_map({"joy": ""})["joy"]
        ('happy', None, None)
    """
    own = {word.lower(): name or None for word, name in (labels or {}).items()}
    return {**WORDS, **own}


def require_known_words(labels: Mapping[str, str] | None) -> None:
    """Pass where every emotion word of the user's map is one that a corpus has.

    Raises:
        ValueError: naming the word, and the nearest known one.

    Example:
        >>> require_known_words({"excitemend": ""})
        Traceback (most recent call last):
        ValueError: data.labels.excitemend is no emotion word of a corpus; did you mean excitement?
    """
    for word in labels or {}:
        if word.lower() not in WORDS:
            near = get_close_matches(word.lower(), WORDS, n=1)
            mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(WORDS)}"
            raise ValueError(f"data.labels.{word} is no emotion word of a corpus; {mend}")


def class_names(labels: Mapping[str, str] | None = None) -> list[str]:
    """Return the four classes in their order, then the classes that the user added.

    Example:
        >>> class_names({"fear": "afraid"})
        ['angry', 'happy', 'neutral', 'sad', 'afraid']
    """
    return list(dict.fromkeys([*CLASSES, *(name for name in (labels or {}).values() if name)]))


def written_word(label: str) -> str:
    """Return the emotion word for a class in a speech set's tables.

    Example:
        >>> written_word("happy"), written_word("neutral")
        ('happiness', 'neutral')
    """
    return _WRITTEN.get(label, label)
