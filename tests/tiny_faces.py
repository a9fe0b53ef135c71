"""Tiny drawn faces in the official layouts of the face corpora, and settings that train in seconds.

Imports Pillow and opencv: call `pytest.importorskip` for both before importing this.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from tests.data.corpora.faces import write_video

CONFIGS = Path(__file__).parents[1] / "configs" / "fer_av"
SIDE = 40  # px
SMALL = (
    "training.epochs=1",
    "training.threads=1",
    "training.precision=fp32",
    "evaluation.resamples=100",
    "data.batch_size=8",
)
RESNET = ("encoder.width=8", "encoder.preprocess.size_px=28", "encoder.preprocess.resize_px=32")
ALEXNET = ("encoder.preprocess.size_px=64", "encoder.preprocess.resize_px=66")
CLIPS = (
    "encoder.preprocess.size_px=16",
    "encoder.preprocess.resize_px=18",
    "encoder.preprocess.frames=4",
)


def draw_face(path: Path, valence: float, arousal: float, *, person: int, take: int = 0) -> Path:
    """Draw a face: the mouth follows valence, the eyes arousal, the skin the person."""
    image = Image.new("RGB", (SIDE, SIDE), (40 + 3 * take % 120, 60 + take // 40, 90))
    pen = ImageDraw.Draw(image)
    skin = (150 + 17 * person % 100, 110 + 29 * person % 90, 90 + 41 * person % 80)
    pen.ellipse((4, 2, SIDE - 5, SIDE - 3), fill=skin)
    open_by = 2 + 2 * arousal
    for middle in (14, SIDE - 15):
        pen.ellipse((middle - 3, 15 - open_by, middle + 3, 15 + open_by), fill=(20, 20, 30))
    bend = 5 * valence
    lips = [(12, 27 - bend), (16, 27), (SIDE // 2, 27 + bend / 2), (24, 27), (28, 27 - bend)]
    pen.line(lips, fill=(140, 30, 40), width=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def places(count: int) -> Iterator[tuple[float, float]]:
    """Yield pairs of valence and arousal around the circle, a weak one after each strong one."""
    for number in range(count):
        angle, radius = 2.4 * number, (0.8, 0.2)[number % 2]
        yield round(radius * math.cos(angle), 3), round(radius * math.sin(angle), 3)


def face_rows(folder: Path, *, people: int = 10, each: int = 6) -> pd.DataFrame:
    """Draw faces of several people: six parts train, two validation, two test, nobody in two."""
    rows: list[dict[str, Any]] = []
    for number, (valence, arousal) in enumerate(places(people * each)):
        person = number // each
        share = person / people
        file = draw_face(
            folder / "images" / f"{number:03d}.png", valence, arousal, person=person, take=number
        )
        rows.append(
            {
                "path": str(file.relative_to(folder)),
                "valence": valence,
                "arousal": arousal,
                "subject": f"p{person}",
                "expression": "happiness" if valence > 0 else "sadness",
                "split": "train" if share < 0.6 else "validation" if share < 0.8 else "test",
            }
        )
    return pd.DataFrame(rows)


def face_csv(folder: Path, rows: pd.DataFrame | None = None) -> Path:
    """Write a table of the user's own, of these rows or of `face_rows`."""
    path = folder / "faces.csv"
    (face_rows(folder) if rows is None else rows).to_csv(path, index=False)
    return path


def face_config(folder: Path, table: Path, *lines: str, name: str = "own") -> Path:
    """Write a configuration of plain regression on a table; later lines go before earlier ones."""
    path = folder / f"{name}.yaml"
    values = {
        "name": f"name: {name}",
        "recipe": "recipe: fer_av",
        "task": "task: regression",
        "data": f"data: {{corpus: face_table, root: {table}, batch_size: 8, face: {{cache: no}}}}",
        "encoder": "encoder: {name: resnet18, width: 8, preprocess: {size_px: 28, resize_px: 32}}",
        "heads": "heads: {hidden: [16], dropout: 0.1}",
        "objective": "objective: {name: av_regression}",
        "optimizer": "optimizer: {encoder_lr: 0.002, head_lr: 0.005}",
        "training": "training: {epochs: 1, threads: 1, select: ccc}",
        "evaluation": "evaluation: {resamples: 100}",
    }
    values |= {line.split(":")[0]: line for line in lines}
    path.write_text("\n".join(values.values()) + "\n", encoding="utf-8")
    return path


def affectnet_lists(root: Path, *, train: int = 40, test: int = 10) -> Path:
    """Write AffectNet as it was first given out: two lists with the boxes of faces."""
    columns = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks"
    lists = root / "Manually_Annotated_file_lists"
    lists.mkdir(parents=True)
    for part, (name, first, count) in enumerate(
        (("training", 0, train), ("validation", train, test))
    ):
        lines = [f"{columns},expression,valence,arousal"]
        for number, (valence, arousal) in enumerate(places(count), start=first):
            file = f"{part + 1}/{number:03d}.jpg"
            path = root / "Manually_Annotated_Images" / file
            draw_face(path, valence, arousal, person=number, take=number)
            expression = 1 if valence > 0 else 2
            lines.append(f"{file},2,2,36,36,1;2,{expression},{valence},{arousal}")
        lines.append(f"{part + 1}/none.jpg,2,2,36,36,1;2,10,-2,-2")
        (lists / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def affectnet_later(root: Path, *, train: int = 40, test: int = 10) -> Path:
    """Write AffectNet as it is given out now: a folder of images, one of npy files."""
    for part, (name, first, count) in enumerate(
        (("train_set", 0, train), ("val_set", train, test))
    ):
        (root / name / "annotations").mkdir(parents=True)
        for number, (valence, arousal) in enumerate(places(count), start=first):
            path = root / name / "images" / f"{number}.jpg"
            draw_face(path, valence, arousal, person=number + 7 * part, take=number)
            values = {"val": valence, "aro": arousal, "exp": 1 if valence > 0 else 2, "lnd": 0}
            for kind, value in values.items():
                np.save(path.parents[1] / "annotations" / f"{number}_{kind}.npy", str(value))
    return root


def afew_va(root: Path, *, clips: int = 20, frames: int = 4) -> Path:
    """Write AFEW-VA: a folder per clip, with frames and a JSON file of values from -10 to 10."""
    points = [[4.0, 4.0], [35.0, 5.0], [20.0, 36.0]]
    for clip, (valence, arousal) in enumerate(places(clips)):
        name = f"{clip + 1:03d}"
        told = {}
        for number in range(frames):
            value = valence * (1 - 0.2 * number)
            file = root / "01" / name / f"{number:05d}.png"
            draw_face(file, value, arousal, person=clip, take=10 * clip + number)
            told[f"{number:05d}"] = {
                "valence": round(10 * value, 2),
                "arousal": round(10 * arousal, 2),
                "landmarks": points,
            }
        stored = json.dumps({"video_id": name, "frames": told, "actor": f"actor {clip}"})
        (root / "01" / name / f"{name}.json").write_text(stored, encoding="utf-8")
    return root


def affwild(root: Path, *, videos: int = 16, frames: int = 12) -> Path:
    """Write Aff-Wild: videos, and a file of values per axis with a line per frame."""
    for video, (valence, arousal) in enumerate(places(videos)):
        for axis, value in (("valence", valence), ("arousal", arousal)):
            file = root / "annotations" / "train" / axis / f"{100 + video}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"{value * (1 - 0.05 * number):.4f}" for number in range(frames)]
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        write_video(root / "videos" / "train" / f"{100 + video}.avi", frames=frames)
    return root


def affwild2(root: Path, *, videos: int = 16, frames: int = 12) -> Path:
    """Write Aff-Wild2: one file of both axes per video; the last two videos are validation."""
    for video, (valence, arousal) in enumerate(places(videos)):
        part = "Train_Set" if video < videos - 2 else "Validation_Set"
        file = root / "VA_Estimation_Challenge" / part / f"v{video}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        shares = [1 - 0.05 * number for number in range(frames)]
        lines = [f"{valence * share:.4f},{arousal * share:.4f}" for share in shares]
        file.write_text("\n".join(["valence,arousal", *lines]) + "\n", encoding="utf-8")
        write_video(root / "batch1" / f"v{video}.mp4", frames=frames)
    return root


def london(root: Path, *, people: int = 6) -> Path:
    """Write the London set: each person neutral and smiling, in the official folders."""
    for person in range(people):
        for take, (folder, valence) in enumerate((("neutral_front", 0.0), ("smiling_front", 0.9))):
            file = root / folder / f"{person + 1:03d}_{('03', '08')[take]}.jpg"
            draw_face(file, valence, 0.1, person=person, take=2 * person + take)
    return root
