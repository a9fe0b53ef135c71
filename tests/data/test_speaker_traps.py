from __future__ import annotations

import pandas as pd

from affectrep.data.speaker_traps import speaker_traps


def rows(corpus, cells, texts=30):
    lines = [
        {"corpus": corpus, "speaker": f"{corpus}/{who}", "label": label, "text_id": None}
        for who, label, count in cells
        for _ in range(count)
    ]
    for number, line in enumerate(lines):
        line["text_id"] = f"t{number % texts}"
    return pd.DataFrame(lines)


def test_a_balanced_corpus_has_no_note():
    cells = [(f"s{n}", label, 4) for n in range(10) for label in ("angry", "sad")]
    assert speaker_traps(rows("good", cells)) == []


def test_each_trap_is_named_with_its_corpus():
    confounded = rows(
        "bad", [(f"s{n}", ("angry", "sad")[n % 2], 3 + 40 * (n == 0)) for n in range(12)]
    )
    small = rows("few", [(f"s{n}", label, 4) for n in range(6) for label in ("angry", "sad")], 2)
    assert speaker_traps(pd.concat([confounded, small])) == [
        "bad: 12 of 12 speakers have a single emotion: within it, emotions may be told by the "
        "voice.",
        "bad: bad/s0 gives 43 of 58 angry clips.",
        "few: 6 speakers: one more or less in a fold moves the result, give intervals.",
        "few: 2 sentences in all, so that splits share sentences; that is no leak.",
    ]


def test_unknown_speakers_and_texts_give_no_note():
    table = rows("none", [("a", "sad", 2)]).assign(speaker=None, text_id=None)
    assert speaker_traps(table) == []
