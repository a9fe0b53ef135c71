"""The pictures and videos of faces that ``affectrep predict`` is given, and their predictions."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectrep.commands.predict_inputs import (
    PICTURES,
    VIDEOS,
    files_below,
    is_file,
    is_folder,
    kind_of,
    shortened,
    standard_input,
    suit,
)
from affectrep.commands.predict_output import OutputOptions, require_ending, show

if TYPE_CHECKING:
    from affectrep.inference.predictor import Predictor

__all__ = ["FaceOptions", "find_faces", "predict_faces"]


@dataclass(frozen=True)
class FaceOptions:
    """What only a model of faces is told.

    Args:
        detector: none, cascade or yunet:<file>; None takes the model's, and where that was trained
            on ready crops looks for the face in pictures that are none.
        all_faces: all faces of a picture, not the largest alone.
        fps: frames a second that are read from a video; None takes the model's, else 5.
    """

    detector: str | None = None
    all_faces: bool = False
    fps: float | None = None


def predict_faces(
    predictor: Predictor, inputs: list[str], options: OutputOptions, faces: FaceOptions
) -> str | None:
    """Predict and show pictures, or videos; return what to say of those that cannot be used.

    Raises:
        ValueError: if there is neither, both come at once, an input is none, or an option is for
            the other kind.
    """
    paths = list(dict.fromkeys(path for given in inputs for path in find_faces(given)))
    if not paths:
        raise ValueError("there is no picture to predict: give pictures, folders of them or videos")
    detector = "auto" if faces.detector is None and predictor.sees_crops else faces.detector
    kinds = {kind_of(Path(path)) == "video": path for path in paths}
    if len(kinds) == 2:
        raise ValueError(f"{kinds[True]} is a video, {kinds[False]} is not: predict them apart")
    require_ending(options.output, plots=True in kinds)
    if True in kinds:
        from affectrep.commands.predict_videos import predict_videos

        if faces.all_faces:
            raise ValueError("--all-faces is for pictures: of a video the largest face is followed")
        return predict_videos(predictor, paths, options, detector=detector, fps=faces.fps)
    if faces.fps is not None:
        raise ValueError("--fps is for videos, and these are pictures: leave it out")
    return _pictures(predictor, paths, options, replace(faces, detector=detector))


def _pictures(
    predictor: Predictor, paths: list[str], options: OutputOptions, faces: FaceOptions
) -> str | None:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True, markup=False)
    hidden = len(paths) < 2 or not console.is_terminal
    broken: dict[str, str] = {}
    rows = predictor.predict_faces(
        track(paths, "finding faces", console=console, transient=True, disable=hidden),
        detector=faces.detector,
        all_faces=faces.all_faces,
        broken=broken,
    )
    if rows:
        show(predictor, rows, options)
    if faces.detector == "auto" and predictor.sees_crops:
        _note_searched(rows)
    if not faces.all_faces:
        _note_several(rows)
    if not broken:
        return None
    lines = "".join(f"\n- {reason}" for reason in broken.values())
    return f"{len(broken)} of {len(paths)} pictures cannot be used:{lines}"


def _note_searched(rows: list[dict[str, Any]]) -> None:
    """Say in how many pictures a face was looked for although the model knows crops alone."""
    searched = {row["path"] for row in rows if row["box"] is not None or not row["faces"]}
    if not searched:
        return
    lost = sum(not row["faces"] for row in rows)
    none = f"; in {lost} of them none was found, and the middle was taken" if lost else ""
    print(
        f"this model was trained on ready crops: the face was looked for in {len(searched)} of "
        f"{len({row['path'] for row in rows})} pictures{none} "
        "(--detector none takes pictures as they are)",
        file=sys.stderr,
    )


def _note_several(rows: list[dict[str, Any]]) -> None:
    several = [row for row in rows if row["faces"] > 1]
    if several:
        words = f"{len(several)} of {len(rows)} pictures hold several faces"
        if len(rows) == 1:
            words = f"{rows[0]['path']} holds {rows[0]['faces']} faces"
        print(f"{words}: the largest was taken, --all-faces takes all", file=sys.stderr)


def _pictures_below(path: Path, given: str) -> list[str]:
    both = files_below(path, (*PICTURES, *VIDEOS))
    found = [file for file in both if kind_of(Path(file)) == "picture"]
    videos = len(both) - len(found)
    if not found:
        more = f", but {videos} videos: name them one by one" if videos else ""
        raise ValueError(f"the folder {given} holds no picture ({', '.join(PICTURES)}){more}")
    if videos:
        many = f"{videos} videos are" if videos > 1 else "1 video is"
        print(f"{many} left out of the folder {given}: name videos one by one", file=sys.stderr)
    return found


def find_faces(given: str) -> list[str]:
    """Return the pictures and videos of one argument of a model of faces.

    Args:
        given: a picture, a video, a folder (all pictures below it, in order; hidden ones are left
            out, and videos, which is said), or "-" for a path a line from standard input.

    Raises:
        ValueError: if there is no such file or folder, it is a text or a sound file, or a folder
            without pictures.
    """
    if given == "-":
        return [path for line in standard_input() for path in find_faces(line.strip())]
    path = Path(given)
    if is_file(path):
        suit(given, "face")
        return [given]
    if is_folder(path):
        return _pictures_below(path, given)
    if path.suffix.lower() in {*PICTURES, *VIDEOS}:
        raise ValueError(f"{given} does not exist")
    if " " not in given:
        suit(given, "face")
    raise ValueError(
        f"{shortened(given)!r} is no file or folder, and this model sees faces: give pictures, "
        "folders of them or videos, or predict texts with a model of text"
    )
