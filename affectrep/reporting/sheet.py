"""A table in four forms: terminal (rich), page (Markdown), paper (LaTeX), program (CSV)."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table

__all__ = ["ENDINGS", "Sheet", "latex", "markdown", "sheet_table", "write_sheets"]

ENDINGS = (".md", ".tex", ".csv")
_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {">": "$>$", "<": "$<$", **{sign: f"\\{sign}" for sign in "_&%$#{}"}}


@dataclass(frozen=True)
class Sheet:
    """One table.

    Args:
        name: of its CSV file, where one file holds several tables in the other forms.
        columns: above the columns; the first is of names, the others are of numbers.
        rows: the cells in words.
        caption: what the numbers are, in a sentence.
        records: the lines of the CSV, a heading first, numbers in their natural unit.
        notes: sentences below it.
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    records: Sequence[Sequence[object]]
    notes: Sequence[str] = ()


def sheet_table(sheet: Sheet) -> Table:
    """Return the table for the terminal; its notes are not part of it."""
    table = Table(title=sheet.caption, box=box.SIMPLE_HEAD, title_justify="left")
    table.title_style, table.pad_edge = "bold", False
    if len(sheet.columns) > 6:
        table.padding = (0, 1, 0, 0)  # fits into 80 columns
    longest = max((len(row[0]) for row in sheet.rows), default=0)
    table.add_column(sheet.columns[0], overflow="fold", min_width=min(longest, 14))
    for place, name in enumerate(sheet.columns[1:], start=1):
        brackets = any(row[place].startswith("[") for row in sheet.rows)  # an interval
        table.add_column(name, justify="right", no_wrap=brackets)
    for row in sheet.rows:
        table.add_row(*row)
    return table


def write_sheets(path: Path, sheets: Sequence[Sheet]) -> list[Path]:
    """Write tables as Markdown, LaTeX or CSV, by the ending of the file; return what was written.

    A CSV holds one table: those after the first stand beside it, as ``<file>_<name>.csv``.

    Raises:
        ValueError: if the ending is none of these.
    """
    if path.suffix not in ENDINGS:
        raise ValueError(f"expected a table file {', '.join(ENDINGS)}, got {path.name}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        first, *others = sheets
        files = {path: _csv(first)}
        files |= {path.with_stem(f"{path.stem}_{one.name}"): _csv(one) for one in others}
    else:
        write = markdown if path.suffix == ".md" else latex
        files = {path: "\n".join(write(sheet) for sheet in sheets)}
    for place, text in files.items():
        partial = place.with_name(f".{place.name}.{os.getpid()}")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, place)
    return list(files)


def markdown(sheet: Sheet) -> str:
    r"""Return a Markdown table with its caption and notes below.

    Example:
        >>> print(markdown(Sheet("x", ["", "UAR"], [["a|b", "50.0"]], "On test.", [])))
        |  | UAR |
        |---|---:|
        | a\|b | 50.0 |
        <BLANKLINE>
        On test.
    """
    lines = [sheet.columns, *sheet.rows]
    words = ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]
    words.insert(1, "|---|" + "---:|" * (len(sheet.columns) - 1))
    notes = ["", *(f"- {note}" for note in sheet.notes)] if sheet.notes else []
    return "\n".join([*words, "", sheet.caption, *notes]) + "\n"


def latex(sheet: Sheet) -> str:
    """Return a LaTeX tabular, caption and notes as comments; it needs the package booktabs."""
    lines = [[_escaped(cell) for cell in line] for line in [sheet.columns, *sheet.rows]]
    words = [" & ".join(line).strip() + r" \\" for line in lines]
    begin = rf"\begin{{tabular}}{{l{'r' * (len(sheet.columns) - 1)}}}"
    above = [f"% {one}" for one in (sheet.caption, *sheet.notes)]
    parts = [*above, begin, r"\toprule", words[0], r"\midrule", *words[1:]]
    return "\n".join([*parts, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _csv(sheet: Sheet) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(sheet.records)
    return file.getvalue()


def _escaped(cell: str) -> str:
    escaped: Iterable[str] = (_LATEX.get(sign, sign) for sign in cell)
    return "".join(escaped).replace("±", r"$\pm$")
