"""AFEW-VA: 600 clips of films, valence and arousal per frame (Kossaifi et al., 2017).

Official download https://ibug.doc.ic.ac.uk/resources/afew-va-database/: a folder per clip, such as
``001``, with ``00000.png`` and so on, and ``001.json``: ``{"video_id": "001", "actor": ...,
"frames": {"00000": {"valence": 3, "arousal": -2, "landmarks": [[x, y], ...]}}}``. Values from -10
to 10 are divided by 10. The square around the landmarks is the face's box; frames without landmarks
have none and are counted.

There are no official splits. Whole actors are held out where the files name them, else whole clips;
the paper of the corpus tests five folds: ``folds fold=0 folds=5``. The clips' frame rate is not
stated, so time_s is NaN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.face_files import (
    FaceCorpus,
    drop_shared_images,
    face_manifest,
    read_contents,
    require_none,
    squares,
)
from affectrep.data.corpora.face_splits import read_words, split_faces
from affectrep.data.corpora.given_boxes import missing_boxes_note
from affectrep.data.decoding import decode
from affectrep.data.folder_walk import files_below
from affectrep.data.group_protocol import read_groups
from affectrep.data.manifest import Manifest

__all__ = ["AFEW_VA", "prepare"]

AFEW_VA = FaceCorpus(
    name="afew_va",
    title="AFEW-VA",
    licence="research only, on request",
    source="https://ibug.doc.ic.ac.uk/resources/afew-va-database",
    layout="a folder per clip, 001/00000.png and so on with 001/001.json",
)
_LARGEST = 10.0


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read the clips and split them by actor, or by clip where no actor is named.

    Args:
        root: the folder that holds the clips' folders, at any depth.
        protocol: None, which draws a test split; ``folds fold=0 folds=5``; or
            ``leave_group_out column=subject value=x``.
        columns: has no use here.
        labels: has no use here.
        holdout: share of the frames for validation, and without folds the same again for test.
        seed: of the draws.

    Raises:
        ValueError: if an argument has no use, the folder holds something else, a JSON file is
            broken, no frame is annotated, a value is not in [-10, 10], or images cannot be read.
        FileNotFoundError: if there is no such folder.
        ImportError: if the package Pillow is not installed.
    """
    refuse_unused("afew_va", columns=columns, labels=labels)
    groups, rest = read_groups(protocol)
    read_words("afew_va", rest, {"fold": int, "folds": int})
    folder = corpus_folder(root, AFEW_VA)
    found = files_below(folder, suffixes=(".json",))
    files = [file for file in found if file.stem == file.parent.name]
    if not files:
        raise ValueError(f"{folder} is not AFEW-VA: expected {AFEW_VA.layout}")
    faults: list[str] = []
    records = [record for file in files for record in _frames(file, faults)]
    require_none(faults, "frames of AFEW-VA have no valence and arousal in [-10, 10]")
    if not records:
        raise ValueError(f"{folder} has no annotated frame: expected {AFEW_VA.layout}")
    rows = pd.DataFrame(records)
    corners = [rows.pop(name) for name in ("left", "top", "width", "height")]
    rows, dropped, notes = read_contents(AFEW_VA, rows.join(squares(*corners)))
    rows, drawn = split_faces(rows, groups, holdout=holdout, seed=seed)
    rows, shared = drop_shared_images(rows)
    if rows["box_side"].notna().any():
        notes.append("Face boxes are the squares around the given landmarks.")
    notes += [*missing_boxes_note(rows, "landmarks"), *drawn]
    return face_manifest(AFEW_VA, rows, dropped={**dropped, **shared}, notes=notes)


def _frames(file: Path, faults: list[str]) -> list[dict[str, Any]]:
    """Return a record per annotated frame of a clip; add what is wrong to ``faults``."""
    try:
        stored = json.loads(decode(file))
        frames, actor = stored["frames"], stored.get("actor")
        named = sorted((int(name), name, values) for name, values in frames.items())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{file} is not readable ({error}): expected {{"frames": {{"00000": {{...}}}}}}'
        ) from None
    records, clip = [], file.parent
    for frame, name, values in named:
        pair = [_scaled(values, axis) for axis in ("valence", "arousal")]
        if None in pair:
            faults.append(f"{file.parent.name}/{file.name} frame {name}")
            continue
        left, top, width, height = _corners(values.get("landmarks"))
        records.append(
            {
                "id": f"{clip.name}/{name}.png",
                "split": "train",
                "path": str(clip / f"{name}.png"),
                "valence": pair[0],
                "arousal": pair[1],
                "subject": str(actor).strip() or None if actor is not None else None,
                "video": clip.name,
                "frame": frame,
                "time_s": float("nan"),
                "left": left,
                "top": top,
                "width": width,
                "height": height,
            }
        )
    return records


def _scaled(values: Any, axis: str) -> float | None:
    try:
        value = float(values[axis])
    except (KeyError, TypeError, ValueError):
        return None
    return value / _LARGEST if abs(value) <= _LARGEST else None


def _corners(landmarks: object) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the landmarks; NaN where there are none."""
    try:
        points = np.asarray(landmarks, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty((0, 2))
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
        nothing = float("nan")
        return nothing, nothing, nothing, nothing
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])
