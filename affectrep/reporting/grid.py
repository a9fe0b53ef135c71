"""One figure of many runs as a table: a line per system, a column per setting, over seeds.

For the terminal (rich), for a page (Markdown), for a paper (LaTeX) and for a program (CSV).
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from rich import box
from rich.table import Table

from affectrep.data.setting import common_condition
from affectrep.evaluation.metric_names import is_natural
from affectrep.reporting.figures import number, title

__all__ = ["WRITERS", "Entry", "Grid", "grid_table", "write_grid"]

NOT_RUN = "not run"
_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {">": "$>$", "<": "$<$", **{sign: f"\\{sign}" for sign in "_&%$#{}"}}


@dataclass(frozen=True)
class Entry:
    """One run of a grid.

    Args:
        line: the system, with its values.
        column: the setting; empty where there is one only.
        seed: of the run.
        value: of the figure in its natural unit; None where it was not run.
    """

    line: str
    column: str
    seed: int
    value: float | None


@dataclass(frozen=True)
class Grid:
    """A figure of many runs; lines and columns stand in the order of their first entry.

    Args:
        metric: name of the figure.
        split: that it was computed on.
        entries: the runs.

    Example:
        >>> grid = Grid("uar", "test", [Entry("ce", "strict de", s, v) for s, v in [(0, .5),
        ...                             (1, .52), (2, None)]] + [Entry("ce", "strict it", 0, .4)])
        >>> grid.cell("ce", "strict de"), grid.cell("ce", "strict it")
        ('51.0 ± 1.4 (2 of 3)', '40.0')
    """

    metric: str
    split: str
    entries: Sequence[Entry]

    @property
    def lines(self) -> list[str]:
        """The systems."""
        return list(dict.fromkeys(entry.line for entry in self.entries))

    @property
    def columns(self) -> list[str]:
        """The settings."""
        return list(dict.fromkeys(entry.column for entry in self.entries))

    @property
    def headings(self) -> list[str]:
        """The settings as they stand above the columns; the figure's name for an empty one."""
        return [column or title(self.metric) for column in self.columns]

    @property
    def caption(self) -> str:
        """What the numbers are, in a sentence."""
        unit = "" if is_natural(self.metric) else " in per cent"
        seeds = len({entry.seed for entry in self.entries})
        spread = f"; mean ± standard deviation over {seeds} seeds" if seeds > 1 else ""
        return f"{title(self.metric)}{unit} on {self.split}{spread}."

    def values(self, line: str, column: str) -> list[float]:
        """Return the figures of a cell, by seed; empty where none was run."""
        return [entry.value for entry in self._cell(line, column) if entry.value is not None]

    def cell(self, line: str, column: str) -> str:
        """Return a cell in words: mean and standard deviation, and how many of the seeds ran."""
        there, values = self._cell(line, column), self.values(line, column)
        if not values:
            return NOT_RUN if there else ""
        words = number(self.metric, fmean(values))
        if len(values) > 1:
            words += f" ± {number(self.metric, stdev(values))}"
        return words if len(values) == len(there) else f"{words} ({len(values)} of {len(there)})"

    def _cell(self, line: str, column: str) -> list[Entry]:
        found = [e for e in self.entries if (e.line, e.column) == (line, column)]
        return sorted(found, key=lambda entry: entry.seed)

    def rows(self) -> list[list[str]]:
        """Return the cells in words, each line behind its name."""
        return [[line, *(self.cell(line, name) for name in self.columns)] for line in self.lines]


def grid_table(grid: Grid) -> Table:
    """Return the grid for the terminal."""
    condition, places = common_condition(grid.columns)
    said = f" {condition.replace('_', ' ').capitalize()}." if condition else ""
    table = Table(title=grid.caption + said, box=box.SIMPLE_HEAD, title_justify="left")
    table.title_style, table.pad_edge = "bold", False
    table.add_column("", overflow="fold")
    for heading in places if condition else grid.headings:
        table.add_column(heading, justify="right")
    for row in grid.rows():
        table.add_row(*row)
    return table


def write_grid(path: Path, grid: Grid) -> None:
    """Write the grid as Markdown, LaTeX or CSV, by the ending of the file.

    Raises:
        ValueError: if the ending is none of these.
    """
    if path.suffix not in WRITERS:
        raise ValueError(f"expected a table file {', '.join(WRITERS)}, got {path.name}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(WRITERS[path.suffix](grid), encoding="utf-8")
    os.replace(partial, path)


def markdown(grid: Grid) -> str:
    r"""Return the grid as a Markdown table with its caption below.

    Example:
        >>> print(markdown(Grid("uar", "test", [Entry("a|b", "strict de", 0, 0.5)])))
        |  | strict de |
        |---|---:|
        | a\|b | 50.0 |
        <BLANKLINE>
        UAR in per cent on test.
    """
    lines = [["", *grid.headings], *grid.rows()]
    words = ["| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines]
    words.insert(1, "|---|" + "---:|" * len(grid.columns))
    return "\n".join([*words, "", grid.caption]) + "\n"


def latex(grid: Grid) -> str:
    """Return the grid as a LaTeX tabular; it needs the package booktabs."""
    lines = [[_escaped(cell) for cell in line] for line in [["", *grid.headings], *grid.rows()]]
    words = [" & ".join(line).strip() + r" \\" for line in lines]
    begin = rf"\begin{{tabular}}{{l{'r' * len(grid.columns)}}}"
    parts = [f"% {grid.caption}", begin, r"\toprule", words[0], r"\midrule", *words[1:]]
    return "\n".join([*parts, r"\bottomrule", r"\end{tabular}"]) + "\n"


def comma_separated(grid: Grid) -> str:
    """Return a line per cell, figures in their natural unit; not run stays empty.

    Example:
        >>> print(comma_separated(Grid("uar", "test", [Entry("a", "strict de", 0, 0.5)])))
        system,setting,split,metric,seeds,mean,sd
        a,strict de,test,uar,1,0.5,
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["system", "setting", "split", "metric", "seeds", "mean", "sd"])
    cells = dict.fromkeys((entry.line, entry.column) for entry in grid.entries)
    for line, column in sorted(cells, key=lambda cell: grid.lines.index(cell[0])):
        values = grid.values(line, column)
        mean = f"{fmean(values):.6g}" if values else ""
        spread = f"{stdev(values):.6g}" if len(values) > 1 else ""
        writer.writerow([line, column, grid.split, grid.metric, len(values), mean, spread])
    return file.getvalue()


WRITERS = {".md": markdown, ".tex": latex, ".csv": comma_separated}


def _plain(cell: str) -> str:
    return cell.replace("|", r"\|")


def _escaped(cell: str) -> str:
    escaped: Iterable[str] = (_LATEX.get(sign, sign) for sign in cell)
    return "".join(escaped).replace("±", r"$\pm$")
