"""The commands of single runs: prepare, train, evaluate, compare, predict, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectrep.cli.app import ConfigFile, Overrides, Split, app
from affectrep.cli.examples import epilog
from affectrep.commands import prepare_options as near
from affectrep.commands.compare_words import BETWEEN, CompareCommand

__all__ = ["compare", "evaluate", "predict", "prepare", "report", "train"]


@app.command(epilog=epilog("prepare"))
def prepare(
    config: ConfigFile,
    overrides: Overrides = None,
    rows: Annotated[Path | None, typer.Option(help="compare with this row list")] = None,
    write_rows: Annotated[Path | None, typer.Option(help="write the row list here")] = None,
    write_set: Annotated[Path | None, typer.Option(help="speech: folder for its tables")] = None,
    near_duplicates: near.ModelOption = None,
    similarity: near.SimilarityOption = 0.98,
    write_pairs: near.PairsOption = None,
) -> None:
    """Read a corpus, check it and show its data card."""
    from affectrep.commands import prepare as command

    search = near.NearSearch(near_duplicates, similarity, write_pairs)
    lists = {"rows": rows, "write_rows_to": write_rows, "write_set_to": write_set}
    command.run(config, overrides or [], near=search, **lists)


@app.command(epilog=epilog("train"))
def train(
    config: ConfigFile,
    overrides: Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="check everything, estimate time, disk and memory")
    ] = False,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="print the resolved configuration and stop")
    ] = False,
    show_folder: Annotated[
        bool, typer.Option("--show-folder", help="print the folder of the run and stop")
    ] = False,
    output: Annotated[Path, typer.Option(help="folder that holds the runs")] = Path("runs"),
) -> None:
    """Train one configuration with one seed; the same command goes on after an interruption."""
    from affectrep.commands import train as command

    command.run(
        config,
        overrides or [],
        dry_run=dry_run,
        show_config=show_config,
        show_folder=show_folder,
        output=output,
    )


@app.command(epilog=epilog("evaluate"))
def evaluate(
    run: Annotated[Path, typer.Argument(help="a run folder", show_default=False)],
    split: Split = "test",
    force: Annotated[
        bool, typer.Option("--force", help="read the split again, although it was read before")
    ] = False,
    condition: Annotated[
        str,
        typer.Option(
            help="a word on how the figures came about; stands beside the setting in the column "
            "condition of the recipe's results.csv, in rows of its own"
        ),
    ] = "",
    families: Annotated[
        Path | None, typer.Option(help="file of confusable families: adds the figures about them")
    ] = None,
    write_families: Annotated[
        Path | None,
        typer.Option(help="with --split validation: write the families of confusable classes"),
    ] = None,
    baselines: Annotated[
        bool | None,
        typer.Option(
            help="print TF-IDF + logistic regression beside the model; by default for generated "
            "corpora only",
            show_default=False,
        ),
    ] = None,
    representation: Annotated[
        bool,
        typer.Option(
            "--representation",
            help="also measure the embeddings, against the training rows, and keep a map of them",
        ),
    ] = False,
    leakage: Annotated[
        bool,
        typer.Option(
            "--leakage",
            help="also measure what the embeddings say about speaker and language, or the person",
        ),
    ] = False,
    mapped: Annotated[
        bool, typer.Option("--map", help="keep a map of the embeddings, which a report draws")
    ] = False,
    before: Annotated[
        bool,
        typer.Option(
            "--before",
            help="with --representation, --leakage: also of the encoder as it was before training",
        ),
    ] = False,
    smiles: Annotated[
        Path | None,
        typer.Option(help="faces: read people neutral and smiling in this folder, not a split"),
    ] = None,
) -> None:
    """Score a run on one split, with intervals; readings of the test split are counted."""
    from affectrep.commands import evaluate as command

    command.run(
        run,
        split=split,
        force=force,
        condition=condition,
        families=families,
        write_families=write_families,
        baselines=baselines,
        representation=representation,
        leakage=leakage,
        mapped=mapped,
        before=before,
        smiles=smiles,
    )


@app.command(cls=CompareCommand, epilog=epilog("compare"))
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="runs of one side, one per seed, or its record file")
    ],
    against: Annotated[
        list[str],
        typer.Option(
            metavar="RUNS...", help="run folders of another side; again for each further side"
        ),
    ],
    split: Split = "test",
    metric: Annotated[
        str | None,
        typer.Option(
            help="figure of the verdict: accuracy, weighted_f1, macro_f1, uar, ccc, pcc, rmse or "
            "another of the table; by default uar where training.select is, else weighted_f1, "
            "else the first there is",
            show_default=False,
        ),
    ] = None,
    families: Annotated[
        Path | None, typer.Option(help="file of confusable families: adds the figures about them")
    ] = None,
) -> None:
    """Compare one side with others over items and seeds: effects, intervals, Holm's p."""
    from affectrep.commands import compare as command

    sides = [[Path(run) for run in group.split(BETWEEN) if run] for group in against]
    command.run(runs, sides, split=split, metric=metric, families=families)


@app.command(epilog=epilog("predict"))
def predict(
    model: Annotated[
        str, typer.Argument(help="shipped name (goemotions), run or model folder, or hub id")
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="texts, a .txt or .csv file (column text), or - for lines of standard input; for "
            "a speech model sound files (WAV, FLAC, OGG, MP3) or folders of them; for a model of "
            "faces pictures, folders of them, or videos (MP4, AVI, MOV, MKV, WebM)"
        ),
    ],
    top: Annotated[int, typer.Option(min=1, help="classes to show per input")] = 3,
    output: Annotated[Path | None, typer.Option(help="CSV or JSON file; plot of a video")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    detector: Annotated[
        str | None,
        typer.Option(
            help="of faces: none (pictures as they are), cascade or yunet:FILE; else the model's"
        ),
    ] = None,
    all_faces: Annotated[bool, typer.Option("--all-faces", help="not the largest alone")] = False,
    fps: Annotated[float | None, typer.Option(help="of a video; else the model's, or 5")] = None,
) -> None:
    """Name the emotion of texts, spoken clips, faces or videos, as the model was trained to."""
    from affectrep.commands import predict as command

    faces = command.FaceOptions(detector, all_faces, fps)
    command.run(model, inputs, top=top, output=output, as_json=as_json, faces=faces)


@app.command(epilog=epilog("report"))
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="run folders, or record files of a recipe", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "--out", help="the HTML file to write")
    ] = Path("report.html"),
) -> None:
    """Write one HTML file about runs; it needs no network to be read."""
    from affectrep.commands import report as command

    command.run(runs, output)
