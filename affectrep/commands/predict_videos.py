"""Videos of faces: a row a frame with a plot of the track, or a table of seconds."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectrep.commands.predict_output import OutputOptions, show
from affectrep.data.whole_file import whole_file

if TYPE_CHECKING:
    from affectrep.inference.predictor import Predictor

__all__ = ["by_second", "plot_paths", "predict_videos"]

_AS_THEY_ARE = " (--detector none takes frames as they are)"


def predict_videos(
    predictor: Predictor,
    paths: list[str],
    options: OutputOptions,
    *,
    detector: str | None,
    fps: float | None,
) -> str | None:
    """Predict and show the frames of videos; return what to say of those that cannot be used.

    A table holds a row a second. A file holds a row a frame, with a plot a video beside it: a PNG,
    or an SVG where ``options.output`` ends in .svg; the rows are then in a CSV of that name.

    Args:
        predictor: of faces.
        paths: of the videos.
        options: where predictions go.
        detector: as for `Predictor.predict_video`.
        fps: frames a second that are read; None takes the model's.
    """
    if fps is None and predictor.guesses_rate:
        _note_rate(predictor)
    tracks: dict[str, list[dict[str, Any]]] = {}
    broken: list[str] = []
    for path in paths:
        try:
            rows = list(_watched(predictor, path, detector, fps))
            _note_break(path, rows[-1]["frame"], predictor.frame_rate if fps is None else fps)
            if not any(row["faces"] for row in rows):
                raise ValueError(f"{path}: no face found in {len(rows)} frames{_AS_THEY_ARE}")
            tracks[path] = rows
        except ValueError as error:
            broken.append(str(error))
    rows = [row for track in tracks.values() for row in track]
    plots = options.output
    if plots is not None and plots.suffix.lower() in {".png", ".svg"}:
        options = replace(options, output=plots.with_suffix(".csv"))
    if rows:
        summary = by_second(rows, predictor.threshold) if options.is_table else None
        show(predictor, rows, options, summary=summary, noun="frames")
        if detector == "auto" and predictor.sees_crops:
            _note_searched(rows)
        _note_absent(rows)
    if plots is not None:
        _plot(tracks, plots)
    if not broken:
        return None
    lines = "".join(f"\n- {reason}" for reason in broken)
    return f"{len(broken)} of {len(paths)} videos cannot be used:{lines}"


def _watched(
    predictor: Predictor, path: str, detector: str | None, fps: float | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a video beside a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, markup=False)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=None)  # a file need not know how long it is
        for row in predictor.predict_video(path, fps=fps, detector=detector, batch_size=16):
            progress.update(task, description=f"{Path(path).name}: {row['time_s']:.0f} s watched")
            yield row


def _note_rate(predictor: Predictor) -> None:
    print(
        f"this model reads clips of {predictor.model.encoder.preprocess.frames} frames, and was "
        f"not told how many a second it was trained on: {predictor.frame_rate:g} a second are "
        "read, --fps sets another rate",
        file=sys.stderr,
    )


def _note_break(path: str, last: int, fps: float) -> None:
    # it opens the video, which needs OpenCV
    from affectrep.data.video import break_off

    note = break_off(path, last=last, fps=fps)
    if note:
        print(note, file=sys.stderr)


def _note_searched(rows: list[dict[str, Any]]) -> None:
    """Say in how many frames a face was looked for although the model knows crops alone."""
    searched = sum(row["box"] is not None or not row["faces"] for row in rows)
    if searched:
        print(
            "this model was trained on ready crops: the face was looked for in "
            f"{searched} of {len(rows)} frames{_AS_THEY_ARE}",
            file=sys.stderr,
        )


def _note_absent(rows: list[dict[str, Any]]) -> None:
    absent = sum(not row["faces"] for row in rows)
    if absent:
        print(
            f"{absent} of {len(rows)} frames hold no face: they have no prediction", file=sys.stderr
        )


def by_second(rows: list[dict[str, Any]], threshold: float) -> list[dict[str, Any]]:
    """Return the mean of the frames of each second, those without a face left out.

    Args:
        rows: as `Predictor.predict_video` gives them, video after video.
        threshold: from which a multi-label model names a class.

    Example:
        >>> frame = {"path": "a.mp4", "valence": 0.5, "arousal": 0.25, "quadrant": "", "faces": 1}
        >>> second = by_second([frame | {"time_s": time} for time in (0.0, 0.5, 1.0)], 0.5)
        >>> [(row["time_s"], row["valence"], row["quadrant"]) for row in second]
        [(0, 0.5, 'excited/happy'), (1, 0.5, 'excited/happy')]
    """
    return [
        _mean({"path": path, "time_s": second}, list(frames), threshold)
        for (path, second), frames in groupby(
            rows, key=lambda row: (row["path"], math.floor(row["time_s"]))
        )
    ]


def _mean(known: dict[str, Any], frames: list[dict[str, Any]], threshold: float) -> dict[str, Any]:
    seen = [frame for frame in frames if frame["faces"]]
    if not seen:
        return {**dict.fromkeys(frames[0]), **known, "box": None, "faces": 0}
    if "probabilities" not in seen[0]:
        from affectrep.evaluation.quadrants import quadrant

        means = [sum(row[name] for row in seen) / len(seen) for name in ("valence", "arousal")]
        named = dict(zip(("valence", "arousal"), means, strict=True))
        return {**known, **named, "quadrant": quadrant(*means)}
    classes = seen[0]["probabilities"]
    shares = {name: sum(row["probabilities"][name] for row in seen) / len(seen) for name in classes}
    labels = [name for name, share in shares.items() if share >= threshold]
    return {**known, "probabilities": shares, **({"labels": labels} if "labels" in seen[0] else {})}


def _plot(tracks: dict[str, list[dict[str, Any]]], output: Path) -> None:
    from affectrep.inference.track_plot import track_plot

    for (path, rows), place in zip(tracks.items(), plot_paths(output, len(tracks)), strict=True):
        plot = track_plot(rows, title=Path(path).name, kind=place.suffix[1:])
        with whole_file(place) as partial:
            partial.write_bytes(plot)
        print(f"{place}: the track of {path}", file=sys.stderr)


def plot_paths(output: Path, count: int) -> list[Path]:
    """Return where the plots of so many videos go, beside the table of their frames.

    Example:
        >>> [str(path) for path in plot_paths(Path("found.csv"), 1)]
        ['found.png']
        >>> [str(path) for path in plot_paths(Path("found.svg"), 2)]
        ['found-1.svg', 'found-2.svg']
    """
    suffix = ".svg" if output.suffix.lower() == ".svg" else ".png"
    if count == 1:
        return [output.with_suffix(suffix)]
    return [output.with_name(f"{output.stem}-{number}{suffix}") for number in range(1, count + 1)]
