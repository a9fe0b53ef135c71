"""Rows of speech tables that cannot be used: set aside, and named all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from affectrep.data.corpora.sound_contents import SoundContents
from affectrep.data.manifest import Manifest
from affectrep.data.problems import Problem, file_names, row_names

__all__ = ["Fault", "listed", "named_speakers", "read_contents", "set_aside"]

_SHOWN = 8


@dataclass(frozen=True)
class Fault:
    """What is wrong with some rows.

    Args:
        kind: as for `Problem`.
        message: with the mend.
        rows: a boolean per row of a table.
    """

    kind: str
    message: str
    rows: pd.Series


def listed(words: pd.Series) -> str:
    """Return the different words in quotes, the first of them.

    Example:
        >>> listed(pd.Series(["b", "a", "b"]))
        "'a', 'b'"
    """
    return ", ".join(map(repr, sorted(set(words))[:_SHOWN]))


def read_contents(table: pd.DataFrame) -> pd.DataFrame:
    """Add ``duration_s``, ``content`` and ``error``: what was wrong with a file, else empty.

    What the table states as ``duration_s``, if anything, is then ``stated_s``, s.

    Args:
        table: numbered from 0, with absolute paths of sound files in ``path``.
    """
    files = [Path(path) for path in table["path"]]
    contents, found = SoundContents(files), []
    for file in files:
        try:
            found.append({**contents.read(file), "error": ""})
        except ValueError as error:
            found.append({"duration_s": float("nan"), "content": "", "error": str(error)})
    contents.save()
    read = pd.DataFrame(found, columns=["duration_s", "content", "error"], index=table.index)
    stated = table.get("duration_s", pd.Series(None, index=table.index, dtype=object))
    table = table.assign(stated_s=pd.to_numeric(stated, errors="coerce"))
    return table.drop(columns="duration_s", errors="ignore").join(read)


def set_aside(table: pd.DataFrame, faults: Sequence[Fault]) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the rows without a fault, and a problem per fault and unreadable file.

    Files that are not there are one problem, as a wrong folder may miss them all.

    Args:
        table: of `read_contents`, with ``row`` and ``source_file``.
        faults: of the cells, a row may have several.
    """
    broken = table["error"] != ""
    absent = [bad and not Path(p).is_file() for bad, p in zip(broken, table["path"], strict=True)]
    missing = pd.Series(absent, index=table.index, dtype=bool)
    problems, wrong = [], broken.copy()
    for fault in faults:
        wrong |= fault.rows
        if fault.rows.any():
            problems.append(Problem(fault.kind, fault.message, row_names(table, fault.rows)))
    if missing.any():
        message = "sound files do not exist: correct the path or remove the rows"
        problems.append(Problem("missing_file", message, file_names(table, missing)))
    for index, reason in table.loc[broken & ~missing, "error"].items():
        row = row_names(table, pd.Series(table.index == index, index=table.index))
        problems.append(Problem("unreadable_clip", str(reason), row))
    return table[~wrong], problems


def named_speakers(manifest: Manifest, needed: pd.Series) -> Manifest:
    """Return the manifest without the rows that need a speaker and have none, and name these.

    Args:
        manifest: of clips.
        needed: a boolean per row.
    """
    rows = manifest.rows
    unnamed = needed & (rows["speaker"].isna() | (rows["speaker"] == ""))
    if not unnamed.any():
        return manifest
    message = (
        "rows have no speaker, and whole speakers are held out: fill in the column speaker or "
        "leave the rows out"
    )
    problem = Problem("no_speaker", message, row_names(rows, unnamed))
    info = replace(manifest.info, problems=[*manifest.info.problems, problem])
    return Manifest(rows[~unnamed].reset_index(drop=True), info)
