"""Faces of the user's own: a CSV, TSV or Parquet file of image paths, valence and arousal.

Our columns are ``path`` (relative to the table, or absolute), ``valence`` and ``arousal`` in [-1,
1]; where known ``subject``, ``split``, ``id``, ``expression``, for frames ``video``, ``frame`` and
``time_s``, and a face's square ``box_left``, ``box_top``, ``box_side`` in px.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.face_files import FaceCorpus, drop_shared_images, face_manifest
from affectrep.data.corpora.face_splits import read_words, split_faces
from affectrep.data.group_protocol import read_groups
from affectrep.data.manifest import Manifest
from affectrep.data.sources import existing, is_missing, read_layout, read_table, split_name

__all__ = ["cell_word", "prepare", "read_face_table"]

_TARGETS = ("valence", "arousal")
_BOX = ("box_left", "box_top", "box_side")
_WORDS = ("subject", "expression", "video")
_NAMES = ("path", *_TARGETS, "subject", "split", "id", "expression", "video", "frame")
_ALL = (*_NAMES, "time_s", *_BOX)
_GROUPS = (_BOX, ("video", "frame"))
_HELP = "Set data.root to a CSV, TSV or Parquet file, or to a folder that holds some."


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read a table of faces.

    Splits are those of the column ``split``, or of files named after the splits. Where validation
    is missing it is drawn from the training rows, and where no split is known test is drawn as
    well: whole subjects where they are known, else whole videos, else equal images together.

    Args:
        root: the table, a folder of tables, or a folder with one file per split.
        protocol: None; ``folds fold=0 folds=5``, which tests on one of several folds; or
            ``leave_group_out column=subject value=ann``, which tests on one person.
        columns: our column -> the table's. A column that already has our name needs no entry.
        labels: expression in the table -> expression; None keeps the table's words.
        holdout: share of the rows for validation, and the same again for test.
        seed: of the draws.

    Raises:
        ValueError: if a column is missing, a setting is unknown, or the table cannot be read. What
            is wrong with single rows (a value, a split, an image, a leak) is left to
            `check_manifest` and `check_faces`, which name all such rows at once.
        FileNotFoundError: if there is no such file or folder.
        ImportError: if the package Pillow is not installed.
    """
    from affectrep.data.image_contents import image_contents

    if root is None:
        raise ValueError(f"the corpus face_table needs its data. {_HELP}")
    groups, rest = read_groups(protocol)
    read_words("face_table", rest, {"fold": int, "folds": int})
    table = read_face_table(existing(root), columns=columns, kept=labels or {})
    if labels and "expression" not in table:
        refuse_unused("face_table without a column expression", labels=dict(labels))
    if labels:
        table["expression"] = [labels.get(word, word) for word in table["expression"]]
    rows = table.assign(content=image_contents(table["path"].tolist()))
    given = set() if groups else set(rows["split"]) - {"train"}
    rows, notes = split_faces(rows, groups, holdout=holdout, seed=seed)
    # a draw of persons or videos may divide equal images; those of given splits stay a leak
    rows, dropped = drop_shared_images(rows, given=given)
    name = Path(str(root)).name
    corpus = FaceCorpus("face_table", name, "as its owner states", name, "a table of faces")
    return face_manifest(corpus, rows, dropped=dropped, notes=notes)


def read_face_table(
    path: Path, *, columns: Mapping[str, str] | None = None, kept: Collection[str] = ()
) -> pd.DataFrame:
    """Read a table of faces, or all of a folder.

    Args:
        path: of the file or folder.
        columns: our column -> the table's.
        kept: expressions such as ``none`` that are words here, not what stands for a blank cell.

    Returns:
        Our columns that are there, with ``id`` (else the path as the table has it), ``split`` (else
        train), ``row`` and ``source_file``; paths absolute, numbers as float, NaN where a cell is
        no number, words as str or None (``nan``, ``none`` and ``null`` are none). What is wrong is
        kept for the checks to name: a blank path or split among others as "", a word in the place
        of a box's number as infinity.

    Raises:
        ValueError: if a column is missing or unknown, or the file cannot be read.
    """
    read, folder = _read(path), path.resolve() if path.is_dir() else path.resolve().parent
    table = _renamed(read, columns or {}, path)
    files = zip(table["path"], table["source_file"], strict=True)
    named = [cell_word(value) or "" for value in table["path"]]
    places = [str((folder / file).parent / str(name)) for name, file in files]
    rows = table.assign(
        path=[place if name else "" for place, name in zip(places, named, strict=True)]
    )
    given = table["id"] if "id" in table else pd.Series(named, index=table.index)
    rows["id"] = [cell_word(value) or "" for value in given]
    for name in _WORDS:
        if name in rows:
            kept_here = kept if name == "expression" else ()
            words = [_known_word(value, kept_here) for value in rows[name]]
            rows[name] = pd.Series(words, index=rows.index, dtype=object)
    for name in (*_TARGETS, "time_s", *_BOX):
        if name in rows:
            numbers = pd.to_numeric(rows[name], errors="coerce").astype(float)
            words = rows[name].map(_known_word)
            odd = numbers.isna() & words.notna()
            rows[name] = numbers.mask(odd, math.inf) if name in _BOX else numbers
    if "frame" in rows:
        rows["frame"] = _whole(rows, path)
    return rows.assign(split=_splits(rows))


def cell_word(value: object) -> str | None:
    """Return a cell as text without spaces around; a whole number without its point, empty as None.

    Example:
        >>> cell_word(" ann "), cell_word(7.0), cell_word(""), cell_word(float("nan"))
        ('ann', '7', None, None)
    """
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or None


def _known_word(value: object, kept: Collection[str] = ()) -> str | None:
    word = cell_word(value)
    return None if word is None or (is_missing(word) and word not in kept) else word


def _splits(rows: pd.DataFrame) -> list[str]:
    """Return the split of each row; a blank one among others stays blank, which is no split."""
    words = [cell_word(value) or "" for value in rows["split"]] if "split" in rows else []
    if not any(words):
        return ["train"] * len(rows)
    return [split_name(word) or word for word in words]


def _read(path: Path) -> pd.DataFrame:
    if path.is_file():
        return read_table(path)
    layout = read_layout(path)
    if layout:
        tables = [
            table if "split" in table else table.assign(split=split)
            for split, table in layout.items()
        ]
        return pd.concat(tables, ignore_index=True)
    files = [file for end in ("csv", "tsv", "parquet") for file in sorted(path.glob(f"*.{end}"))]
    if not files:
        raise ValueError(f"{path} holds no .csv, .tsv or .parquet file. {_HELP}")
    return pd.concat([read_table(file) for file in files], ignore_index=True)


def _renamed(table: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    unknown = [name for name in columns if name not in _ALL]
    if unknown:
        raise ValueError(
            f"data.columns.{unknown[0]} is no column of a table of faces: use {', '.join(_ALL)}"
        )
    wanted = dict.fromkeys((*_NAMES[:3], *columns))
    missing = [
        f"{columns.get(name, name)}{f' (for {name})' if name in columns else ''}"
        for name in wanted
        if columns.get(name, name) not in table
    ]
    there = [str(name) for name in table if name not in ("row", "source_file")]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}: it has {', '.join(there)}. Map its "
            "columns in data.columns, such as data.columns.path=file"
        )
    kept = {name: columns.get(name, name) for name in _ALL if columns.get(name, name) in table}
    for group in _GROUPS:
        lacking = [name for name in group if name not in kept]
        if 0 < len(lacking) < len(group):
            raise ValueError(f"{path}: {', '.join(group)} go together, {lacking[0]} is missing")
    renamed = pd.DataFrame({ours: table[theirs] for ours, theirs in kept.items()}, dtype=object)
    return renamed.assign(row=table["row"], source_file=table["source_file"])


def _whole(rows: pd.DataFrame, path: Path) -> pd.Series:
    numbers = pd.to_numeric(rows["frame"], errors="coerce")
    wrong = rows.loc[~((numbers >= 0) & (numbers % 1 == 0)), "row"].tolist()
    if wrong:
        shown = ", ".join(map(str, wrong[:10])) + (", ..." if len(wrong) > 10 else "")
        raise ValueError(f"{path}: frame is no whole number from 0 on in row {shown}")
    return numbers.astype(int)
