"""Aff-Wild and Aff-Wild2: videos of the web, valence and arousal per frame (Kollias, Zafeiriou).

- ``prepare`` reads Aff-Wild (2017): ``annotations/train/valence/140.txt`` and
  ``annotations/train/arousal/140.txt``, one value a line and frame, with ``videos/train/140.mp4``.
  There is no public test label, so a test split is drawn by whole videos.
- ``prepare_second`` reads Aff-Wild2 (2019) as its challenges give it:
  ``VA_Estimation_Challenge/Train_Set/1-30-1280x720.txt`` with the header ``valence,arousal``,
  ``Validation_Set`` beside it, and videos or ``cropped_aligned/1-30-1280x720/00001.jpg``. The
  official validation set is tested.

Values lie in [-1, 1]; -5 means that there is none and is left out and counted. Persons are not
named: where ``subjects.csv`` (video,subject) lies in the folder, whole persons are held out.
Bounding boxes and landmarks of the download are not read: ``data.face.detector`` finds the face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from affectrep.data.corpora.affwild_frames import (
    Annotation,
    FoundFrames,
    assumed_note,
    crops_note,
    find_pictures,
    frames_of,
)
from affectrep.data.corpora.affwild_subjects import add_subjects
from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.face_files import (
    FaceCorpus,
    drop_shared_images,
    face_manifest,
    read_contents,
    require_none,
)
from affectrep.data.corpora.face_splits import read_words, split_faces
from affectrep.data.decoding import decode
from affectrep.data.group_protocol import read_groups
from affectrep.data.manifest import Manifest

__all__ = ["AFFWILD", "AFFWILD2", "prepare", "prepare_second"]

AFFWILD = FaceCorpus(
    name="affwild",
    title="Aff-Wild",
    licence="research only, on request",
    source="https://ibug.doc.ic.ac.uk/resources/first-affect-wild-challenge",
    layout="annotations/train/valence/*.txt, annotations/train/arousal/*.txt and videos/train",
)
AFFWILD2 = FaceCorpus(
    name="affwild2",
    title="Aff-Wild2",
    licence="research only, on request",
    source="https://ibug.doc.ic.ac.uk/resources/aff-wild2",
    layout="VA_Estimation_Challenge/Train_Set/*.txt, Validation_Set, and videos or cropped_aligned",
)
_FPS = 5.0
_NO_VALUE = -5.0
_SETS = {"Train_Set": "train", "Validation_Set": "test"}


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read Aff-Wild; frames are written into the cache (AFFECTREP_CACHE/frames) once.

    Args:
        root: the folder of ``annotations`` and ``videos``.
        protocol: ``fps=5`` (the default rate), and ``folds fold=0 folds=5`` for folds of videos.
        columns: has no use here.
        labels: has no use here.
        holdout: share of the frames for validation, and without folds the same again for test.
        seed: of the draws.

    Raises:
        ValueError: if an argument has no use, the folder holds something else, values are wrong,
            or a video cannot be read.
        FileNotFoundError: if there is no such folder.
        ImportError: if OpenCV or Pillow is not installed.
    """
    refuse_unused("affwild", columns=columns, labels=labels)
    return _prepare(AFFWILD, root, _first_annotations, protocol, (holdout, seed))


def prepare_second(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read Aff-Wild2; given crops are taken before videos.

    Args:
        root: the folder of the annotations and of videos or crops, at any depth.
        protocol: ``fps=5`` (the default rate).
        columns: has no use here.
        labels: has no use here.
        holdout: share of the training frames for validation, whole videos.
        seed: of that draw.

    Raises:
        ValueError: see `prepare`.
        FileNotFoundError: if there is no such folder.
        ImportError: if OpenCV or Pillow is not installed.
    """
    refuse_unused("affwild2", columns=columns, labels=labels)
    return _prepare(AFFWILD2, root, _second_annotations, protocol, (holdout, seed))


def _prepare(
    corpus: FaceCorpus,
    root: Path | str | None,
    read: Callable[[Path, list[str]], list[Annotation]],
    protocol: str | None,
    draw: tuple[float, int],
) -> Manifest:
    folds = {"fold": int, "folds": int} if corpus is AFFWILD else {}
    groups, rest = read_groups(protocol) if corpus is AFFWILD else (None, protocol)
    words = read_words(corpus.name, rest, {**folds, "fps": float})
    fps = float(str(words.get("fps", _FPS)))
    if not 0 < fps < float("inf"):
        raise ValueError(f"the protocol {protocol!r}: expected fps above 0")
    folder = corpus_folder(root, corpus)
    notes: list[str] = []
    annotations = read(folder, notes)
    if not annotations:
        raise ValueError(f"{folder} is not {corpus.title}: expected {corpus.layout}")
    found = _all_frames(annotations, folder, fps)
    notes += [f"Frames are taken at {fps:g} per second.", *crops_note(found.crops, folder)]
    notes += [*assumed_note(found.assumed), *found.notes]
    if not found.rows:
        raise ValueError(f"no frame of {corpus.title} is left: {'; '.join(found.notes[:3])}")
    rows = pd.concat(found.rows, ignore_index=True)
    rows, unknown = add_subjects(rows, folder / "subjects.csv")
    rows, broken, unread = read_contents(corpus, rows)
    rows, drawn = split_faces(rows, groups, holdout=draw[0], seed=draw[1])
    rows, shared = drop_shared_images(rows)
    dropped = {**found.dropped, **broken, **shared}
    return face_manifest(corpus, rows, dropped=dropped, notes=[*notes, *unknown, *unread, *drawn])


def _all_frames(annotations: Sequence[Annotation], folder: Path, fps: float) -> FoundFrames:
    found, pictures, console = (
        FoundFrames(),
        find_pictures(folder),
        Console(stderr=True, markup=False),
    )
    hidden = not console.is_terminal
    for one in track(annotations, "reading videos", console=console, disable=hidden):
        frames_of(one, pictures, fps, found)
    return found


def _first_annotations(folder: Path, notes: list[str]) -> list[Annotation]:
    """Read Aff-Wild's pairs of files; one value a line."""
    found, faults = [], []
    for file in sorted(folder.glob("annotations/*/valence/*.txt")):
        split = file.parents[1].name
        other = file.parents[1] / "arousal" / file.name
        if not other.is_file():
            faults.append(f"{file.relative_to(folder)} has no arousal beside it")
            continue
        columns = [_column(path, path.relative_to(folder), faults) for path in (file, other)]
        lengths = [len(column) for column in columns]
        if lengths[0] != lengths[1]:
            notes.append(
                f"{file.stem}: {lengths[0]:,} values of valence, {lengths[1]:,} of arousal: the "
                f"first {min(lengths):,} are used."
            )
        values = np.stack([column[: min(lengths)] for column in columns], axis=1)
        name = file.relative_to(folder).as_posix()
        found.append(Annotation(file.stem, "test" if split == "test" else "train", values, name, 1))
    require_none(faults, "files or lines of Aff-Wild are missing or wrong")
    return found


def _column(file: Path, name: Path, faults: list[str]) -> NDArray[np.float64]:
    lines = decode(file).split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return _values([[line] for line in lines], 1, (name.as_posix(), 1), faults)[:, 0]


def _second_annotations(folder: Path, notes: list[str]) -> list[Annotation]:
    """Read Aff-Wild2's files; a header, then valence and arousal a line."""
    del notes  # one file holds both, there is nothing to compare
    found, faults = [], []
    challenge = next(iter(sorted(_challenge_folders(folder))), folder)
    for name, split in _SETS.items():
        for file in sorted((challenge / name).glob("*.txt")):
            shown = f"{name}/{file.name}"
            head, *lines = decode(file).split("\n")
            if [word.strip() for word in head.split(",")] != ["valence", "arousal"]:
                faults.append(f"{shown} line 1 is {head.strip()!r}, not valence,arousal")
                continue
            while lines and not lines[-1].strip():
                lines.pop()
            values = _values([line.split(",") for line in lines], 2, (shown, 2), faults)
            found.append(Annotation(file.stem, split, values, shown, 2))
    require_none(faults, "files or lines of Aff-Wild2 are wrong")
    return found


def _challenge_folders(folder: Path) -> list[Path]:
    """Return the folders of the challenge at most three levels down; crops are not searched."""
    name = "VA_Estimation_Challenge"
    depths = ("", "*/", "*/*/")
    return [path for depth in depths for path in folder.glob(f"{depth}{name}") if path.is_dir()]


def _values(
    lines: list[list[str]], width: int, where: tuple[str, int], faults: list[str]
) -> NDArray[np.float64]:
    """Return the numbers of the lines; add to ``faults`` which hold others than they should.

    These are lines of more or fewer numbers than ``width``, and numbers out of [-1, 1] except -5.
    """
    values = np.full((len(lines), width), np.nan)
    for place, words in enumerate(lines):
        if len(words) != width:  # numpy would spread a single number over the whole line
            continue
        try:
            values[place] = [float(word) for word in words]
        except ValueError:
            continue
    inside = (np.abs(values) <= 1) | (values == _NO_VALUE)
    wrong = np.flatnonzero(~inside.all(axis=1))
    faults += [f"{where[0]} line {place + where[1]}: {','.join(lines[place])!r}" for place in wrong]
    return values
