"""AffectNet: faces of the web with valence and arousal (Mollahosseini, Hasani, Mahoor, 2017).

Official download http://mohammadmahoor.com/affectnet (on request), in one of two layouts:

- the first: ``Manually_Annotated_file_lists/training.csv`` and ``validation.csv`` with
  subDirectory_filePath, face_x, face_y, face_width, face_height, facial_landmarks, expression,
  valence, arousal, and the images below ``Manually_Annotated_Images``. The given face boxes are
  taken, made square;
- the later: ``train_set`` and ``val_set``, each with ``images/0.jpg`` (cropped faces) and
  ``annotations/0_val.npy``, ``0_aro.npy``, ``0_exp.npy``.

-2 means that there is no value: such rows, and those marked uncertain or no face, are left out and
counted. Of an image that is listed several times one row is kept, that of the test if there is one.
There is no public test set: as is usual the official validation set is tested, and
validation is drawn from the training rows. Persons are not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.face_files import (
    FaceCorpus,
    drop_shared_images,
    face_manifest,
    first_folder,
    read_contents,
    require_none,
    squares,
)
from affectrep.data.corpora.face_splits import fill_splits
from affectrep.data.corpora.given_boxes import missing_boxes_note
from affectrep.data.manifest import Manifest
from affectrep.data.sources import read_delimited

__all__ = ["AFFECTNET", "prepare"]

AFFECTNET = FaceCorpus(
    name="affectnet",
    title="AffectNet",
    licence="research only, on request",
    source="http://mohammadmahoor.com/affectnet",
    layout=(
        "Manually_Annotated_file_lists/training.csv and validation.csv with "
        "Manually_Annotated_Images, or train_set and val_set with images and annotations"
    ),
)
_EXPRESSIONS = (
    *("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"),
    *("none", "uncertain", "no face"),
)
_COLUMNS = [
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
]
_LISTS = (".", "Manually_Annotated_file_lists", "Manually_Annotated/Manually_Annotated_file_lists")
_IMAGES = (
    *("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images"),
    *("Manually_Annotated", "."),
)
_FILES = {"training.csv": "train", "validation.csv": "test"}
_SETS = {"train_set": "train", "val_set": "test"}
_NO_VALUE = -2.0
_LOOKED_FOR = 50


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read AffectNet; the official validation set is tested.

    Args:
        root: the folder with the lists, or with ``train_set`` and ``val_set``.
        protocol: has no use here.
        columns: has no use here, the columns are known.
        labels: has no use here.
        holdout: share of the training rows for validation; equal images stay together.
        seed: of that draw.

    Raises:
        ValueError: if an argument has no use, the folder holds something else, values are no
            numbers, or images cannot be read.
        FileNotFoundError: if there is no such folder.
        ImportError: if the package Pillow is not installed.
    """
    refuse_unused("affectnet", protocol=protocol, columns=columns, labels=labels)
    folder = corpus_folder(root, AFFECTNET)
    lists = first_folder(folder, _LISTS, "training.csv")
    if lists is not None:
        rows = _listed(folder, lists)
    elif (folder / "train_set" / "annotations").is_dir():
        rows = pd.concat([_annotated(folder / name) for name in _SETS], ignore_index=True)
    else:
        raise ValueError(f"{folder} is not AffectNet: expected {AFFECTNET.layout}")
    rows, dropped = _valid(rows)
    rows, broken, notes = read_contents(AFFECTNET, rows)
    rows, shared = drop_shared_images(rows)
    rows, drawn = fill_splits(rows, holdout=holdout, seed=seed)
    notes += ["Test is the official validation set: there is no public test set.", *drawn]
    if "box_side" in rows:
        notes += missing_boxes_note(rows, "face box")
    return face_manifest(AFFECTNET, rows, dropped={**dropped, **broken, **shared}, notes=notes)


def _listed(folder: Path, lists: Path) -> pd.DataFrame:
    tables = [_table(lists / name).assign(split=split) for name, split in _FILES.items()]
    table = pd.concat(tables, ignore_index=True)
    names = table["subDirectory_filePath"].astype(str)
    images = _image_folder(folder, names)
    expressions = _numbers(table, "expression", "training.csv and validation.csv")
    rows = pd.DataFrame(
        {
            "id": names,
            "split": table["split"],
            "path": [str(images / name) for name in names],
            "valence": _numbers(table, "valence", "training.csv and validation.csv"),
            "arousal": _numbers(table, "arousal", "training.csv and validation.csv"),
            "expression": _named(expressions),
            "row": table["row"],
            "source_file": table["source_file"],
        }
    )
    boxes = squares(*(table[name] for name in _COLUMNS[1:5]))
    return rows.join(boxes.where(boxes.notna().all(axis=1)))  # without a place there is no square


def _image_folder(folder: Path, names: pd.Series) -> Path:
    """Return the folder that holds most of some names spread over the list; any may be missing."""
    places = np.linspace(0, len(names) - 1, min(len(names), _LOOKED_FOR)).round().astype(int)
    some = names.iloc[places].tolist()
    folders = [folder / name for name in _IMAGES]
    return max(folders, key=lambda images: sum((images / name).is_file() for name in some))


def _table(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise ValueError(f"{file.parent} has no {file.name}: expected {AFFECTNET.layout}")
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        headed = stream.readline().startswith(_COLUMNS[0])
    # some copies of validation.csv have no header line
    table = read_delimited(file, delimiter=",", names=None if headed else _COLUMNS)
    missing = [name for name in _COLUMNS if name not in table and name != "facial_landmarks"]
    if missing:
        raise ValueError(f"{file} has no column {', '.join(missing)}: get it again")
    return table


def _numbers(table: pd.DataFrame, column: str, files: str) -> pd.Series:
    numbers = pd.to_numeric(table[column], errors="coerce")
    wrong = table[numbers.isna()]
    faults = [
        f"{file} row {row}" for file, row in zip(wrong["source_file"], wrong["row"], strict=True)
    ]
    require_none(faults, f"rows of {files} have no number as {column}")
    return numbers.astype(float)


def _named(codes: pd.Series) -> list[str | None]:
    return [_EXPRESSIONS[int(code)] if 0 <= code < len(_EXPRESSIONS) else None for code in codes]


def _annotated(folder: Path) -> pd.DataFrame:
    split, found = _SETS[folder.name], folder / "annotations"
    names = sorted(file.name.removesuffix("_val.npy") for file in found.glob("*_val.npy"))
    if not names:
        raise ValueError(f"{found} holds no <id>_val.npy: expected {AFFECTNET.layout}")
    kinds = {"valence": "val", "arousal": "aro", "expression": "exp"}
    values: dict[str, list[float]] = {name: [] for name in kinds}
    faults = []
    for name in names:
        for column, kind in kinds.items():
            value = _value(found / f"{name}_{kind}.npy")
            values[column].append(float("nan") if value is None else value)
            if value is None:
                faults.append(f"{folder.name}/annotations/{name}_{kind}.npy")
    require_none(faults, "files of AffectNet are missing or hold no number")
    return pd.DataFrame(
        {
            "id": [f"{folder.name}/images/{name}.jpg" for name in names],
            "split": split,
            "path": [str(folder / "images" / f"{name}.jpg") for name in names],
            "valence": values["valence"],
            "arousal": values["arousal"],
            "expression": _named(pd.Series(values["expression"])),
        }
    )


def _value(file: Path) -> float | None:
    """Return the number that a file holds, as text or as a number; None where it holds none."""
    try:
        value = float(np.load(file, allow_pickle=False).item())
    except (OSError, ValueError, EOFError, AttributeError, TypeError, BadZipFile):
        return None  # the last three: an archive of arrays, a number of another kind
    return value if np.isfinite(value) else None


def _valid(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    invalid = (rows["valence"] == _NO_VALUE) | (rows["arousal"] == _NO_VALUE)
    unsure = rows["expression"].isin(_EXPRESSIONS[-2:]) & ~invalid
    kept = rows[~(invalid | unsure)]
    # of an image in both lists the row of the test is kept, whichever was read first
    tested_first = kept["split"].ne("test").sort_values(kind="stable").index
    twice = kept.loc[tested_first, "id"].duplicated().sort_index()
    dropped = {
        "valence or arousal is -2 (no value)": int(invalid.sum()),
        "uncertain, or no face": int(unsure.sum()),
        "listed twice": int(twice.sum()),
    }
    return kept[~twice].reset_index(drop=True), dropped
