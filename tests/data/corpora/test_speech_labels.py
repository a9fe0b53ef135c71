from __future__ import annotations

import pytest

from affectrep.data.corpora.speech_labels import CLASSES, CODES, WORDS, class_map, class_names
from affectrep.data.corpora.speech_set import READERS


def test_every_corpus_has_codes_whose_words_are_known_and_reach_each_class():
    assert set(READERS) == {*CODES, "esd_en"}
    for corpus, codes in CODES.items():
        assert set(codes.values()) <= set(WORDS), corpus
        assert {WORDS[word] for word in codes.values()} - {None} == set(CLASSES), corpus
        assert len(set(codes.values())) == len(codes), corpus


def test_no_other_emotion_is_taken_for_one_of_the_four():
    assert {word for word, name in WORDS.items() if name} == {
        *("anger", "angry", "happiness", "happy", "joy", "excitement"),
        *("neutral", "sadness", "sad"),
    }


def test_own_entries_come_on_top():
    own = class_map({"Fear": "afraid", "joy": ""})
    assert (own["fear"], own["joy"], own["anger"]) == ("afraid", None, "angry")
    assert class_names({"fear": "afraid", "joy": ""}) == [*CLASSES, "afraid"]


@pytest.mark.parametrize("name", CLASSES)
def test_class_names_are_words_themselves(name):
    assert WORDS[name] == name
