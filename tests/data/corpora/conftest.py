"""Small corpora that several tests read, and a memory of sound files that ends with its test."""

from __future__ import annotations

import pandas as pd
import pytest

EMODB_LETTERS = {"W": "anger", "F": "happiness", "N": "neutral", "T": "sadness"}
EMOVO_CODES = ("rab", "gio", "neu", "tri")


@pytest.fixture(autouse=True)
def own_memory(request, tmp_path, monkeypatch):
    # the clips of the demo corpus are made once for all tests and have a cache of their own
    if "demo" not in request.module.__name__:
        monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def german(tmp_path):
    from tests.data.corpora.clips import write_clips

    names = [f"wav/{who:02d}a01{letter}a.wav" for who in (3, 8) for letter in EMODB_LETTERS]
    return write_clips(tmp_path / "german", names)


@pytest.fixture
def italian(tmp_path):
    from tests.data.corpora.clips import write_clips

    names = [f"{who}/{code}-{who}-b1.wav" for who in ("f1", "f2", "m1") for code in EMOVO_CODES]
    return write_clips(tmp_path / "italian", names)


@pytest.fixture
def tables(tmp_path):
    """A folder of the form of the shared data: two corpora, speakers named after the corpus."""
    from tests.data.corpora.clips import write_clip

    for corpus, language in (("emodb", "de"), ("own", "fr")):
        rows = [
            {
                "path": f"{corpus}/{who}{number}.flac",
                "emotion": word,
                "speaker": f"{corpus}_{who}",
                "language": language,
                "text_id": "t1" if corpus == "own" else "",
                "duration_s": 9.9,
            }
            for who in ("a", "b")
            for number, word in enumerate(EMODB_LETTERS.values())
        ]
        for row in rows:
            write_clip(tmp_path / "set" / str(row["path"]))
        pd.DataFrame(rows).to_csv(tmp_path / "set" / f"{corpus}.csv", index=False)
    return tmp_path / "set"
