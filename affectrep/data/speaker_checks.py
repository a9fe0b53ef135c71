"""What can be wrong with the speakers, languages and texts of clips, without reading a file."""

from __future__ import annotations

import pandas as pd

from affectrep.data.leaks import leak_problems
from affectrep.data.problems import Problem, file_names

__all__ = ["check_speakers", "text_column"]


def check_speakers(rows: pd.DataFrame, *, accept_leaks: str | None = None) -> list[Problem]:
    """Return what is wrong with speakers, languages and texts, without reading a file.

    Args:
        rows: of a speech manifest, numbered from 0.
        accept_leaks: why speakers that occur in two splits are accepted.
    """
    speakers = text_column(rows, "speaker")
    problems = []
    unknown = speakers == ""
    if unknown.any():
        message = "clips have no speaker: they train no adversary, and leaks cannot be judged"
        problems.append(Problem("no_speaker", message, file_names(rows, unknown), "warning"))
    problems += leak_problems(rows, speakers, "speaker", accept_leaks)
    languages = text_column(rows, "language")
    for language in sorted(set(languages) - {""}):
        if speakers[(languages == language) & ~unknown].nunique() == 1:
            message = f"language {language} has one speaker: the two cannot be told apart"
            problems.append(Problem("one_speaker", message, severity="warning"))
    problems += _check_codes(languages)
    return [*problems, *_check_single_emotion(rows, speakers), *_check_texts(rows)]


def text_column(rows: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of texts, empty where a row has none or there is no such column.

    Example:
        >>> text_column(pd.DataFrame({"speaker": ["ann", None]}), "speaker").tolist()
        ['ann', '']
    """
    values = rows[name] if name in rows else [None] * len(rows)
    return pd.Series([v if isinstance(v, str) else "" for v in values], index=rows.index)


def _check_codes(languages: pd.Series) -> list[Problem]:
    """Name codes that may be one language: a protocol that tests one would train on the other."""
    alike: dict[str, list[str]] = {}
    for code in sorted(set(languages.str.casefold()) - {""}):
        alike.setdefault(code[:2], []).append(code)
    return [
        Problem(
            "similar_languages",
            f"the languages {', '.join(codes)} begin alike: where they are one, a protocol that "
            "tests one of them trains on the others. Write one code",
            severity="warning",
        )
        for codes in alike.values()
        if len(codes) > 1
    ]


def _check_single_emotion(rows: pd.DataFrame, speakers: pd.Series) -> list[Problem]:
    if "label" not in rows:
        return []
    corpora = text_column(rows, "corpus")
    counts = pd.DataFrame({"corpus": corpora, "speaker": speakers, "label": rows["label"]})
    counts = counts[counts["speaker"] != ""]
    emotions = counts.groupby(["corpus", "speaker"])["label"].nunique()
    parts = []
    for corpus, found in emotions.groupby(level="corpus"):
        if (found == 1).any():
            parts.append(f"{int((found == 1).sum())} of {len(found)} {corpus}".strip())
    if not parts or counts["label"].nunique() < 2:
        return []
    message = (
        f"speakers with a single emotion: {', '.join(parts)}: what tells them apart looks like "
        "emotion, and standardising per speaker removes it"
    )
    single = set(emotions[emotions == 1].index.get_level_values("speaker"))
    return [Problem("single_emotion", message, tuple(sorted(map(str, single))), "warning")]


def _check_texts(rows: pd.DataFrame) -> list[Problem]:
    texts = text_column(rows, "text_id")
    if "corpus" in rows:
        texts = (text_column(rows, "corpus") + "/" + texts).where(texts != "", "")
    train = set(texts[rows["split"] == "train"]) - {""}
    test = set(texts[rows["split"] == "test"]) - {""}
    if not train & test:
        return []
    message = (
        f"{len(train & test)} of {len(test)} texts of test also occur in train: usual in acted "
        "corpora, and no leak"
    )
    return [Problem("shared_texts", message, severity="note")]
