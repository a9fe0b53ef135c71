from __future__ import annotations

import pandas as pd

from affectrep.data.speaker_checks import check_speakers


def kinds(*languages: str | None) -> dict[str, str]:
    rows = pd.DataFrame(
        {
            "id": [f"c{number}" for number in range(2 * len(languages))],
            "split": "train",
            "speaker": [f"x/{number}" for number in range(2 * len(languages))],
            "language": [code for code in languages for _ in range(2)],
        }
    )
    return {problem.kind: f"{problem.severity}: {problem}" for problem in check_speakers(rows)}


def test_codes_that_may_be_one_language_are_named() -> None:
    found = kinds("de", "de-de", "fr", "deu")["similar_languages"]
    assert found.startswith("warning: the languages de, de-de, deu begin alike: where they are one")
    assert kinds("de", "en", "fr", None) == {}
    assert kinds("de", "DE") == {}  # a protocol takes them for one


def test_rows_without_columns_have_no_speaker() -> None:
    rows = pd.DataFrame({"id": ["c"], "split": ["train"]})
    assert [problem.kind for problem in check_speakers(rows)] == ["no_speaker"]
