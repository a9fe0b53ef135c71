"""Whose identity rows name: speakers of speech, subjects of faces, and the words for both."""

from __future__ import annotations

import pandas as pd

from affectrep.evaluation.attackers import known_rows

__all__ = ["EQUAL_ERROR_RATES", "IDENTITIES", "identity_column", "in_words"]

IDENTITIES = ("speaker", "subject")
# figure of verification on people who were not trained on
EQUAL_ERROR_RATES = {"speaker": "eer_unseen", "subject": "eer_unseen_subjects"}


def identity_column(rows: pd.DataFrame) -> str | None:
    """Return the column that says who is heard or seen; None where no row names anybody.

    Example:
        >>> identity_column(pd.DataFrame({"speaker": [None], "subject": ["p1"]}))
        'subject'
    """
    for column in IDENTITIES:
        if column in rows and known_rows(rows[column]).any():
            return column
    return None


def in_words(text: str, column: str) -> str:
    """Return a sentence about speakers as one about the identities of the column.

    Example:
        >>> in_words("no speaker among 3 rows has two utterances to split", "subject")
        'no identity among 3 rows has two images to split'
    """
    if column == "speaker":
        return text
    for old, new in (("speakers", "identities"), ("speaker", "identity"), ("utterance", "image")):
        text = text.replace(old, new)
    return text
