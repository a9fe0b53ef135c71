"""The pre-flight check of faces: every problem at once, with the rows at fault."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd

from affectrep.data.face_box_checks import check_boxes
from affectrep.data.image_contents import image_contents
from affectrep.data.images import image_size, near_square, read_image
from affectrep.data.manifest import SPLITS
from affectrep.data.problems import Problem, file_names, row_names

__all__ = ["check_crops", "check_faces", "check_images", "check_strength", "check_subjects"]

_LOOKED_AT = 2_000
_NAMED = 20
_FEW = 0.2


def check_faces(rows: pd.DataFrame, *, shown: bool = True) -> list[Problem]:
    """Return every problem of face rows and their files, errors first.

    Labels that are missing or out of range and leaks are named by
    `affectrep.data.checks.check_manifest`.

    Args:
        rows: of a face manifest: ``id``, ``split``, ``path``, ``valence``, ``arousal``; where known
            ``subject`` and, after detection, ``face_found``.
        shown: True shows a progress bar on a terminal.

    Raises:
        ImportError: if the package Pillow is not installed.
    """
    rows = rows.reset_index(drop=True)
    problems = [
        *check_images(rows, shown=shown),
        *check_boxes(rows),
        *check_crops(rows),
        *check_strength(rows),
        *check_subjects(rows),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(problems, key=lambda problem: order[problem.severity])


def check_images(rows: pd.DataFrame, *, shown: bool = True) -> list[Problem]:
    """Return one problem per file that cannot be read, and one for rows without a face.

    Of more than 20 such files the others are one problem, which counts them.

    Args:
        rows: of a face manifest, numbered from 0.
        shown: True shows a progress bar on a terminal.
    """
    paths = rows["path"].astype(str)
    contents = pd.Series(image_contents(paths.tolist(), shown=shown), index=rows.index, dtype=str)
    broken = contents == ""
    problems = _broken_files(paths[broken].tolist(), row_names(rows, broken))
    if "face_found" in rows:
        lost = ~rows["face_found"].astype(bool) & ~broken
        if lost.any():
            counts = rows.loc[lost, "split"].value_counts()
            parts = ", ".join(f"{name} {counts[name]}" for name in SPLITS if name in counts)
            message = (
                f"no face was found in {int(lost.sum())} of {len(rows)} images ({parts}): they are "
                "kept out; use detector none if the images are ready crops"
            )
            problems.append(Problem("no_face", message, file_names(rows, lost), "warning"))
    return problems


def _broken_files(paths: list[str], names: tuple[int | str, ...]) -> list[Problem]:
    """Return a problem for each of some files, and one for all others; a name per path."""
    rows: dict[str, list[int | str]] = {}
    for path, name in zip(paths, names, strict=True):
        rows.setdefault(path, []).append(name)
    problems = [_broken_file(path, tuple(rows[path])) for path in list(rows)[:_NAMED]]
    others = list(rows)[_NAMED:]
    if others:
        message = (
            f"{len(others):,} more files do not exist or cannot be read: correct the paths, mend "
            "the files or remove the rows"
        )
        named = tuple(name for path in others for name in rows[path])
        there = any(map(os.path.isfile, others))
        problems.append(Problem("unreadable_image" if there else "missing_file", message, named))
    return problems


def _broken_file(path: str, names: tuple[int | str, ...]) -> Problem:
    if not path:
        return Problem("missing_file", "the path is blank: fill it in or remove the row", names)
    if not os.path.isfile(path):  # Path.is_file raises where a name is too long
        message = f"{path}: does not exist or is no file: correct the path or remove the row"
        return Problem("missing_file", message, names)
    try:
        read_image(path)
    except ValueError as error:
        return Problem("unreadable_image", f"{error}; mend the file or remove the row", names)
    return Problem("unreadable_image", f"{path}: was not readable for a while: try again", names)


def check_crops(rows: pd.DataFrame) -> list[Problem]:
    """Return a warning where many training pictures are no ready crops and nothing finds the face.

    Only headers are read, of 2,000 pictures evenly spread over the rows where there are more.

    Args:
        rows: of a face manifest; after detection, or with boxes, they are in order.
    """
    chosen, which = rows["split"] == "train", ""
    if "box_side" in rows:
        chosen &= rows["box_side"].isna()
        which = " without a face box"
    paths = rows.loc[chosen, "path"].astype(str).tolist()
    if "face_found" in rows or not paths:
        return []
    places = np.linspace(0, len(paths) - 1, min(len(paths), _LOOKED_AT)).round().astype(int)
    sizes = []
    for path in [paths[place] for place in places.tolist()]:
        with suppress(ValueError):  # `check_images` names it
            sizes.append(image_size(path))
    wide = sum(not near_square(*size) for size in sizes)
    if wide <= _FEW * len(sizes):
        return []
    seen = " that were looked at" if len(paths) > _LOOKED_AT else ""
    message = (
        f"{wide:,} of {len(sizes):,} training pictures{which}{seen} are not near square, and no "
        "detector ran: of each only the square in its middle is used. If they show more than a "
        "face set data.face.detector=cascade"
    )
    return [Problem("no_crops", message, severity="warning")]


def check_strength(rows: pd.DataFrame) -> list[Problem]:
    """Return what is wrong with the spread of the labels, without reading a file.

    Args:
        rows: of a manifest with valence and arousal.
    """
    labels = rows[["valence", "arousal"]].apply(pd.to_numeric, errors="coerce")
    problems = []
    for split in SPLITS:
        part = labels[rows["split"] == split].dropna()
        constant = [name for name in part if len(part) > 1 and part[name].nunique() == 1]
        if constant:
            values = " and ".join(f"{name} {part[name].iloc[0]:g}" for name in constant)
            whole = split == "train" and len(constant) == 2
            effect = "there is nothing to learn" if whole else "correlations say nothing there"
            message = f"all {len(part)} rows of {split} have {values}: {effect}"
            problem = Problem("constant_labels", message)
            problems.append(problem if whole else replace(problem, severity="warning"))
    return problems


def check_subjects(rows: pd.DataFrame) -> list[Problem]:
    """Return a note where it is not known for every row who it shows.

    Args:
        rows: of a face manifest.
    """
    column = rows["subject"] if "subject" in rows else pd.Series([None] * len(rows))
    known = sum(isinstance(value, str) and bool(value.strip()) for value in column)
    if known == len(rows):
        return []
    if known == 0:
        message = "no subject is known: results are not person-independent"
    else:
        message = (
            f"the subject of {len(rows) - known} of {len(rows)} rows is unknown: results are not "
            "person-independent as far as these rows go"
        )
    return [Problem("no_subject", message, severity="note")]
