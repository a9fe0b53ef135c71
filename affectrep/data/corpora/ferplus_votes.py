"""The official sources of FER+: Microsoft's votes, and Kaggle's pixels or the images from them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.cache_folder import cache_folder
from affectrep.data.circumplex import CIRCUMPLEX, FEWEST_VOTES, derive_valence_arousal
from affectrep.data.corpora.face_files import require_none
from affectrep.data.images import face_package
from affectrep.data.keys import digest
from affectrep.data.sources import read_delimited

__all__ = ["read_votes"]

_USAGE = {
    "Training": ("train", "FER2013Train"),
    "PublicTest": ("validation", "FER2013Valid"),
    "PrivateTest": ("test", "FER2013Test"),
}
_WORDS = list(CIRCUMPLEX)
_SIDE_PX = 48


def read_votes(folder: Path, layout: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the votes and find the images.

    Args:
        folder: with ``fer2013new.csv`` and the images or ``fer2013.csv``; they may lie in the
            folders of Microsoft's repository (``data/FER2013Train``).
        layout: for messages.

    Returns:
        Rows with id (``fer0000009``), split, path, valence, arousal, expression (most votes, the
        first of the official order where words tie), row and source_file; and what was left out.

    Raises:
        ValueError: if a file is broken; all such rows are named.
        FileNotFoundError: if the images are missing.
    """
    file = folder / "fer2013new.csv"
    if not file.is_file():
        raise FileNotFoundError(f"{folder} is not FER+: expected {layout}")
    table = read_delimited(file, delimiter=",")
    missing = [name for name in ("Usage", "Image name", *_WORDS) if name not in table]
    if missing:
        raise ValueError(f"{file} has no column {', '.join(missing)}: get it again")
    votes = _counts(table, file)
    targets = derive_valence_arousal(votes, _WORDS)
    rows = pd.DataFrame(
        {
            "id": [Path(name.strip()).stem for name in table["Image name"]],
            "split": [_USAGE[usage][0] for usage in table["Usage"]],
            "valence": targets[:, 0],
            "arousal": targets[:, 1],
            "expression": [_WORDS[place] for place in votes.argmax(axis=1)],
            "row": table["row"],
            "source_file": table["source_file"],
        }
    )
    unnamed = rows["id"] == ""
    few = rows["valence"].isna() & ~unnamed
    dropped = {
        "removed by FER+ (no image name)": int(unnamed.sum()),
        f"fewer than {FEWEST_VOTES} valid votes": int(few.sum()),
    }
    paths = _image_paths(folder, table, ~(unnamed | few))
    return rows.assign(path=paths)[~(unnamed | few)].reset_index(drop=True), dropped


def _counts(table: pd.DataFrame, file: Path) -> NDArray[np.int64]:
    numbers = table[_WORDS].apply(pd.to_numeric, errors="coerce")
    wrong = ~((numbers >= 0) & (numbers % 1 == 0)).all(axis=1) | ~table["Usage"].isin(list(_USAGE))
    faults = [f"{file.name} row {row}" for row in table.loc[wrong, "row"]]
    require_none(faults, f"rows have no whole votes or a Usage other than {', '.join(_USAGE)}")
    return np.asarray(numbers, dtype=np.int64)


def _image_paths(folder: Path, table: pd.DataFrame, wanted: pd.Series) -> list[str]:
    pixels = next(
        (p for p in (folder / "fer2013.csv", folder / "data" / "fer2013.csv") if p.is_file()), None
    )
    bases = [base for base in (folder, folder / "data") if (base / "FER2013Train").is_dir()]
    if bases:
        return [
            str(bases[0] / _USAGE[usage][1] / name.strip())
            for usage, name in zip(table["Usage"], table["Image name"], strict=True)
        ]
    if pixels is None:
        raise FileNotFoundError(
            f"{folder} has fer2013new.csv but no image: put Kaggle's fer2013.csv beside it, or the "
            "folders FER2013Train, FER2013Valid, FER2013Test that Microsoft's script writes"
        )
    return _written(pixels, table, wanted)


def _written(file: Path, table: pd.DataFrame, wanted: pd.Series) -> list[str]:
    """Write the pixels as PNG files, which are lossless; those that are there are kept.

    The folder is named after the file's content and the images' names: another file with the same
    names never gets these pixels.
    """
    read = read_delimited(file, delimiter=",")
    if "pixels" not in read or len(read) != len(table):
        raise ValueError(
            f"{file} has {len(read):,} rows: expected the {len(table):,} of fer2013new.csv, in its "
            "order, with a column pixels"
        )
    with file.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    key = digest([content, *table["Image name"]])[:24]
    folder = cache_folder() / "fer2013" / key
    folder.mkdir(parents=True, exist_ok=True)
    paths, faults = [], []
    for name, pixels, row, use in zip(
        table["Image name"], read["pixels"], read["row"], wanted, strict=True
    ):
        path = folder / name.strip() if name.strip() else folder / "none"
        paths.append(str(path))
        if use and not path.is_file() and not _write(path, pixels):
            faults.append(f"{file.name} row {row}")
    require_none(faults, f"rows have no {_SIDE_PX * _SIDE_PX} brightness values from 0 to 255")
    return paths


def _write(path: Path, pixels: str) -> bool:
    words = pixels.split()
    if len(words) != _SIDE_PX * _SIDE_PX or not all(word.isdigit() for word in words):
        return False
    values = np.array(words, dtype=np.int64)
    if values.max() > 255:
        return False
    image = face_package("PIL.Image").fromarray(values.astype(np.uint8).reshape(_SIDE_PX, _SIDE_PX))
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as stream:
        image.save(stream, format="PNG")
    os.replace(stream.name, path)
    return True
