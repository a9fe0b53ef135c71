"""What ``affectrep evaluate`` adds for faces: figures by person and by strength, and pictures."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.table import Table

from affectrep.data.face_crops import row_boxes
from affectrep.data.images import read_image, square_crop
from affectrep.data.manifest import Manifest
from affectrep.evaluation.face_examples import choose_examples
from affectrep.evaluation.metrics import classification_statistics
from affectrep.evaluation.persons import person_report
from affectrep.evaluation.regression_baselines import regression_baselines
from affectrep.evaluation.scorecard import Resampling, figures_of
from affectrep.evaluation.strong_weak import RADIUS, strong_weak_report
from affectrep.objectives.grouping import radius_threshold
from affectrep.reporting.tables import metric_table

__all__ = ["add_face_figures", "face_baselines", "face_tables", "write_examples"]

_PICTURE_PX, _SMALL_PX = 96, 24
_EXPRESSIONS = ("expression", "predicted_expression")


def add_face_figures(
    card: dict[str, Any], table: pd.DataFrame, manifest: Manifest, resampling: Resampling
) -> None:
    """Add to a card what is said by person, and of strong and weak rows apart.

    The threshold between strong and weak is Otsu's on the training labels, whatever the objective
    was, so that systems can be compared.

    Args:
        card: of the split; it gets the keys ``persons``, where labels split ``strong_weak``, and
            ``expression`` where the model has a second head.
        table: predictions of the split; its ``attrs`` learn the threshold of strong rows.
        manifest: its training rows give the threshold and the people known in training.
        resampling: how intervals are made.
    """
    train = manifest.split("train")
    # a corpus without the column knows nobody, which is something else than nothing said
    subjects = train["subject"] if "subject" in train else [None] * len(train)
    card["persons"] = person_report(
        table, training_subjects=subjects, confidence=resampling.confidence
    )
    if "predicted_expression" in table:
        card["expression"] = {"metrics": _expression_figures(table, resampling)}
    threshold = radius_threshold(torch.as_tensor(manifest.targets("train")))
    if 0 < threshold < 2**0.5:
        table.attrs[RADIUS] = threshold
        card["strong_weak"] = strong_weak_report(table, threshold, resampling=resampling)


def _expression_figures(table: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    """Return accuracy and UAR of the second head over the rows whose expression is known."""
    known = table[table["expression"].map(lambda word: isinstance(word, str))]
    names = sorted({*known["expression"], *known["predicted_expression"]})
    codes = {name: code for code, name in enumerate(names)}
    true, said = (known[name].map(codes).to_numpy() for name in _EXPRESSIONS)
    statistics = classification_statistics(true, said, len(names))
    found = figures_of([statistics], known, resampling)
    return {f"expression_{name}": {**found[name], "n": len(known)} for name in ("accuracy", "uar")}


def face_tables(card: dict[str, Any]) -> list[Table]:
    """Return the added figures for the terminal."""
    found, shown = [], {"resampling": card["resampling"]}
    persons, strength = card.get("persons", {}), card.get("strong_weak", {})
    if persons.get("metrics"):
        heading = f"By person: {persons['persons']} people"
        found.append(metric_table({**shown, "metrics": persons["metrics"]}, heading))
    if card.get("expression"):
        found.append(metric_table({**shown, **card["expression"]}, "Expression, second head"))
    if strength.get("metrics"):
        rows, radius = strength["rows"], strength["threshold"]
        heading = f"{rows['strong']:,} strong and {rows['weak']:,} weak rows, radius {radius:.2f}"
        named = ("strong_ccc", "weak_ccc", "strong_rmse", "weak_rmse")
        metrics = {key: one for key, one in strength["metrics"].items() if key in named}
        found.append(metric_table({**shown, "metrics": metrics}, heading))
    return found


def face_baselines(manifest: Manifest, split: str) -> list[dict[str, Any]]:
    """Return what ridge regression on small grey pictures reaches, and the ceiling where known."""
    names = ("train", "validation", split)
    features = [_small_pictures(manifest.split(name)) for name in names]
    labels = [manifest.targets(name) for name in names]
    name = f"grey pictures of {_SMALL_PX} px"
    return regression_baselines(features, labels, manifest.split(split), name=name)


def _small_pictures(rows: pd.DataFrame) -> NDArray[np.float64]:
    boxes = row_boxes(rows)
    found = [
        square_crop(read_image(path), box, margin=0.0, side_px=_SMALL_PX).mean(axis=2).ravel()
        for path, box in zip(rows["path"], boxes, strict=True)
    ]
    return np.stack(found)


def write_examples(path: Path, table: pd.DataFrame, rows: pd.DataFrame, *, margin: float) -> None:
    """Write pictures of the best, typical and worst rows as JSON with the images inside.

    Args:
        path: the file.
        table: predictions of the split.
        rows: of the same split, with ``path`` and, where faces were looked for, boxes.
        margin: around the box, as in training.
    """
    places = {str(name): place for place, name in enumerate(rows["id"])}
    boxes = row_boxes(rows)
    found = []
    for name, kind in choose_examples(table).itertuples(index=False):
        place = places[name]
        pixels = read_image(rows["path"].iloc[place])
        square = square_crop(pixels, boxes[place], margin=margin, side_px=_PICTURE_PX)
        found.append({"id": name, "kind": kind, "image": _address(square)})
    path.write_text(json.dumps(found) + "\n", encoding="utf-8")


def _address(pixels: Any) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
