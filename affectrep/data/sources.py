"""Read tables: CSV, TSV, Parquet, and folders of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.decoding import decode

__all__ = [
    "existing",
    "frames",
    "is_missing",
    "read_delimited",
    "read_layout",
    "read_table",
    "split_name",
]

_SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "test": "test",
    "testing": "test",
}


_MISSING = ("", "nan", "none", "null")
_PATTERNS = (("*.parquet",), ("*/*.parquet",), ("*.csv", "*.tsv"))
_SHOWN = 5


def is_missing(word: str) -> bool:
    """Return whether a cell's text is one that programs write where a value is not known.

    Example:
        >>> is_missing(" NaN "), is_missing("null"), is_missing("calm")
        (True, True, False)
    """
    return word.strip().lower() in _MISSING


def split_name(word: str) -> str | None:
    """Return the split that a word means, or None.

    Example:
        >>> split_name("dev"), split_name("Valid"), split_name("other")
        ('validation', 'validation', None)
    """
    return _SPLITS.get(word.strip().lower())


def existing(root: Path | str) -> Path:
    """Return the root of a corpus as a path.

    Raises:
        FileNotFoundError: if there is neither a file nor a folder.
    """
    path = Path(root).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"data.root={root}: there is no such file or folder")
    return path


def read_delimited(path: Path, *, delimiter: str, names: list[str] | None = None) -> pd.DataFrame:
    """Read a CSV or TSV file; every value is text.

    Args:
        path: the file, UTF-8.
        delimiter: comma or tab.
        names: column names of a file without a header line.

    Returns:
        The columns, with ``row`` (the record's number from 1, the header counted, as a
        spreadsheet shows it) and ``source_file``.

    Raises:
        ValueError: if the file is not UTF-8, empty, two columns share a name, or records have
            another number of values than there are columns; all such records are named.
    """
    reader = csv.reader(io.StringIO(decode(path), newline=""), delimiter=delimiter, strict=True)
    try:
        records = [(number, record) for number, record in enumerate(reader, start=1) if record]
    except csv.Error as error:
        raise ValueError(f"{path} line {reader.line_num} is not readable: {error}") from None
    if names is None and records:
        names = [name.strip() for name in records.pop(0)[1]]
    if not records or names is None:
        raise ValueError(f"{path} holds no rows")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ValueError(f"{path} has several columns {', '.join(twice)}: give each its own name")
    wrong = [number for number, record in records if len(record) != len(names)]
    if wrong:
        shown = ", ".join(map(str, wrong[:10])) + (", ..." if len(wrong) > 10 else "")
        raise ValueError(
            f"{path}: expected {len(names)} values per row ({', '.join(names)}), "
            f"but {len(wrong)} rows have another number: row {shown}. "
            "Put quotes around values that hold the separator."
        )
    table = pd.DataFrame([record for _, record in records], columns=names, dtype=object)
    return table.assign(row=[number for number, _ in records], source_file=path.name)


def read_table(path: Path) -> pd.DataFrame:
    """Read one CSV, TSV or Parquet file, with ``row`` and ``source_file`` added.

    Raises:
        ValueError: if the file's name ends otherwise, or the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".tab"):
        return read_delimited(path, delimiter="," if suffix == ".csv" else "\t")
    if suffix not in (".parquet", ".pq"):
        raise ValueError(f"{path}: expected a .csv, .tsv or .parquet file")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable Parquet file: {error}") from None
    return table.assign(row=range(1, len(table) + 1), source_file=path.name)


def read_layout(folder: Path, *, others: bool = False) -> dict[str, pd.DataFrame]:
    """Read a folder that holds the splits of a corpus; split -> rows, empty if it holds none.

    Read are a folder that `datasets` saved (``save_to_disk``), and files whose name begins with a
    split's name, as ``train.csv`` or the hub's ``data/validation-00000-of-00001.parquet``, or that
    lie in a folder of that name. CSV and TSV files are read together, Parquet files go before them.

    Args:
        folder: the corpus, or a part of it.
        others: pass over tables that belong to no split, as releases of corpora have them.

    Raises:
        ValueError: if there are such tables beside those of the splits, or a file cannot be read.
    """
    if any((folder / name).is_file() for name in ("dataset_dict.json", "state.json")):
        from datasets import DatasetDict, load_from_disk

        loaded = load_from_disk(str(folder))
        return frames(loaded if isinstance(loaded, DatasetDict) else {"train": loaded})
    groups = [_tables(folder, patterns) for patterns in _PATTERNS]
    read = next((group for group in groups if any(group.values())), {})
    if not others:
        _refuse_unread(folder, read, groups)
    parts: dict[str, list[pd.DataFrame]] = {}
    for path, split in read.items():
        if split is not None:
            name = path.relative_to(folder).as_posix()
            parts.setdefault(split, []).append(read_table(path).assign(source_file=name))
    return {split: pd.concat(tables, ignore_index=True) for split, tables in parts.items()}


def _tables(folder: Path, patterns: tuple[str, ...]) -> dict[Path, str | None]:
    """Return tables, in order, each with the split that its name or its folder's name means."""
    found: dict[Path, str | None] = {}
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        name = path.relative_to(folder)
        words = (re.split(r"[-_.]", name.name)[0], *name.parts[:-1])
        if not name.name.startswith("."):  # as an archive of another system leaves beside each file
            found[path] = next(filter(None, map(split_name, words)), None)
    return found


def _refuse_unread(
    folder: Path, read: Mapping[Path, str | None], groups: Sequence[Mapping[Path, str | None]]
) -> None:
    """Refuse to read some tables of a folder and lose others; of deeper folders, those of splits.

    A folder in which no table is named after a split is another matter: all of them are read.
    """
    left = [path for path, split in read.items() if split is None]
    for group in groups if read else ():
        if group is not read:
            left += [path for path, split in group.items() if split or path.parent == folder]
    if left:
        kept = next(path for path, split in read.items() if split).relative_to(folder)
        names = ", ".join(path.relative_to(folder).as_posix() for path in left[:_SHOWN])
        more = ", ..." if len(left) > _SHOWN else ""
        raise ValueError(
            f"{folder}: {names}{more} would not be read beside {kept.as_posix()}: name each table "
            "after its split, as train.csv, validation.csv and test.csv in one format, or move "
            "it elsewhere"
        )


def frames(loaded: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the splits of a data set that `datasets` loaded, class numbers as their names."""
    found = {}
    for name, part in loaded.items():
        split = split_name(name)
        if split is not None:
            table = part.to_pandas()
            for column, feature in part.features.items():
                table[column] = _named(table[column], feature)
            found[split] = table.assign(row=range(1, len(table) + 1), source_file=name)
    return found


def _named(values: pd.Series, feature: Any) -> pd.Series:
    """Replace the numbers of a ClassLabel, or of a list of them, by their names."""
    inner: Any = getattr(feature, "feature", None)
    if hasattr(feature, "names") and hasattr(feature, "int2str"):
        names: list[object] = [
            feature.names[int(value)] if value == value and value >= 0 else None for value in values
        ]
    elif hasattr(inner, "names") and hasattr(inner, "int2str"):
        names = [[inner.names[code] for code in codes] for codes in values]
    else:
        return values
    return pd.Series(names, index=values.index, dtype=object)
