"""The sound files that ``affectrep predict`` is given: files, folders or a pipe of paths."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectrep.commands.predict_inputs import (
    SOUNDS,
    files_below,
    is_file,
    is_folder,
    shortened,
    standard_input,
    suit,
)

if TYPE_CHECKING:
    from affectrep.inference.predictor import Predictor

__all__ = ["find_sounds", "predict_sounds"]

_SHOWN = 8


def predict_sounds(
    predictor: Predictor, inputs: list[str]
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a dictionary per sound file that can be read, and what to say of the others.

    Clips in which there is nothing to hear have an answer too; a note on standard error names them.

    Raises:
        ValueError: if there is no sound file, or an input is none.
    """
    paths = list(dict.fromkeys(path for given in inputs for path in find_sounds(given)))
    if not paths:
        raise ValueError("there is no sound file to predict: give files, or folders of them")
    broken: dict[str, str] = {}
    rows = predictor.predict_clips(paths, broken=broken)
    _note_unheard([row["path"] for row in rows])
    if not broken:
        return rows, None
    lines = "".join(f"\n- {reason}" for reason in broken.values())
    return rows, f"{len(broken)} of {len(paths)} sound files cannot be read:{lines}"


def _note_unheard(paths: list[str]) -> None:
    """Name the clips that are silent or too short, by the limits of the check before training."""
    # only this modality needs its packages
    from affectrep.data.audio_checks import AudioLimits, short_or_silent
    from affectrep.data.audio_facts import audio_facts

    limits = AudioLimits()
    short, silent = short_or_silent(audio_facts(paths), limits)
    reasons = {
        f"shorter than {limits.min_seconds:g} s": short,
        f"silent ({limits.silent_dbfs:g} dBFS or less)": silent,
    }
    for reason, found in reasons.items():
        names = [path for path, is_so in zip(paths, found, strict=True) if is_so]
        if names:
            print(
                f"Note: {reason}, so the prediction means nothing ({len(names)} of {len(paths)} "
                f"clips): {', '.join(names[:_SHOWN])}{', …' * (len(names) > _SHOWN)}",
                file=sys.stderr,
            )


def find_sounds(given: str) -> list[str]:
    """Return the sound files of one argument of a speech model.

    Args:
        given: a sound file, a folder (all sound files below it, in order; hidden ones are left
            out), or "-" for a path a line from standard input.

    Raises:
        ValueError: if there is no such file or folder, it is a text, a picture or a video, or a
            folder without sound.
    """
    if given == "-":
        return [path for line in standard_input() for path in find_sounds(line.strip())]
    path = Path(given)
    if is_file(path):
        suit(given, "speech")
        return [given]
    if is_folder(path):
        found = files_below(path, SOUNDS)
        if not found:
            raise ValueError(f"the folder {given} holds no sound file ({', '.join(SOUNDS)})")
        return found
    if path.suffix.lower() in SOUNDS:
        raise ValueError(f"{given} does not exist")
    if " " not in given:
        suit(given, "speech")
    raise ValueError(
        f"{shortened(given)!r} is no file or folder, and this model hears speech: give sound files "
        "or folders of them, or predict texts with a model of text"
    )
