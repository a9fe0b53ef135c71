"""The tables of a speech set: read one with its sound files, and write them.

A table ``<corpus>.csv`` has the columns ``path`` (relative to the table, or absolute), ``emotion``
(anger, happiness, neutral, sadness, or another word of WORDS), ``speaker``, ``language`` (ISO
639-1), ``text_id`` and ``duration_s``; where known also ``id``, ``source_label`` and ``split``
(official). A value that is not known stays empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.corpora.sound_contents import SoundContents
from affectrep.data.corpora.speech_files import COLUMNS, SpeechCorpus, rows_of
from affectrep.data.corpora.speech_genders import speaker_gender
from affectrep.data.corpora.speech_labels import class_map, class_names, written_word
from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.data.sources import read_delimited, split_name

__all__ = ["read_speech_table", "write_speech_set"]

_NEEDED = ("path", "emotion", "speaker", "language")
_NAMES = (*_NEEDED, "gender", "text_id", "duration_s", "id", "source_label", "split")
_SHOWN = 8


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

    Raises:
        ValueError: if a column is missing, an emotion or split is unknown, or a sound file cannot
            be read; all such are named.
    """
    table = _renamed(read_delimited(path, delimiter=","), columns or {}, path)
    words, classes = [str(word).strip().lower() for word in table["emotion"]], class_map(labels)
    _require_known(table, words, classes, path)
    kept = pd.Series([classes[word] is not None for word in words], index=table.index)
    found = [(row, (path.parent / row["path"]).resolve()) for row in table[kept].to_dict("records")]
    contents = _contents([sound for _, sound in found], path)
    records = [
        {**_record(name, row, classes), "path": str(sound), **content}
        for (row, sound), content in zip(found, contents, strict=True)
    ]
    info = CorpusInfo(
        name=name,
        title=corpus.title if corpus else name,
        modality="speech",
        task="classification",
        classes=class_names(labels),
        licence=corpus.licence if corpus else "as its owner states",
        source=corpus.source if corpus else path.name,
        dropped=dict(sorted(Counter(word for word in words if classes[word] is None).items())),
    )
    return Manifest(rows_of(records, [*COLUMNS, "source_file", "row"]), info)


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


def _require_known(
    table: pd.DataFrame, words: list[str], classes: Mapping[str, str | None], path: Path
) -> None:
    unknown = sorted({word for word in words if word not in classes})
    if unknown:
        raise ValueError(
            f"{path} has the emotions {', '.join(map(repr, unknown[:_SHOWN]))}, which have no "
            "class: map them in data.labels, to nothing to leave them out"
        )
    splits = [] if "split" not in table else sorted({str(word) for word in table["split"]})
    strange = [word for word in splits if word and split_name(word) is None]
    if strange:
        raise ValueError(
            f"{path} has the splits {', '.join(map(repr, strange[:_SHOWN]))}: use train, "
            "validation, test, or leave them empty"
        )


def _contents(sounds: list[Path], path: Path) -> list[dict[str, Any]]:
    """Read all files of a table, and name all that cannot be read at once."""
    contents, broken = SoundContents(sounds), []
    found = []
    for sound in sounds:
        try:
            found.append(contents.read(sound))
        except ValueError as error:
            broken.append(str(error))
    contents.save()
    if broken:
        shown = "; ".join(broken[:_SHOWN]) + ("; ..." if len(broken) > _SHOWN else "")
        raise ValueError(f"{path} names {len(broken)} sound files that cannot be read: {shown}")
    return found


def _record(name: str, row: Mapping[Any, Any], classes: Mapping[str, str | None]) -> dict[str, Any]:
    word, speaker = str(row["emotion"]).strip().lower(), str(row["speaker"]).strip()
    official = str(row.get("split") or "")
    return {
        "id": row.get("id") or f"{name}/{_inside(name, Path(row['path']))}",
        "split": split_name(official) or "train",
        "label": classes[word],
        "source_label": row.get("source_label") or word,
        "speaker": f"{name}/{_without(name, speaker)}" if speaker else None,
        "gender": row.get("gender") or speaker_gender(name, _without(name, speaker)),
        "language": row["language"] or None,
        "corpus": name,
        "text_id": row.get("text_id") or None,
        "official_split": split_name(official),
        "source_file": row["source_file"],
        "row": row["row"],
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
