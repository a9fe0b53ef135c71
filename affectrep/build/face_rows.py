"""Face rows as a configuration wants them: found, cut out, cached, composed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from affectrep.build.objective import strong_threshold
from affectrep.config import Config
from affectrep.data.cache_folder import cache_folder
from affectrep.data.face import FaceRows, FaceSettings
from affectrep.data.face_boxes import drop_faceless, find_boxes
from affectrep.data.manifest import Manifest
from affectrep.data.samplers import BatchSampler
from affectrep.data.strong_weak_sampler import StrongWeakSampler

__all__ = ["face_rows", "strong_weak_sampler", "with_boxes"]

_NAMED = 20
_BOX = ["box_left", "box_top", "box_side"]


def with_boxes(config: Config, manifest: Manifest) -> Manifest:
    """Return the manifest with the square of each face; rows that have one keep it.

    Where a detector is chosen it looks at the rows that have none, and only at these. Images
    without a face are left out; the corpus' description counts and names them. A file that cannot
    be read stays, for the checks to name. ``face_found`` says that all squares are found ones: it
    is not there where some are given, as those want to be checked.

    Raises:
        ValueError: if no image has a face.
    """
    detector = config.data.face.detector
    boxless = _boxless(manifest.rows)
    if detector == "none" or not boxless.any():
        return manifest
    rows = _found_boxes(manifest.rows, boxless, detector)
    lost = rows.loc[~rows["face_found"].astype(bool), "id"].astype(str).tolist()
    if len(lost) == len(rows):
        raise ValueError(
            f"no face was found by {detector} in any of the {len(rows):,} images of "
            f"{manifest.info.title}: set data.face.detector=none if they are ready crops"
        )
    found = drop_faceless(Manifest(rows, manifest.info))
    if not boxless.all():
        found = Manifest(found.rows.drop(columns="face_found"), found.info)
    if not lost:
        return found
    named = ", ".join(lost[:_NAMED]) + (" ..." if len(lost) > _NAMED else "")
    note = f"No face was found by {detector} in {len(lost)} images: {named}"
    return Manifest(found.rows, replace(found.info, notes=[*found.info.notes, note]))


def _boxless(rows: pd.DataFrame) -> pd.Series:
    """Return which rows have no square; one that is unfinished is for the checks to name."""
    return rows.reindex(columns=_BOX).isna().all(axis=1)


def _found_boxes(rows: pd.DataFrame, boxless: pd.Series, detector: str) -> pd.DataFrame:
    found = find_boxes(rows[boxless], detector=detector, cache_folder=cache_folder() / "boxes")
    if "content" in found:
        found["face_found"] |= found["content"] == ""
    if boxless.all():
        return found
    whole = rows.assign(face_found=True)
    for name in (*_BOX, "face_found"):
        whole.loc[boxless, name] = found[name]
    return whole


def face_rows(
    config: Config, manifest: Manifest, split: str, preprocess: Any, *, training: bool = False
) -> FaceRows:
    """Return the rows of a split, their faces decoded in the cache where one is kept."""
    section = config.data.face
    settings = FaceSettings(
        training=training,
        flip=section.flip,
        randaugment=section.randaugment if training else None,
        mixup=section.mixup if training else 0.0,
        margin=section.margin,
        frames=preprocess.frames,
        stride=section.stride,
        seed=config.seed,
    )
    return FaceRows(
        manifest,
        split,
        manifest.domains(),
        preprocess=preprocess,
        settings=settings,
        cache=cache_folder() / "faces" if section.cache else None,
    )


def strong_weak_sampler(
    config: Config, manifest: Manifest, at_least: int
) -> StrongWeakSampler | BatchSampler:
    """Return batches that hold rows far from neutral and rows near it; shuffled where all are one.

    The threshold is the objective's where it has one, else Otsu's on the training labels.
    """
    radius = np.linalg.norm(manifest.targets("train"), axis=1)
    threshold, section = strong_threshold(config, manifest), config.data
    if not radius.min() < threshold <= radius.max():  # also where there is none
        return BatchSampler(None, len(radius), batch_size=section.batch_size, seed=config.seed)
    return StrongWeakSampler(
        radius.tolist(),
        threshold,
        batch_size=section.batch_size,
        seed=config.seed,
        at_least=at_least,
    )
