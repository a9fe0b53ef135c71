"""The section with pictures: faces beside their true and their predicted valence and arousal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from affectrep.evaluation.metrics import AXES
from affectrep.evaluation.quadrants import quadrant
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.page import section
from affectrep.reporting.plane import Plane, arrow, signed
from affectrep.reporting.subject import Subject, finite_rows

__all__ = ["Face", "face_plane", "faces", "faces_path", "read_faces"]

Face = Mapping[str, str]
Pair = tuple[float, float]
_IMAGE = re.compile(r"data:image/(jpeg|png);base64,[A-Za-z0-9+/]+={0,2}")
_BUDGET = 2_500_000  # characters of all pictures of a report, which stays under 5 MB
_KINDS = {
    "best": "Best: the smallest errors, from every part of the plane",
    "typical": "Typical: errors about as large as most",
    "worst": "Worst: the largest errors",
}


def faces_path(run: StoredRun, split: str) -> Path:
    """Where the pictures of a split lie."""
    return run.table_path(split).with_name(f"{split}.faces.json")


def read_faces(run: StoredRun, split: str) -> list[Face]:
    """Return the stored pictures of a split: id, kind and image; empty where there are none.

    Raises:
        ValueError: if the file is no list of pictures, or an image is not embedded.
    """
    path = faces_path(run, split)
    if not path.is_file():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON: {error}") from None
    if not isinstance(found, list):
        raise ValueError(f"{path}: expected a list of pictures, got {type(found).__name__}")
    for number, one in enumerate(found):
        _check(one, f"{path}, picture {number + 1}")
    return found


def faces(subject: Subject, *, subjects: int = 1) -> str:
    """Return the best, typical and worst faces of the first run that has pictures.

    Empty where no run has any. Pictures beyond 2.5 MB are left out, and counted.

    Args:
        subject: whose pictures.
        subjects: how many the report shows; they share the room.
    """
    split = subject.split or ""
    runs = subject.runs if split and subject.task == "regression" else []
    run = next((one for one in runs if faces_path(one, split).is_file()), None)
    if run is None:
        return ""
    places = _places(run, split)
    known = [one for one in read_faces(run, split) if one["id"] in places]
    kept = _within(known, _BUDGET // max(1, subjects))
    parts = []
    for kind, words in _KINDS.items():
        mine = [one for one in kept if one["kind"] == kind]
        items = "".join(_face(one, *places[one["id"]]) for one in mine)
        parts.append(f'<h3>{words}</h3><ul class="faces">{items}</ul>' if mine else "")
    words = (
        f"Predictions of seed {run.seed}. Right is pleasant, up is aroused: the ring is the true "
        "place, the dot the predicted one."
    )
    if len(kept) < len(known):
        words += f" {len(known) - len(kept)} more pictures would have made this file too large."
    return section(subject.anchor("faces"), subject.heading("Faces"), words, *parts)


def face_plane(true: Pair, said: Pair, *, name: str) -> str:
    """Return a small plane with a ring at the true place and an arrow to the predicted one.

    Args:
        true: valence and arousal in [-1, 1].
        said: predicted.
        name: of the row, for those who do not see it.

    Example:
        >>> "true +.5" in face_plane((0.5, 0.1), (0.3, 0.0), name="a")
        True
    """
    plane = Plane(size=100, edge=0)
    start, end = plane.at(*true), plane.at(*said)
    long = math.dist(start, end)
    share = (long - 4) / long if long > 14 else 1.0  # the head stops before the dot
    tip = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
    path = arrow(start, tip, head=6 if long > 14 else math.inf)
    parts = [
        *plane.grid(),
        f'<path fill="none" stroke="var(--s1)" stroke-width="1.8" d="{path}"/>',
        f'<circle cx="{start[0]:.1f}" cy="{start[1]:.1f}" r="3.8" fill="var(--card)" '
        'stroke="var(--ink)" stroke-width="1.6"/>',
        f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="3" fill="var(--s1)"/>',
    ]
    return plane.svg(parts, _told(true, said, name))


def _face(one: Face, true: Pair, said: Pair) -> str:
    words, right = quadrant(*said), quadrant(*true)
    truth = "" if words == right else f"<span>true: {escape(right)}</span>"
    lines = "".join(
        f"<tr><td>{axis}</td><td>{signed(p)}</td><td>{signed(t)}</td></tr>"
        for axis, p, t in zip(AXES, said, true, strict=True)
    )
    return (
        f'<li class="face"><div class="look"><img src="{one["image"]}" '
        f'alt="{escape(_told(true, said, one["id"]), quote=True)}"/>'
        f"{face_plane(true, said, name=one['id'])}</div>"
        f'<p class="word">{escape(words)}{truth}</p>'
        f"<table><thead><tr><th></th><th>predicted</th><th>true</th></tr></thead>"
        f"<tbody>{lines}</tbody></table></li>"
    )


def _told(true: Pair, said: Pair, name: str) -> str:
    axes = (
        f"predicted {axis} {signed(p, 1)}, true {signed(t, 1)}"
        for axis, p, t in zip(AXES, said, true, strict=True)
    )
    return f"{name}: {'; '.join(axes)}"


def _places(run: StoredRun, split: str) -> dict[str, tuple[Pair, Pair]]:
    """Return true and predicted place by row id."""
    table = finite_rows(run.table(split))
    columns = [*AXES, *(f"predicted_{axis}" for axis in AXES)]
    values = table[columns].astype(float).to_numpy().tolist()
    return {
        str(name): ((row[0], row[1]), (row[2], row[3]))
        for name, row in zip(table["id"], values, strict=True)
    }


def _within(known: Sequence[Face], budget: int) -> list[Face]:
    """Return as many pictures as there is room for, the kinds in turn."""
    by_kind = [[one for one in known if one["kind"] == kind] for kind in _KINDS]
    kept: list[Face] = []
    for place in range(max(map(len, by_kind), default=0)):
        for kind in by_kind:
            if place < len(kind) and len(kind[place]["image"]) <= budget:
                budget -= len(kind[place]["image"])
                kept.append(kind[place])
    return kept


def _check(one: object, where: str) -> None:
    if not isinstance(one, dict) or not all(
        isinstance(one.get(key), str) for key in ("id", "kind", "image")
    ):
        raise ValueError(f"{where}: expected id, kind and image, all text")
    if one["kind"] not in _KINDS:
        raise ValueError(f"{where}: expected kind {', '.join(_KINDS)}, got {one['kind']!r}")
    if not _IMAGE.fullmatch(one["image"]):
        start = one["image"][:40]
        raise ValueError(f"{where}: expected an embedded JPEG or PNG, got {start!r}")
