"""Say where a speech corpus confounds speakers with emotions, or has few speakers or sentences."""

from __future__ import annotations

import pandas as pd

__all__ = ["speaker_traps"]

_FEW_SPEAKERS = 10
_FEW_SENTENCES = 20
_HALF = 0.5


def speaker_traps(rows: pd.DataFrame) -> list[str]:
    """Return notes on the traps of each corpus, from its table alone; none where there is none.

    A corpus is named where most of its speakers have a single emotion, where one speaker gives
    more than half of the clips of an emotion, where it has fewer than 10 speakers, or fewer than
    20 sentences. Level, clipping and overlapping clips need the sound itself: see `audio_checks`.

    Args:
        rows: with label, speaker, corpus, and text_id where it is known.

    Example:
        >>> table = pd.DataFrame({"label": ["angry", "sad"], "speaker": ["x/1", "x/2"],
        ...                       "corpus": "x", "text_id": ["a", "a"]})
        >>> for note in speaker_traps(table):
        ...     print(note)
        x: 2 of 2 speakers have a single emotion: within it, emotions may be told by the voice.
        x: x/1 gives 1 of 1 angry, x/2 gives 1 of 1 sad clips.
        x: 2 speakers: one more or less in a fold moves the result, give intervals.
        x: 1 sentence in all, so that splits share sentences; that is no leak.
    """
    notes = []
    for name, part in rows.groupby("corpus"):
        known = part[part["speaker"].notna()]
        notes += [f"{name}: {note}" for note in (*_confounded(known), *_few(known))]
    return notes


def _confounded(rows: pd.DataFrame) -> list[str]:
    notes = []
    emotions = rows.groupby("speaker")["label"].nunique()
    single = int((emotions == 1).sum())
    if single > _HALF * len(emotions):
        notes.append(
            f"{single} of {len(emotions)} speakers have a single emotion: "
            "within it, emotions may be told by the voice."
        )
    large = []
    for label, part in rows.groupby("label"):
        counts = part["speaker"].value_counts()
        if counts.iloc[0] > _HALF * len(part):
            large.append(f"{counts.index[0]} gives {counts.iloc[0]} of {len(part)} {label}")
    return [*notes, f"{', '.join(large)} clips."] if large else notes


def _few(rows: pd.DataFrame) -> list[str]:
    notes = []
    people = rows["speaker"].nunique()
    if 0 < people < _FEW_SPEAKERS:
        word = "speaker" if people == 1 else "speakers"
        notes.append(
            f"{people} {word}: one more or less in a fold moves the result, give intervals."
        )
    texts = rows["text_id"].nunique() if "text_id" in rows else 0
    if 0 < texts < _FEW_SENTENCES:
        word = "sentence" if texts == 1 else "sentences"
        notes.append(f"{texts} {word} in all, so that splits share sentences; that is no leak.")
    return notes
