"""What is wrong with the rows of a corpus: one sentence, the rows at fault, how grave it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

__all__ = ["Problem", "counted_rows", "file_names", "require_clean", "row_names"]

_SHOWN = 8


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, or worth knowing, about a manifest.

    Args:
        kind: a fixed word, such as empty_text, unknown_label or leak.
        message: one sentence with the mend where there is one.
        rows: the rows at fault: ``file:row``, the row number, or the row's id; a row and its
            partner as ``7 = 3``, a row and its file as ``7 a.wav``.
        severity: an error stops, a warning and a note are printed.

    Example:
        >>> print(Problem("empty_text", "texts are empty", (3,)))
        texts are empty (row 3)
    """

    kind: str
    message: str
    rows: tuple[int | str, ...] = ()
    severity: Literal["error", "warning", "note"] = "error"

    def __str__(self) -> str:
        if not self.rows:
            return self.message
        shown = ", ".join(map(str, self.rows[:_SHOWN]))
        more = f" and {len(self.rows) - _SHOWN} more" if len(self.rows) > _SHOWN else ""
        return f"{self.message} ({'row' if len(self.rows) == 1 else 'rows'} {shown}{more})"


def require_clean(problems: Sequence[Problem], *, shown: bool = False) -> None:
    """Pass where no problem is an error.

    Args:
        problems: of the data, and of the configuration (kind ``setting``).
        shown: whether the user has seen them; the error then only counts them.

    Raises:
        ValueError: that lists every error with its rows.

    Example:
        >>> require_clean([Problem("empty_text", "texts are empty", (3,))])
        Traceback (most recent call last):
        ...
        ValueError: the data has 1 problem:
        - texts are empty (row 3)
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    if not errors:
        return
    settings = sum(problem.kind == "setting" for problem in errors)
    counts = {"the data": len(errors) - settings, "the configuration": settings}
    told = " and ".join(
        f"{owner} has {count} problem{'s' if count > 1 else ''}"
        for owner, count in counts.items()
        if count
    )
    if shown:
        raise ValueError(f"{told}, see above")
    raise ValueError(told + ":" + "".join(f"\n- {problem}" for problem in errors))


def counted_rows(count: int) -> str:
    """Return a number of rows in words.

    Example:
        >>> counted_rows(1), counted_rows(2000)
        ('1 row', '2,000 rows')
    """
    return "1 row" if count == 1 else f"{count:,} rows"


def row_names(rows: pd.DataFrame, chosen: pd.Series) -> tuple[int | str, ...]:
    """Name rows by file and row number where these are known, by id otherwise.

    Args:
        rows: of a manifest, or of a table on its way to one.
        chosen: a boolean per row.
    """
    part = rows[chosen]
    if "row" not in part:
        return tuple(str(value) for value in part["id"])
    if "source_file" in part and rows["source_file"].nunique() > 1:
        pairs = zip(part["source_file"], part["row"], strict=True)
        return tuple(f"{file}:{row}" for file, row in pairs)
    return tuple(int(value) for value in part["row"])


def file_names(rows: pd.DataFrame, chosen: pd.Series) -> tuple[int | str, ...]:
    """Name rows of sounds or pictures by row number and file, by id where no row is known.

    Example:
        >>> table = pd.DataFrame({"id": ["x/a"], "row": [2], "path": ["/clips/a.wav"]})
        >>> file_names(table, table["row"] == 2), file_names(table[["id"]], table["row"] == 2)
        (('2 a.wav',), ('x/a',))
    """
    names = row_names(rows, chosen)
    if "row" not in rows:
        return names
    files = [Path(str(path)).name for path in rows.loc[chosen, "path"]]
    return tuple(f"{name} {file}" for name, file in zip(names, files, strict=True))
