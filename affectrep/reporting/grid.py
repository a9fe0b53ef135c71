"""One figure of many runs as a table: a line per system, a column per setting, over seeds.

In words for the terminal, a page, a paper and a program: :mod:`affectrep.reporting.sheet`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev

from rich.table import Table

from affectrep.data.setting import common_condition
from affectrep.evaluation.metric_names import is_natural
from affectrep.reporting.figures import number, title
from affectrep.reporting.sheet import Sheet, sheet_table, write_sheets

__all__ = ["NOT_APPLICABLE", "NOT_RUN", "Entry", "Grid", "grid_sheet", "grid_table", "write_grid"]

NOT_RUN = "not run"
NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Entry:
    """One run of a grid.

    Args:
        line: the system, with its values.
        column: the setting; empty where there is one only.
        seed: of the run.
        value: of the figure in its natural unit; None where it was not run.
        applies: False where the system cannot be run on this corpus.
    """

    line: str
    column: str
    seed: int
    value: float | None
    applies: bool = True


@dataclass(frozen=True)
class Grid:
    """A figure of many runs; lines and columns stand in the order of their first entry.

    Args:
        metric: name of the figure.
        split: that it was computed on.
        entries: the runs.
        metrics: of those columns that show another figure.

    Example:
        >>> grid = Grid("uar", "test", [Entry("ce", "strict de", s, v) for s, v in [(0, .5),
        ...                             (1, .52), (2, None)]] + [Entry("ce", "strict it", 0, .4)])
        >>> grid.cell("ce", "strict de"), grid.cell("ce", "strict it")
        ('51.0 ± 1.4 (2 of 3)', '40.0')
    """

    metric: str
    split: str
    entries: Sequence[Entry]
    metrics: Mapping[str, str] = field(default_factory=dict)

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
        """The settings as they stand above the columns, with the figure where it is not said."""
        several = len(self._shown) > 1
        return [
            f"{column}, {title(self.metric_of(column))}".removeprefix(", ")
            if several or not column
            else column
            for column in self.columns
        ]

    @property
    def caption(self) -> str:
        """What the numbers are, in a sentence."""
        names = ", ".join(title(name) for name in self._shown)
        natural = [is_natural(name) for name in self._shown]
        unit = "" if all(natural) else ", shares in per cent," if any(natural) else " in per cent"
        seeds = len({entry.seed for entry in self.entries})
        spread = f"; mean ± standard deviation over {seeds} seeds" if seeds > 1 else ""
        return f"{names}{unit} on {self.split}{spread}."

    @property
    def _shown(self) -> list[str]:
        return list(dict.fromkeys(map(self.metric_of, self.columns))) or [self.metric]

    def metric_of(self, column: str) -> str:
        """Return the figure that a column shows."""
        return self.metrics.get(column, self.metric)

    def values(self, line: str, column: str) -> list[float]:
        """Return the figures of a cell, by seed; empty where none was run."""
        return [entry.value for entry in self._cell(line, column) if entry.value is not None]

    def cell(self, line: str, column: str) -> str:
        """Return a cell in words: mean and standard deviation, and how many of the seeds ran."""
        there, values = self._cell(line, column), self.values(line, column)
        if not values:
            applies = any(entry.applies for entry in there)
            return (NOT_RUN if applies else NOT_APPLICABLE) if there else ""
        metric = self.metric_of(column)
        words = number(metric, fmean(values))
        if len(values) > 1:
            words += f" ± {number(metric, stdev(values))}"
        return words if len(values) == len(there) else f"{words} ({len(values)} of {len(there)})"

    def _cell(self, line: str, column: str) -> list[Entry]:
        found = [e for e in self.entries if (e.line, e.column) == (line, column)]
        return sorted(found, key=lambda entry: entry.seed)

    def rows(self) -> list[list[str]]:
        """Return the cells in words, each line behind its name."""
        return [[line, *(self.cell(line, name) for name in self.columns)] for line in self.lines]


def grid_table(grid: Grid) -> Table:
    """Return the grid for the terminal; a condition that all columns share stands in the title."""
    condition, places = common_condition(grid.columns)
    sheet = grid_sheet(grid)
    if condition:
        said = f"{grid.caption} {condition.replace('_', ' ').capitalize()}."
        sheet = replace(sheet, caption=said, columns=["", *places])
    return sheet_table(sheet)


def write_grid(path: Path, grid: Grid) -> None:
    """Write the grid as Markdown, LaTeX or CSV, by the ending of the file.

    Raises:
        ValueError: if the ending is none of these.
    """
    write_sheets(path, [grid_sheet(grid)])


def grid_sheet(grid: Grid) -> Sheet:
    """Return the grid as a table of words; in the CSV not run stays empty.

    Example:
        >>> sheet = grid_sheet(Grid("uar", "test", [Entry("a", "strict de", 0, 0.5)]))
        >>> sheet.rows, sheet.records[1]
        ([['a', '50.0']], ['a', 'strict de', 'test', 'uar', 1, '0.5', ''])
    """
    records: list[list[object]] = [
        ["system", "setting", "split", "metric", "seeds", "mean", "sd"],
    ]
    cells = dict.fromkeys((entry.line, entry.column) for entry in grid.entries)
    for line, column in sorted(cells, key=lambda cell: grid.lines.index(cell[0])):
        values = grid.values(line, column)
        mean = f"{fmean(values):.6g}" if values else ""
        spread = f"{stdev(values):.6g}" if len(values) > 1 else ""
        said = [line, column, grid.split, grid.metric_of(column), len(values), mean, spread]
        records.append(said)
    return Sheet("figures", ["", *grid.headings], grid.rows(), grid.caption, records)
