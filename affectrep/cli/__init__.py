"""The command line: reads words and calls one function of ``affectrep.commands`` per verb.

Nothing heavy is imported here, so that ``affectrep --help`` answers at once.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from affectrep.cli import runs, studies
from affectrep.cli.app import app

__all__ = ["app", "main", "runs", "studies"]


def _complain(error: Exception) -> None:
    message = str(error) or type(error).__name__
    Console(stderr=True, soft_wrap=True, markup=False).print(Text(f"error: {message}", style="red"))


def main() -> None:
    """Run the command line; a user's mistake ends in a sentence or two and exit code 2.

    Exit codes: 0 done, 2 mistake in what was asked or read, 130 interrupted.
    """
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError, ImportError) as error:  # a package of an extra may be missing
        if debug:
            raise
        _complain(error)
        sys.exit(2)
