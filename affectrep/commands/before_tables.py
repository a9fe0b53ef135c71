"""Figures about an encoder before and after training, side by side on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from affectrep.reporting.figures import number, title

__all__ = ["before_tables"]

_PARTS = {"representation": "Representation", "leakage": "Leakage"}


def before_tables(card: dict[str, Any]) -> Iterator[Table]:
    """Yield a table for each part of a card that was measured before training as well."""
    for part, words in _PARTS.items():
        found = card.get(part) or {}
        if "before" not in found:
            continue
        table = Table(title=f"{words}, before and after training", title_justify="left")
        table.add_column("figure")
        for heading in ("before", "after", "difference"):
            table.add_column(heading, justify="right")
        before = found["before"]["metrics"]
        for name, one in found["metrics"].items():
            if name in before:
                then, now = before[name]["value"], one["value"]
                difference = number(name, now - then, sign=True)
                table.add_row(title(name), number(name, then), number(name, now), difference)
        yield table
