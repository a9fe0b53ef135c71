"""The command line's root: its options, and the arguments that several commands share."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from affectrep.cli.examples import epilog

__all__ = ["ConfigFile", "Overrides", "Split", "app"]

ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="a file below configs/", show_default=False)
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY.SUB=VALUE]...", help="values instead of the file's", show_default=False
    ),
]
Split = Annotated[str, typer.Option(help="train, validation or test")]

app = typer.Typer(
    name="affectrep",
    help="Learn emotion similarity from text, speech and faces; prepare, train, compare, predict.",
    epilog=epilog(),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from affectrep import __version__

        typer.echo(f"affectrep {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="show the version")
    ] = False,
) -> None:
    """Learn emotion similarity from text, speech and faces."""
    # a warning is a line for the user, not a place in our code
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
