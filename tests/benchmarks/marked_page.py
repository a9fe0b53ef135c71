"""Pages that hold a table between two markers, which a benchmark writes anew."""

from __future__ import annotations

__all__ = ["markers", "with_table"]


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
