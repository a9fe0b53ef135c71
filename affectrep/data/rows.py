"""Row lists: which rows a result was made on, so that another person can rebuild the subset.

A list is a CSV file ``id,split,sha256``; the hash is that of the decoded content, it may be cut.
A large list is written as one file per split, ``<name>-train.csv`` and so on, without the column
``split``. No text and no media are stored.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from affectrep.data.keys import content_hashes
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.data.sources import read_delimited
from affectrep.data.whole_file import whole_file

__all__ = ["compare_rows", "named", "write_rows"]

_SHOWN = 5


def write_rows(
    manifest: Manifest, file: Path | str, *, digits: int | None = None, per_split: bool = False
) -> list[Path]:
    """Write the row list of a manifest.

    Args:
        manifest: whose rows are listed.
        file: ``<name>.csv``; with ``per_split`` the files are ``<name>-<split>.csv`` beside it.
        digits: of the content hash, 8 to 64 hexadecimal digits; None: 16, or 8 with ``per_split``.
        per_split: write one file per split.

    Returns:
        The files written.

    Raises:
        ValueError: if ``digits`` is not in 8 ... 64, or a folder has the name of the file.
    """
    digits = (8 if per_split else 16) if digits is None else digits
    if not 8 <= digits <= 64:
        raise ValueError(f"expected 8 to 64 digits of the hash, got {digits}")
    file = Path(file)
    lines = [
        (name, split, found[:digits])
        for name, split, found in zip(
            manifest.rows["id"], manifest.rows["split"], content_hashes(manifest.rows), strict=True
        )
    ]
    if not per_split:
        _write(file, ["id", "split", "sha256"], lines)
        return [file]
    written = []
    for split in SPLITS:
        part = [(name, found) for name, its, found in lines if its == split]
        if part:
            written.append(file.with_name(f"{file.stem}-{split}{file.suffix}"))
            _write(written[-1], ["id", "sha256"], part)
    return written


def compare_rows(manifest: Manifest, file: Path | str) -> list[str]:
    """Compare a manifest with a row list.

    Args:
        manifest: rebuilt from the official download.
        file: the list; ``<name>.csv`` also stands for the files ``<name>-<split>.csv``.

    Returns:
        One sentence per kind of difference, naming rows; empty where all rows are identical.

    Raises:
        FileNotFoundError: if there is no such list.
        ValueError: if the file is no row list.
    """
    wanted = _read(Path(file))
    splits = {split for split, _ in wanted.values()}
    found = {
        str(name): (str(split), content)
        for name, split, content in zip(
            manifest.rows["id"], manifest.rows["split"], content_hashes(manifest.rows), strict=True
        )
        if split in splits
    }
    both = [name for name in wanted if name in found]
    kinds = {
        "are in the list but not in the corpus": [name for name in wanted if name not in found],
        "are in the corpus but not in the list": [name for name in found if name not in wanted],
        "are in another split": [name for name in both if found[name][0] != wanted[name][0]],
        "have another content": [
            name for name in both if not found[name][1].startswith(wanted[name][1])
        ],
    }
    return [named(names, words) for words, names in kinds.items() if names]


def named(names: Sequence[str], words: str, *, noun: str = "rows") -> str:
    """Return a sentence that counts the names and shows the first.

    Example:
        >>> named(["a", "b"], "are in another split")
        '2 rows are in another split: a, b'
    """
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"{len(names)} {noun} {words}: {shown}"


def _write(file: Path, header: list[str], lines: Iterable[Sequence[str]]) -> None:
    with (
        whole_file(file) as partial,
        partial.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def _read(file: Path) -> dict[str, tuple[str, str]]:
    if file.is_file():
        return _read_one(file)
    parts = [file.with_name(f"{file.stem}-{split}{file.suffix}") for split in SPLITS]
    there = [part for part in parts if part.is_file()]
    if not there:
        raise FileNotFoundError(f"there is no row list {file}, nor {parts[0].name} beside it")
    return {name: value for part in there for name, value in _read_one(part).items()}


def _read_one(file: Path) -> dict[str, tuple[str, str]]:
    table = read_delimited(file, delimiter=",")
    split = file.stem.rpartition("-")[2]
    named = "split" in table or split in SPLITS
    if not {"id", "sha256"} <= set(table) or not named:
        raise ValueError(
            f"{file} is no row list: expected the columns id, split, sha256, "
            f"or id, sha256 in a file <name>-<split>.csv"
        )
    wrong = table.loc[table["sha256"] == "", "row"].tolist()
    if wrong:
        raise ValueError(f"{file} row {wrong[0]} has no hash")
    splits = (
        [word or split for word in table["split"]] if "split" in table else [split] * len(table)
    )
    values = zip(splits, table["sha256"], strict=True)
    return dict(zip(table["id"], values, strict=True))
