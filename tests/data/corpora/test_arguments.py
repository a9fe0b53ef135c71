from __future__ import annotations

import pytest

from affectrep.data.corpora import CORPORA
from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.speech_set import READERS


def test_names_of_the_corpora():
    own = {"demo_speech", "demo_text", "empathetic", "goemotions", "speech_set", "table"}
    faces = {"affectnet", "affwild", "affwild2", "afew_va", "demo_faces", "face_table", "ferplus"}
    own |= {*faces, "london"}
    assert set(CORPORA) == own | set(READERS)
    assert not own & set(READERS)


def test_defaults_pass_and_other_values_are_named_by_their_key():
    refuse_unused("x", protocol=None, columns={}, labels=None, holdout=0.1, seed=0, root=None)
    with pytest.raises(ValueError, match=r"x has no use for data\.labels, data\.split_seed"):
        refuse_unused("x", labels={"a": "b"}, holdout=0.1, seed=2)


@pytest.mark.parametrize("corpus", ["goemotions", "empathetic"])
def test_known_corpora_take_no_mapping(corpus, tmp_path):
    with pytest.raises(ValueError, match=rf"{corpus} has no use for data\.columns, data\.labels"):
        CORPORA[corpus](tmp_path, columns={"text": "body"}, labels={"a": "b"})
    with pytest.raises(ValueError, match=f"{corpus} has no protocol 'other': use"):
        CORPORA[corpus](tmp_path, protocol="other")
