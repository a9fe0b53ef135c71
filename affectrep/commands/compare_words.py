"""How the command line reads ``affectrep compare``: several runs after each ``--against``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

__all__ = ["BETWEEN", "CompareCommand", "grouped"]

BETWEEN = "\0"


def grouped(words: list[str], option: str) -> list[str]:
    r"""Join the words that follow each ``option``, up to the next option, into one value.

    The shell turns ``--against runs/b-*`` into one option and many words, and the command line
    knows only one value an option. NUL parts them: it is in no word that a shell can give.

    Example:
        >>> grouped(["a", "--against", "b", "c", "--split", "test"], "--against")
        ['a', '--against', 'b\x00c', '--split', 'test']
    """
    result: list[str] = []
    group: list[str] | None = None
    for word in [*words, "-"]:  # the last ends a group that nothing else ends
        if word.startswith("-"):
            result += [] if group is None else [option, BETWEEN.join(group)]
            group = [] if word == option else None
        if not word.startswith("-") and group is not None:
            group.append(word)
        elif word != option:
            result.append(word)
    return result[:-1]


class CompareCommand(TyperCommand):
    """Takes several runs after each ``--against``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the runs of each option, then parse as ever."""
        return super().parse_args(ctx, grouped(args, "--against"))
