"""Gender of a speaker, where the corpus says it in its names or its documentation."""

from __future__ import annotations

import re

__all__ = ["speaker_gender"]

# EmoDB: the list of speakers of its documentation; the others code it in the speaker's name
_EMODB_FEMALE = ("08", "09", "13", "14", "16")
_BY_LETTER = {
    "emovo": re.compile(r"([fm])\d", re.IGNORECASE),
    "urdu": re.compile(r"S([FM])\d", re.IGNORECASE),
    "iemocap": re.compile(r"Ses\d+([FM])", re.IGNORECASE),
}
_ALL = {"savee": "male", "tess": "female"}


def speaker_gender(corpus: str, speaker: str | None) -> str | None:
    """Return female or male; None where the corpus does not say it in a way that is known here.

    Args:
        corpus: a name in READERS.
        speaker: the corpus' own name of the speaker.

    Source: the documentation of EmoDB, RAVDESS (even actors are women), EMOVO, URDU, IEMOCAP,
    SAVEE and TESS.

    Example:
        >>> speaker_gender("ravdess", "02"), speaker_gender("urdu", "SM3"), speaker_gender("x", "1")
        ('female', 'male', None)
    """
    if not speaker:
        return None
    if corpus == "emodb":
        return "female" if speaker in _EMODB_FEMALE else "male"
    if corpus == "ravdess" and speaker.isdigit():
        return "female" if int(speaker) % 2 == 0 else "male"
    if corpus in _BY_LETTER:
        match = _BY_LETTER[corpus].match(speaker)
        return None if match is None else {"f": "female", "m": "male"}[match[1].lower()]
    return _ALL.get(corpus)
