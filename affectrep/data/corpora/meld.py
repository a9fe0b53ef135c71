"""MELD: utterances of the TV series Friends, 7 emotions (Poria et al., 2019).

Official download https://affective-meld.github.io (MELD.Raw.tar.gz): the tables
``train_sent_emo.csv``, ``dev_sent_emo.csv``, ``test_sent_emo.csv`` (Speaker, Emotion, Dialogue_ID,
Utterance_ID, ...) and videos ``train_splits/dia0_utt0.mp4``, ``dev_splits_complete``,
``output_repeated_splits_test``. The videos' sound must be taken out first, beside the video or in
a folder whose name has train, dev or test in it::

    for f in */*.mp4; do ffmpeg -i "$f" -ac 1 -ar 16000 "${f%.mp4}.wav"; done

The official splits are kept. They share most speakers, six leads among them, which is written into
``accept_leaks``; a protocol draws its own speakers and keeps official test rows out of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.speech_files import (
    Clip,
    SpeechCorpus,
    build_manifest,
    sound_files,
)
from affectrep.data.corpora.speech_labels import CODES
from affectrep.data.manifest import Manifest
from affectrep.data.sources import read_delimited

__all__ = ["MELD", "prepare"]

MELD = SpeechCorpus(
    name="meld",
    title="MELD",
    language="en",
    licence="GPL-3.0 for the release; sound and picture belong to their owners",
    source="https://affective-meld.github.io",
    layout="train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv and dia0_utt0.wav and so on in "
    "folders named after the splits",
    files=13708,
)
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
_COLUMNS = ("Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
_REASON = "the official splits of MELD share the speakers of one TV series"
_FFMPEG = "ffmpeg -i dia0_utt0.mp4 -ac 1 -ar 16000 dia0_utt0.wav"


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download, after the sound was taken out of the videos.

    Args:
        root: the folder that holds the tables and, below it, the sound files.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if a table or the sound is missing, a label is unknown, or more than 1 % of
            the files are missing or broken (the release itself has two such).
        FileNotFoundError: if there is no such folder.
    """
    folder = corpus_folder(root, MELD)
    sounds = _sounds(folder)
    clips = [clip for word in _SPLITS for clip in _clips(folder, word, sounds)]
    if not sounds:
        video = next(folder.rglob("*.mp4"), None)
        found = "videos only: take the sound out, as with" if video else "no sound file; make it by"
        raise ValueError(f"{folder} holds {found} `{_FFMPEG}`, in folders named after the splits")
    manifest = build_manifest(MELD, clips, labels)
    return Manifest(manifest.rows, replace(manifest.info, accept_leaks=_REASON))


def _sounds(folder: Path) -> dict[tuple[str, str], Path]:
    """Return (train, dev or test; file name without ending) -> sound file."""
    found: dict[tuple[str, str], Path] = {}
    for path in sound_files(folder):
        # the innermost folder that names a split decides
        for part in reversed(path.relative_to(folder).parts[:-1]):
            word = next((word for word in _SPLITS if word in part.lower()), None)
            if word is not None:
                found.setdefault((word, path.stem), path)
                break
    return found


def _clips(folder: Path, word: str, sounds: Mapping[tuple[str, str], Path]) -> list[Clip]:
    name = f"{word}_sent_emo.csv"
    table = next((path for path in sorted(folder.rglob(name))), None)
    if table is None:
        raise ValueError(f"{folder} is not MELD: expected {MELD.layout}, found no {name}")
    rows = read_delimited(table, delimiter=",")
    missing = [column for column in _COLUMNS if column not in rows]
    if missing:
        raise ValueError(f"{table} has no column {', '.join(missing)}")
    clips, codes = [], CODES["meld"]
    for row in rows.to_dict("records"):
        emotion = str(row["Emotion"]).strip().lower()
        if emotion not in codes:
            known = ", ".join(codes)
            raise ValueError(f"{table} row {row['row']}: unknown emotion {emotion!r}, not {known}")
        file = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
        speaker = str(row["Speaker"]).strip() or None
        clip = Clip(sounds.get((word, file)), f"{word}_{file}", codes[emotion], speaker)
        clips.append(replace(clip, official_split=_SPLITS[word]))
    return clips
