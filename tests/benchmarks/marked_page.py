"""Pages that hold a table between two markers, which a benchmark writes anew."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["markers", "print_or_write", "show_or_write", "with_table"]


def markers(name: str) -> tuple[str, str]:
    """Return the comments before and after a table.

    Example:
        >>> markers("matrix")
        ('<!-- matrix:begin -->', '<!-- matrix:end -->')
    """
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def with_table(text: str, table: str, name: str) -> str:
    """Return a page with the table between its markers.

    Raises:
        ValueError: if a marker is missing.
    """
    opening, closing = markers(name)
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"the page needs both {opening} and {closing}")
    return f"{before}{opening}\n{table}\n{closing}{after}"


def show_or_write(table: str, page: Path | None, name: str) -> None:
    """Print a table, or write it between its markers into a page where one is given."""
    if page is None:
        print(table)
        return
    text = with_table(page.read_text(encoding="utf-8"), table, name)
    page.write_text(text, encoding="utf-8")


def print_or_write(
    arguments: Sequence[str] | None, words: str | None, name: str, make: Callable[[Path], str]
) -> None:
    """Print a table of the repository, or write it into the page that --page names.

    Args:
        arguments: of the command line.
        words: its description.
        name: of the markers.
        make: root of the repository -> table.
    """
    parser = argparse.ArgumentParser(
        description=words, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path(), help="of the repository")
    parser.add_argument("--page", type=Path, help="page whose table is written anew")
    given = parser.parse_args(arguments)
    show_or_write(make(given.root), given.page, name)
