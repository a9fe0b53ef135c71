from __future__ import annotations

import hashlib

import pandas as pd

from affectrep.data.keys import content_hash, content_hashes, digest, normalise_text, text_keys


def test_normalised_text_ignores_case_width_and_space_only():
    same = ["So  glad!", "so glad!", " SO\tGLAD! ", "so\u00a0glad!", "\uff33\uff2f glad!"]
    assert {normalise_text(text) for text in same} == {"so glad!"}
    assert normalise_text("so glad") != "so glad!"


def test_what_is_no_text_has_no_key():
    assert text_keys(["A", None, float("nan"), "  "]) == ["a", "", "", ""]


def test_content_hash_is_the_sha256_of_the_decoded_text():
    assert content_hash("né") == hashlib.sha256("né".encode()).hexdigest()
    content_hash("\ud83d")  # half a pair, as broken exports hold it


def test_content_column_wins_over_text():
    rows = pd.DataFrame({"text": ["a"], "content": ["f" * 64]})
    assert content_hashes(rows) == ["f" * 64]
    assert content_hashes(rows[["text"]]) == [content_hash("a")]
    assert content_hashes(pd.DataFrame({"path": ["a.wav"]})) == [content_hash("a.wav")]


def test_digest_depends_on_order_and_borders():
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest(["a", "b"]) != digest(["b", "a"])
