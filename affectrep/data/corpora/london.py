"""London faces: the same persons neutral and smiling, without valence and arousal.

Face Research Lab London Set (L. M. DeBruine and B. C. Jones 2017, figshare 5047666) and Young Adult
White Faces (the same, figshare 4220517), both CC BY 4.0. Read are the official folders
``neutral_front`` (``001_03.jpg``) and ``smiling_front`` (``001_08.jpg``), or a folder with
``london.csv`` (path, valence, arousal, expression, subject, split).

There is no label: valence and arousal are NaN and every row is tested. What can be asked is
whether the predicted valence of a person's smile lies above that of the neutral face.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.face_files import (
    FaceCorpus,
    face_manifest,
    read_contents,
)
from affectrep.data.corpora.face_table import read_face_table
from affectrep.data.manifest import Manifest

__all__ = ["LONDON", "prepare"]

LONDON = FaceCorpus(
    name="london",
    title="London faces",
    licence="CC BY 4.0",
    source="https://doi.org/10.6084/m9.figshare.5047666",
    layout="london.csv, or neutral_front/001_03.jpg and smiling_front/001_08.jpg",
)
_FOLDERS = {"neutral_front": ("03", "neutral"), "smiling_front": ("08", "happiness")}


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read the faces; valence and arousal are NaN, the split is test.

    Args:
        root: the folder of ``london.csv``, or the one of the two official folders.
        protocol: has no use here.
        columns: has no use here.
        labels: has no use here.
        holdout: has no use here, nothing is trained on.
        seed: any; nothing is drawn here.

    Raises:
        ValueError: if an argument has no use, the folder holds something else, a row has a label,
            or images cannot be read.
        FileNotFoundError: if there is no such folder.
        ImportError: if the package Pillow is not installed.
    """
    refuse_unused("london", protocol=protocol, columns=columns, labels=labels, holdout=holdout)
    folder = corpus_folder(root, LONDON)
    rows = _listed(folder) if (folder / "london.csv").is_file() else _official(folder)
    rows, dropped, notes = read_contents(LONDON, rows)
    pairs = rows.groupby("subject")["expression"].nunique()
    notes.append(
        f"{int((pairs == 2).sum())} of {len(pairs)} persons are there both neutral and smiling; "
        "no valence or arousal is known, so there is nothing to train on."
    )
    return face_manifest(LONDON, rows, dropped=dropped, notes=notes)


def _listed(folder: Path) -> pd.DataFrame:
    rows = read_face_table(folder / "london.csv")
    labelled = rows.loc[rows["valence"].notna() | rows["arousal"].notna(), "row"].tolist()
    if labelled:
        raise ValueError(
            f"{folder / 'london.csv'} row {labelled[0]} has a valence or arousal: these faces have "
            "none. Use corpus face_table for labelled faces"
        )
    return rows.assign(id=[Path(name).stem for name in rows["id"]], split="test")


def _official(folder: Path) -> pd.DataFrame:
    records = [
        {
            "id": path.stem,
            "split": "test",
            "path": str(path),
            "valence": float("nan"),
            "arousal": float("nan"),
            "expression": expression,
            "subject": f"london_{path.stem[:3]}",
        }
        for name, (number, expression) in _FOLDERS.items()
        for path in sorted((folder / name).glob("*.jpg"))
        if re.fullmatch(rf"\d{{3}}_{number}", path.stem)
    ]
    if not records:
        raise ValueError(f"{folder} is not {LONDON.title}: expected {LONDON.layout}")
    return pd.DataFrame(records)
