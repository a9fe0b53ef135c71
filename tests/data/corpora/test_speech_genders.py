"""Genders that the names or the documentation of a corpus give."""

from __future__ import annotations

import pytest

from affectrep.data.corpora.speech_genders import speaker_gender


@pytest.mark.parametrize(
    ("corpus", "female", "male"),
    [
        ("emodb", "16", "03"),
        ("ravdess", "24", "23"),
        ("emovo", "f2", "m1"),
        ("urdu", "SF11", "SM27"),
        ("iemocap", "Ses03F", "Ses03M"),
        ("savee", None, "KL"),
        ("tess", "OAF", None),
    ],
)
def test_corpora_that_say_it(corpus, female, male):
    assert speaker_gender(corpus, female) == ("female" if female else None)
    assert speaker_gender(corpus, male) == ("male" if male else None)


@pytest.mark.parametrize(("corpus", "speaker"), [("nemo", "EB0"), ("urdu", "x1"), ("own", "f1")])
def test_nothing_is_guessed(corpus, speaker):
    assert speaker_gender(corpus, speaker) is None
