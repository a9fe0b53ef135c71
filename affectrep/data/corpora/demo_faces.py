"""The generated demo faces: 4,000 drawn faces of 125 people, driven by valence and arousal.

A program drew every face: the corpus shows that the machinery works and is no benchmark. Valence
and arousal move action units (`demo_faces_actions`), which move brows, lids, cheeks, nose, mouth
and jaw. What makes a new person hard is planted and known: a face at rest looks a bit sad or glad,
stern or sleepy by itself, people move more or less, unevenly, and prefer some expressions to others
(`demo_faces_people`). Pose, light, background, noise and now and then a hand or a strand of hair in
the way are drawn for each picture (`demo_faces_scenes`).

The pictures are written once, into ``$AFFECTREP_CACHE/demo_faces-<version>`` (else
``~/.cache/affectrep/``), or below ``root``.

Frozen on 2026-11-21, for seed 0, before any network was tried on it. Only people's eyes on the
pictures, and ridge regression and nearest neighbours on pixels, led its design. A test holds the
digest of the draw and of the first pictures.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.cache_folder import cache_folder
from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.demo_faces_actions import ACTION_UNITS, expression
from affectrep.data.corpora.demo_faces_people import people
from affectrep.data.corpora.demo_faces_render import render
from affectrep.data.corpora.demo_faces_scenes import (
    FRAMES_PER_SECOND,
    Scene,
    draw_clips,
    draw_pictures,
    rating_ceiling,
)
from affectrep.data.corpora.generated_folder import generated_files
from affectrep.data.images import face_package, image_content
from affectrep.data.manifest import CorpusInfo, Manifest

__all__ = ["PROTOCOLS", "ceiling", "prepare", "write_pictures"]

PROTOCOLS = ("images", "clips")
RENDERING = 1
"""Raised when the same scenes look different, so that old pictures are not taken for new ones."""
_TABLE = "pictures.parquet"


def prepare(
    root: Path | str | None = None,
    *,
    protocol: str | None = None,
    columns: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Draw the corpus, or find it drawn: 4,000 pictures of 64 px, or 250 clips of 12 frames.

    The 30 people of the test split are the same for every seed and never occur in another one.

    Args:
        root: folder for the pictures; None takes the cache folder.
        protocol: images or clips (rows are frames); None is images.
        columns: has no use here.
        labels: has no use here.
        holdout: share of the other 95 people that is kept for validation.
        seed: of the pictures and of the choice of validation people; 0 is the frozen corpus.

    Returns:
        A manifest with the columns id, split, path, valence and arousal (what the raters say),
        subject, expression (the word for the truth), content, generated, true_valence,
        true_arousal, cover (empty, hand or strand), one column au<number> for each action unit,
        and for clips video, frame and time_s.

    Raises:
        ValueError: if Pillow is not installed, the protocol is unknown, the holdout leaves nobody
            for training or validation, or an argument that has no use is given.
    """
    refuse_unused("demo_faces", columns=columns, labels=labels)
    protocol = protocol or PROTOCOLS[0]
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"demo_faces has no protocol {protocol!r}; expected {' or '.join(PROTOCOLS)}"
        )
    splits = _splits(holdout, seed)
    scenes = draw_pictures(seed) if protocol == "images" else draw_clips(seed)
    rows = pd.concat([_known(scenes), write_pictures(root, scenes)], axis=1)
    rows.insert(1, "split", [splits[scene.person.name] for scene in scenes])
    return Manifest(rows, _info(rows, protocol))


def write_pictures(root: Path | str | None, scenes: Sequence[Scene]) -> pd.DataFrame:
    """Draw the scenes into PNG files, unless they lie there already.

    The folder's name holds a digest of the scenes and the version of Pillow; see
    `generated_files`.

    Args:
        root: the folder is made below it; None takes `cache_folder`.
        scenes: to be drawn.

    Returns:
        path and content per scene, in their order.

    Raises:
        ValueError: if Pillow is not installed, or the folder cannot be written.
    """
    base = Path(root).expanduser() if root is not None else cache_folder()
    return generated_files(
        base.absolute() / f"demo_faces-{_version(scenes)}",
        scenes,
        _draw_one,
        table=_TABLE,
        doing="Drawing demo_faces",
    )


def ceiling(manifest: Manifest, split: str = "test") -> dict[str, float]:
    """Return the CCC that one who knows the truth reaches on a split, for valence and arousal.

    It is below 1 because the labels are means of raters who err. See `rating_ceiling`.

    Raises:
        ValueError: if the split is unknown or has fewer than two rows.
    """
    return rating_ceiling(manifest.split(split))


def _version(scenes: Sequence[Scene]) -> str:
    try:
        pillow = face_package("PIL").__version__
    except ImportError as error:
        raise ValueError(f"demo_faces cannot be drawn: {error}") from None
    digest = hashlib.sha256(repr((RENDERING, pillow, people())).encode())
    for scene in scenes:
        words = (scene.name, scene.person.name, scene.actions, scene.pose, scene.setting)
        digest.update(repr(words).encode())
    return digest.hexdigest()[:16]


def _draw_one(folder: Path, scene: Scene) -> dict[str, Any]:
    pixels = render(scene)
    name = f"{scene.name}.png" if "/" in scene.name else f"{scene.name[:3]}/{scene.name}.png"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    face_package("PIL.Image").fromarray(pixels).save(folder / name, compress_level=4)
    return {"path": name, "content": image_content(pixels)}


def _known(scenes: Sequence[Scene]) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "id": scene.name,
            "valence": scene.rated[0],
            "arousal": scene.rated[1],
            "subject": scene.person.name,
            "expression": expression(scene.valence, scene.arousal),
            "generated": True,
            "true_valence": scene.valence,
            "true_arousal": scene.arousal,
            "cover": scene.setting.cover,
            **{f"au{au}": done for au, done in zip(ACTION_UNITS, scene.actions, strict=True)},
        }
        for scene in scenes
    )
    if any(scene.frame is not None for scene in scenes):
        rows["video"] = [scene.name.partition("/")[0] for scene in scenes]
        rows["frame"] = [scene.frame for scene in scenes]
        rows["time_s"] = rows["frame"] / FRAMES_PER_SECOND
    return rows


def _splits(holdout: float, seed: int) -> dict[str, str]:
    """Return the split of every person by name."""
    seen = [person.name for person in people() if not person.held_out]
    kept = round(holdout * len(seen))
    if not 0 < kept < len(seen):
        raise ValueError(
            f"expected a holdout that leaves some of {len(seen)} people for training and some for "
            f"validation, got {holdout}"
        )
    order = sorted(seen, key=lambda name: random.Random(f"demo_faces {seed} {name}").random())
    splits = {person.name: "test" for person in people()}
    return {**splits, **dict.fromkeys(order, "train"), **dict.fromkeys(order[:kept], "validation")}


def _info(rows: pd.DataFrame, protocol: str) -> CorpusInfo:
    best = rating_ceiling(rows[rows["split"] == "test"])
    return CorpusInfo(
        name="demo_faces",
        title="Generated demo faces" + (" (clips)" if protocol == "clips" else ""),
        modality="face",
        task="regression",
        classes=None,
        licence="generated by this project, CC0",
        source="generated by affectrep.data.corpora.demo_faces",
        generated=True,
        notes=[
            "These faces are drawn by a program. They show that the machinery works; they are no "
            "benchmark and say nothing about real faces.",
            "The people of the test split occur in no other split.",
            "The labels are means of raters who err: who knows the truth reaches a CCC of "
            f"{best['valence']:.3f} for valence and {best['arousal']:.3f} for arousal on the test "
            "split.",
        ],
    )
