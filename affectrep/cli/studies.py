"""The commands of whole studies: sweep, pool, published, rescore; and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectrep.cli.app import app
from affectrep.cli.examples import epilog

__all__ = ["doctor", "ensemble", "pool", "published", "rescore", "sweep"]


@app.command(epilog=epilog("sweep"))
def sweep(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG... [KEY.SUB=VALUE]...",
            help="files below configs/, and values instead of theirs for all cells",
            show_default=False,
        ),
    ],
    seeds: Annotated[
        str, typer.Option(help="5 (the first five), 0-4 or 0,3,7; one seed alone is 3,")
    ] = "1",
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY.SUB=VALUE,VALUE",
            help="a value per cell; again for each further key; parted by | where there is one, "
            'as in "data.protocol=leave_language_out target=de|leave_language_out target=it"',
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="folder that holds the runs")] = Path("runs"),
    split: Annotated[
        str, typer.Option(help="what to evaluate on; an empty word trains only")
    ] = "test",
    metric: Annotated[
        str | None,
        typer.Option(
            help="figure of the table, such as accuracy, weighted_f1, macro_f1, uar, ccc or rmse; "
            "by default training.select",
            show_default=False,
        ),
    ] = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="pool folds and take means over targets, as pool does")
    ] = False,
    table: Annotated[
        Path | None, typer.Option(help="write the tables here: .md, .tex or .csv")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="system that the others are compared with; else the first")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="cells at once, on the GPUs in turn or with a share of the cores each; "
            "by default one for each GPU",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list the cells and whether each is done")
    ] = False,
) -> None:
    """Train and evaluate configurations x values x seeds that are not there yet, then a table."""
    from affectrep.commands import sweep as command

    command.run(
        [Path(word) for word in words if "=" not in word],
        [word for word in words if "=" in word],
        seeds=seeds,
        sets=sets or [],
        output=output,
        split=split,
        metric=metric,
        pool=pool,
        table=table,
        reference=reference,
        jobs=jobs,
        dry_run=dry_run,
    )


@app.command(epilog=epilog("pool"))
def pool(
    runs: Annotated[list[Path], typer.Argument(help="run folders", show_default=False)],
    choose: Annotated[
        str | None,
        typer.Option(
            "--choose",
            metavar="NAME",
            help="nested selection: take for each fold or group the run that is best on its "
            "validation rows; NAME is that of the run made of them",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make one run of fold runs and take means over targets; no split is read.

    It stands beside its folds as NAME.TARGET-SEED or NAME.folds-SEED, figures in results.csv.
    """
    from affectrep.commands import pool as command

    command.run(runs, choose=choose)


@app.command(epilog=epilog("ensemble"))
def ensemble(
    runs: Annotated[
        list[Path], typer.Argument(help="run folders of several seeds", show_default=False)
    ],
    split: Annotated[str, typer.Option(help="whose stored predictions")] = "test",
) -> None:
    """Make one run of the seeds of a configuration: their mean prediction; no split is read.

    It stands beside them, as NAME_ensemble-0; its figures go into the recipe's results.csv.
    """
    from affectrep.commands import ensemble as command

    command.run(runs, split=split)


@app.command(epilog=epilog("published"))
def published(
    recipe: Annotated[
        Path, typer.Argument(help="a folder below recipes/ with published.csv", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY.SUB=VALUE]...",
            help="values of the paper's configurations (configs/RECIPE/paper_proposed.yaml), such "
            "as data.root=FOLDER: which corpora are there",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show a paper's figures against those obtained, and what its settings still need to run."""
    from affectrep.commands import published as command

    command.run(recipe, overrides or [])


@app.command(epilog=epilog("rescore"))
def rescore(
    recipe: Annotated[
        Path, typer.Argument(help="folder with results.csv and records/", show_default=False)
    ],
) -> None:
    """Compute a recipe's figures and intervals again from its records; no split is read.

    Writes results.csv and the table in the recipe's README.md anew.
    """
    from affectrep.commands import rescore as command

    command.run(recipe)


@app.command(epilog=epilog("doctor"))
def doctor() -> None:
    """Show versions, devices, what is installed and how to install the rest."""
    from affectrep.commands import doctor as command

    command.run()
