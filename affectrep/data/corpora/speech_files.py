"""What the readers of speech corpora share: find the files, read each once, build a manifest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.sound_contents import SoundContents
from affectrep.data.corpora.speech_genders import speaker_gender
from affectrep.data.corpora.speech_labels import (
    CODES,
    class_map,
    class_names,
    require_known_words,
)
from affectrep.data.manifest import CorpusInfo, Manifest

__all__ = [
    "COLUMNS",
    "SUFFIXES",
    "Clip",
    "SpeechCorpus",
    "build_manifest",
    "find_clips",
    "named_clips",
    "rows_of",
    "sound_files",
]

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
_BROKEN_SHARE = 0.01
_SHOWN = 5
COLUMNS = [
    *("id", "split", "path", "label", "source_label", "speaker", "gender", "language", "corpus"),
    *("text_id", "duration_s", "content", "official_split"),
]


@dataclass(frozen=True)
class SpeechCorpus:
    """What is known about an official corpus.

    Args:
        name: its name in READERS, the first part of its ids and speakers.
        title: the name that reports print.
        language: ISO 639-1 code.
        licence: the terms as their owner states them.
        source: where it can be had.
        layout: the files of the official download, for messages.
        files: how many sound files the official download has in its part used here.
    """

    name: str
    title: str
    language: str
    licence: str
    source: str
    layout: str
    files: int


@dataclass(frozen=True)
class Clip:
    """A sound file and what its name, folder or table says about it.

    Args:
        path: of the sound file; None where a table lists a file that is not there.
        name: identifies the clip inside its corpus, whatever the file's format and folder.
        word: the emotion word of the corpus.
        speaker: the corpus' own name of the speaker.
        text_id: the corpus' own name of the sentence, None where it is not known.
        official_split: train, validation or test where the corpus has official splits.
    """

    path: Path | None
    name: str
    word: str
    speaker: str | None
    text_id: str | None = None
    official_split: str | None = None


def sound_files(folder: Path) -> list[Path]:
    """Return the sound files below a folder, sorted; hidden ones and macOS copies are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
    )


def find_clips(
    root: Path | str | None, corpus: SpeechCorpus, pattern: str
) -> list[tuple[Path, re.Match[str]]]:
    """Return the sound files whose path fits the corpus' naming rule; the first of equal names.

    Args:
        root: the folder of the download.
        corpus: for messages.
        pattern: regular expression of the end of the path without the file's ending, from the
            beginning of a folder's or file's name, with a group ``name``.

    Raises:
        ValueError: if the root is missing, no folder, or no file in it fits.
        FileNotFoundError: if there is no such folder.
    """
    folder = corpus_folder(root, corpus)
    paths = sound_files(folder)
    found: dict[str, tuple[Path, re.Match[str]]] = {}
    for path in paths:
        match = re.fullmatch(rf"(?:.*/)?{pattern}", path.with_suffix("").as_posix())
        if match is not None:
            found.setdefault(match["name"].replace("/", "_"), (path, match))
    if not found:
        there = f"{len(paths)} sound files, such as {paths[0].name}" if paths else "no sound file"
        raise ValueError(f"{folder} is not {corpus.title}: expected {corpus.layout}, found {there}")
    return list(found.values())


def named_clips(root: Path | str | None, corpus: SpeechCorpus, pattern: str) -> list[Clip]:
    """Return the clips of a corpus whose paths say everything.

    Args:
        root: the folder of the download.
        corpus: whose codes are read.
        pattern: as for `find_clips`, with the groups ``name``, ``speaker``, ``emotion`` and,
            where sentences have names, ``text``.

    Raises:
        ValueError: see `find_clips`.
        FileNotFoundError: if there is no such folder.
    """
    codes = CODES[corpus.name]
    clips = []
    for path, match in find_clips(root, corpus, pattern):
        groups = match.groupdict()
        name, text = groups["name"].replace("/", "_"), groups.get("text")
        clips.append(Clip(path, name, codes[groups["emotion"]], groups["speaker"], text))
    return clips


def build_manifest(
    corpus: SpeechCorpus, clips: Iterable[Clip], labels: Mapping[str, str] | None = None
) -> Manifest:
    """Read each file of the mapped classes once and return the corpus' manifest.

    Without official splits every row is in ``train``: a protocol decides (data/crosslingual.py).
    Files that are missing or cannot be read are left out and counted, up to 1 % of them.

    Args:
        corpus: what is known about it.
        clips: all clips, also those of classes that are left out.
        labels: emotion word -> class on top of WORDS.

    Raises:
        ValueError: if more than 1 % of the files cannot be read, no clip has a class, or
            ``labels`` has an unknown word.
    """
    require_known_words(labels)
    clips, classes = list(clips), class_map(labels)
    kept = [clip for clip in clips if classes[clip.word]]
    dropped = dict(sorted(Counter(clip.word for clip in clips if not classes[clip.word]).items()))
    records, broken = _read(corpus, kept, classes)
    if len(broken) > _BROKEN_SHARE * len(kept):
        raise ValueError(
            f"{len(broken)} of {len(kept)} sound files of {corpus.title} are missing or broken: "
            f"{'; '.join(broken[:_SHOWN])}"
        )
    if not kept:
        wanted = ", ".join(class_names(labels))
        raise ValueError(f"no clip of {corpus.title} has one of the classes {wanted}")
    if broken:
        dropped["sound file missing or not readable"] = len(broken)
    info = CorpusInfo(
        name=corpus.name,
        title=corpus.title,
        modality="speech",
        task="classification",
        classes=class_names(labels),
        licence=corpus.licence,
        source=corpus.source,
        dropped=dropped,
        notes=_notes(corpus, clips, broken),
    )
    return Manifest(rows_of(records, COLUMNS), info)


def rows_of(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return records as a table whose unknown texts are None, in every version of pandas."""
    rows = pd.DataFrame(records, columns=list(columns), dtype=object)
    types = {"duration_s": float, "stated_s": float, "row": int}
    return rows.astype({name: kind for name, kind in types.items() if name in rows})


def _read(
    corpus: SpeechCorpus, clips: Sequence[Clip], classes: Mapping[str, str | None]
) -> tuple[list[dict[str, Any]], list[str]]:
    records, broken = [], []
    contents = SoundContents(clip.path.resolve() for clip in clips if clip.path is not None)
    for clip in clips:
        try:
            if clip.path is None:
                raise ValueError(f"{clip.name} has no sound file")
            content = contents.read(clip.path.resolve())
        except ValueError as error:
            broken.append(str(error))
            continue
        records.append(
            {
                "id": f"{corpus.name}/{clip.name}",
                "split": clip.official_split or "train",
                "path": str(clip.path.resolve()),
                "label": classes[clip.word],
                "source_label": clip.word,
                "speaker": f"{corpus.name}/{clip.speaker}" if clip.speaker else None,
                "gender": speaker_gender(corpus.name, clip.speaker),
                "language": corpus.language,
                "corpus": corpus.name,
                "text_id": clip.text_id,
                "official_split": clip.official_split,
                **content,
            }
        )
    contents.save()
    return records, broken


def _notes(corpus: SpeechCorpus, clips: Sequence[Clip], broken: Sequence[str]) -> list[str]:
    notes = []
    if len(clips) != corpus.files:
        notes.append(
            f"{corpus.title}: {len(clips):,} files were found, the official download has "
            f"{corpus.files:,}."
        )
    if broken:
        notes.append(f"{corpus.title}: not readable: {'; '.join(broken[:_SHOWN])}.")
    return notes
