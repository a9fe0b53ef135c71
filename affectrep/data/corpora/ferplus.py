"""FER+: faces of the web with about ten votes each (Barsoum et al., ICMI 2016); derived targets.

**Valence and arousal are derived, not rated**: the mean of fixed places of the emotion words
(`affectrep.data.circumplex`), weighted by the votes. Votes for unknown and NF (no face) do not
count, and an image with fewer than 5 others is left out. Persons are not known.

Read are

- the official sources in one folder: Microsoft's ``fer2013new.csv`` (Usage, Image name, ten columns
  of votes) with the images as Microsoft's script writes them (``FER2013Train/fer0000000.png``,
  ``FER2013Valid``, ``FER2013Test``), or with Kaggle's ``fer2013.csv`` (emotion, pixels, Usage),
  whose pixels are written as PNG into the cache;
- a folder with ``ferplus.csv`` (path, valence, arousal, expression, subject, split), where the
  targets were derived before.

The protocol ``rows=<row list>`` cuts a listed subset out of the official sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.face_files import (
    FaceCorpus,
    drop_shared_images,
    face_manifest,
    read_contents,
)
from affectrep.data.corpora.face_splits import fill_splits, read_words
from affectrep.data.corpora.face_table import read_face_table
from affectrep.data.corpora.ferplus_votes import read_votes
from affectrep.data.manifest import Manifest
from affectrep.data.sources import read_delimited

__all__ = ["FERPLUS", "prepare"]

FERPLUS = FaceCorpus(
    name="ferplus",
    title="FER+ (derived valence and arousal)",
    licence="votes MIT (Microsoft); the pixels of FER2013 carry no licence",
    source="https://github.com/microsoft/FERPlus",
    layout=(
        "ferplus.csv, or fer2013new.csv with fer2013.csv or the folders FER2013Train, "
        "FER2013Valid, FER2013Test"
    ),
)
_DERIVED = (
    "Valence and arousal are derived from votes for emotion words by fixed places in the plane; "
    "they are not direct ratings."
)


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read FER+ with derived valence and arousal; the splits are official.

    Args:
        root: the folder of the official sources, or of ``ferplus.csv``.
        protocol: None for all images, or ``rows=<file>`` for those of a row list, whose path may
            hold spaces.
        columns: has no use here, the columns are known.
        labels: has no use here.
        holdout: share of training rows for validation, only where a table has no validation.
        seed: of that draw.

    Raises:
        ValueError: if an argument has no use, a file is broken, or images cannot be read.
        FileNotFoundError: if the folder or a file is missing.
        ImportError: if the package Pillow is not installed.
    """
    refuse_unused("ferplus", columns=columns, labels=labels)
    rest, listed, file = f" {protocol or ''}".partition(" rows=")
    read_words("ferplus", rest, {"rows": str})
    folder = corpus_folder(root, FERPLUS)
    dropped: dict[str, int] = {}
    if (folder / "ferplus.csv").is_file():
        rows = read_face_table(folder / "ferplus.csv")
        rows["id"] = [Path(name).stem for name in rows["id"]]
    else:
        rows, dropped = read_votes(folder, FERPLUS.layout)
    if listed:
        rows, left = _listed(rows, Path(file.strip()))
        dropped |= left
    rows, broken, notes = read_contents(FERPLUS, rows)
    rows, shared = drop_shared_images(rows)
    rows, drawn = fill_splits(rows, holdout=holdout, seed=seed)
    return face_manifest(
        FERPLUS, rows, dropped={**dropped, **broken, **shared}, notes=[_DERIVED, *notes, *drawn]
    )


def _listed(rows: pd.DataFrame, file: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    if not file.is_file():
        raise FileNotFoundError(f"there is no row list {file}")
    table = read_delimited(file, delimiter=",")
    if "id" not in table:
        raise ValueError(f"{file} has no column id: expected a row list with id, split and sha256")
    kept = rows[rows["id"].isin(set(table["id"]))]
    if kept.empty:
        raise ValueError(
            f"no image of FER+ is in {file}: expected ids such as {rows['id'].iloc[0]}"
        )
    return kept.reset_index(drop=True), {f"not in {file.name}": len(rows) - len(kept)}
