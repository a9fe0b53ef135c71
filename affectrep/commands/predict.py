"""``affectrep predict``: emotion of texts, sound files, faces and videos, or folders of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from affectrep.commands.predict_faces import FaceOptions, predict_faces
from affectrep.commands.predict_output import OutputOptions, require_ending, require_place, show
from affectrep.commands.predict_sounds import predict_sounds
from affectrep.commands.predict_texts import predict_texts, threads

if TYPE_CHECKING:
    from affectrep.inference.predictor import Predictor

__all__ = ["FaceOptions", "run"]


def run(
    model: str,
    inputs: list[str],
    *,
    top: int = 3,
    output: Path | None = None,
    as_json: bool = False,
    faces: FaceOptions | None = None,
) -> None:
    """Predict and print a table, or JSON lines, or write a file.

    Args:
        model: shipped name, model folder, run folder or hub id; it decides what inputs mean.
        inputs: for a model of text, texts, files (.txt, .csv, .tsv), or "-" for lines from
            standard input; for one of speech, sound files, folders of them, or "-" for paths; for
            one of faces, pictures, folders of them, or "-" for paths, or videos.
        top: classes shown per input in the table; a model of valence and arousal refuses all but
            the default.
        output: file to write instead of printing, a name in .csv, .json or .jsonl: CSV, or JSON
            lines with ``as_json`` or the latter two. A video gets a plot beside it.
        as_json: one JSON object per input.
        faces: for a model of faces; other models refuse all but the defaults.

    Raises:
        ValueError: if a text, file or model cannot be used, or the output is an input, a folder or
            has another ending; nothing is written then. Sound files and pictures that cannot be
            read, and pictures without a face, are named after the others have been written.
    """
    from affectrep.inference.predictor import Predictor

    require_place(output, inputs)
    faces = faces or FaceOptions()
    with threads(1):
        predictor = Predictor.load(model)
    if predictor.modality != "face" and faces != FaceOptions():
        raise ValueError(
            "--detector, --all-faces and --fps are for models of faces: leave them out"
        )
    if predictor.model.task == "regression" and top != OutputOptions().top:
        raise ValueError(
            "--top is for models of classes, and this one tells valence and arousal: leave it out"
        )
    _predict(predictor, inputs, OutputOptions(top, output, as_json), faces)


def _predict(
    predictor: Predictor, inputs: list[str], options: OutputOptions, faces: FaceOptions
) -> None:
    problem: str | None = None
    if predictor.modality != "face":  # there a video may have those of plots
        require_ending(options.output)
    if predictor.modality == "face":
        problem = predict_faces(predictor, inputs, options, faces)
    elif predictor.modality == "speech":
        rows, problem = predict_sounds(predictor, inputs)
        if rows:
            show(predictor, rows, options)
    else:
        show(predictor, predict_texts(predictor, inputs), options)
    if problem:
        raise ValueError(problem)
