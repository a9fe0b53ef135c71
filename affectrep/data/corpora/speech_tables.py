"""The tables of a speech set: read one with its sound files, and write them.

A table ``<corpus>.csv`` has the columns ``path`` (relative to the table, or absolute), ``emotion``
(anger, happiness, neutral, sadness, or another word of WORDS), ``speaker``, ``language`` (ISO
639-1, in any case), ``text_id`` and ``duration_s``; where known also ``id``, ``source_label`` and
``split`` (official). A value that is not known stays empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.corpora.speech_faults import Fault, listed, read_contents, set_aside
from affectrep.data.corpora.speech_files import COLUMNS, SpeechCorpus, rows_of
from affectrep.data.corpora.speech_genders import speaker_gender
from affectrep.data.corpora.speech_labels import class_map, class_names, written_word
from affectrep.data.manifest import SPLITS, CorpusInfo, Manifest
from affectrep.data.sources import is_missing, read_delimited, split_name

__all__ = ["read_speech_table", "write_speech_set"]

_NEEDED = ("path", "emotion", "speaker", "language")
_OF_TABLES = ("stated_s", "source_file", "row")
_NAMES = (*_NEEDED, "gender", "text_id", "duration_s", "id", "source_label", "split")


def read_speech_table(
    name: str,
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    corpus: SpeechCorpus | None = None,
) -> Manifest:
    """Read one table of a speech set and its sound files.

    Args:
        name: of the corpus.
        path: of the table.
        columns: our column -> the table's.
        labels: emotion word -> class on top of WORDS.
        corpus: what is known of it, None for a corpus of the user's own.

    Returns:
        The rows in order; those without an emotion or language, with an emotion or split that is
        none, or with a file that cannot be read are the ``problems`` of its info.

    Raises:
        ValueError: if a column is missing, or the table cannot be read.
    """
    classes = class_map(labels)
    table = _renamed(read_delimited(path, delimiter=","), columns or {}, path)
    words = table["emotion"].str.strip().str.lower()
    out = words.isin([word for word, label in classes.items() if label is None])
    files = [(path.parent / file).resolve() for file in table["path"]]
    table = table.assign(word=words, given=table["path"], path=list(map(str, files)))
    found = read_contents(table[~out].reset_index(drop=True))
    kept, problems = set_aside(found, _faults(found, classes))
    records = [_record(name, row, classes) for row in kept.to_dict("records")]
    info = CorpusInfo(
        name=name,
        title=corpus.title if corpus else name,
        modality="speech",
        task="classification",
        classes=class_names(labels),
        licence=corpus.licence if corpus else "as its owner states",
        source=corpus.source if corpus else path.name,
        dropped=dict(sorted(Counter(words[out]).items())),
        problems=problems,
    )
    return Manifest(rows_of(records, [*COLUMNS, *_OF_TABLES]), info)


def write_speech_set(manifest: Manifest, folder: Path | str) -> list[Path]:
    """Write the tables of a speech set; the sound files stay where they are.

    Args:
        manifest: of speech rows, split or not; the split of a protocol is not written.
        folder: for the tables; files below it are named relative to it, others absolutely.

    Returns:
        The tables written, one per corpus.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, part in manifest.rows.groupby("corpus", sort=True):
        paths = [Path(path) for path in part["path"]]
        inside = folder.resolve()
        table = pd.DataFrame(
            {
                "path": [
                    (p.relative_to(inside) if p.is_relative_to(inside) else p).as_posix()
                    for p in paths
                ],
                "emotion": [written_word(label) for label in part["label"]],
                "speaker": [str(value or "").replace("/", "_", 1) for value in part["speaker"]],
                "language": part["language"],
                "text_id": part["text_id"],
                "duration_s": [round(value, 4) for value in part["duration_s"]],
                "gender": part["gender"],
                "id": part["id"],
                "source_label": part["source_label"],
                "split": part["official_split"],
            }
        )
        written.append(folder / f"{name}.csv")
        table.to_csv(written[-1], index=False, lineterminator="\n")
    return written


def _renamed(table: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    unknown = [name for name in columns if name not in _NAMES]
    if unknown:
        raise ValueError(
            f"data.columns.{unknown[0]} is no column of a speech set: {', '.join(_NAMES)}"
        )
    missing = [
        columns.get(name, name)
        for name in (*_NEEDED, *columns)
        if columns.get(name, name) not in table
    ]
    if missing:
        named, needed = ", ".join(dict.fromkeys(missing)), ", ".join(_NEEDED)
        raise ValueError(f"{path} has no column {named}: a speech set needs {needed}")
    there = {name: columns.get(name, name) for name in _NAMES}
    found = {name: table[theirs] for name, theirs in there.items() if theirs in table}
    return pd.DataFrame(found).assign(row=table["row"], source_file=table["source_file"])


def _faults(table: pd.DataFrame, classes: Mapping[str, str | None]) -> list[Fault]:
    words, languages = table["word"], table["language"].map(is_missing)
    missing, known = words.map(is_missing), words.isin(list(classes))
    splits = table["split"] if "split" in table else pd.Series("", index=table.index)
    strange = (splits.str.strip() != "") & splits.map(split_name).isna()
    return [
        Fault(
            "no_label",
            "rows have no emotion: remove them or fill in the emotion",
            missing & ~known,
        ),
        Fault(
            "unknown_label",
            f"emotions {listed(words[~missing & ~known])} have no class: map them in data.labels, "
            "to nothing to leave them out",
            ~missing & ~known,
        ),
        Fault(
            "unknown_split",
            f"the split {listed(splits[strange])} is unknown: use {', '.join(SPLITS)}, or leave "
            "it empty",
            strange,
        ),
        Fault(
            "no_language",
            "rows have no language: fill in the column language, such as en",
            languages,
        ),
    ]


def _record(name: str, row: Mapping[Any, Any], classes: Mapping[str, str | None]) -> dict[str, Any]:
    speaker = "" if is_missing(row["speaker"]) else row["speaker"].strip()
    official = split_name(row.get("split") or "")
    return {
        "id": row.get("id") or f"{name}/{_inside(name, Path(row['given']))}",
        "split": official or "train",
        "label": classes[row["word"]],
        "source_label": row.get("source_label") or row["word"],
        "speaker": f"{name}/{_without(name, speaker)}" if speaker else None,
        "gender": row.get("gender") or speaker_gender(name, _without(name, speaker)),
        # a protocol compares codes: DE beside de would be another language
        "language": row["language"].strip().casefold(),
        "corpus": name,
        "text_id": row.get("text_id") or None,
        "official_split": official,
        **{name: row[name] for name in ("path", "duration_s", "content", *_OF_TABLES)},
    }


def _inside(name: str, path: Path) -> str:
    """Return the clip's name: the file's without its ending, the corpus' folder left out."""
    parts = path.with_suffix("").parts
    return "_".join(parts[1:]) if parts[0] == name and len(parts) > 1 else path.stem


def _without(name: str, speaker: str) -> str:
    """Return a speaker's name without the corpus' name before it.

    Example:
        >>> _without("emodb", "emodb_03"), _without("mine", "anna_b")
        ('03', 'anna_b')
    """
    for mark in ("_", "/"):
        if speaker.startswith(name + mark):
            return speaker[len(name) + 1 :]
    return speaker
