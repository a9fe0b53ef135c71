"""Where the face is in an image: found once, recorded in the manifest, remembered by content."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from affectrep.data.image_contents import image_contents
from affectrep.data.images import Box, Pixels, face_package, read_image
from affectrep.data.keys import digest
from affectrep.data.manifest import Manifest

__all__ = ["FindFaces", "drop_faceless", "faces_finder", "find_boxes"]

FindFaces = Callable[[Pixels], list[Box]]

_FORMAT = 1
_CASCADE = "haarcascade_frontalface_alt2.xml"
_SCALE_FACTOR, _NEIGHBOURS, _SMALLEST = 1.1, 3, (24, 24)
_SCORE = 0.6  # opencv's own .9 is made for large, frontal faces
_SHORTER_PX, _LONGER_PX = 240, 1600


def find_boxes(
    rows: pd.DataFrame, *, detector: str, cache_folder: Path | str, shown: bool = True
) -> pd.DataFrame:
    """Return rows with ``box_left``, ``box_top``, ``box_side`` (px) and ``face_found``.

    Args:
        rows: of a face manifest: ``path`` and where known ``content``.
        detector: as in `faces_finder`. With none, boxes are NaN (the whole image) and every face
            counts as found.
        cache_folder: keeps what was found, by detector and content.
        shown: True shows a progress bar on a terminal.

    Returns:
        A copy of the rows. A file that cannot be read has no box and ``face_found`` False;
        `affectrep.data.face_checks.check_faces` tells the two apart.

    Raises:
        ValueError: if the detector is unknown or its model file is missing or none.
        ImportError: if opencv or Pillow is not installed.
    """
    found = rows.copy()
    if detector == "none":
        found[["box_left", "box_top", "box_side"]] = math.nan
        found["face_found"] = True
        return found
    find = faces_finder(detector)
    paths = rows["path"].astype(str).tolist()
    known = rows["content"].tolist() if "content" in rows else image_contents(paths, shown=shown)
    contents = [content if isinstance(content, str) else "" for content in known]
    store = Path(cache_folder) / f"boxes-{digest([_detector_key(detector)])[:24]}.json"
    boxes = _load(store)
    jobs = {c: path for c, path in zip(contents, paths, strict=True) if c and c not in boxes}
    console = Console(stderr=True, markup=False)
    hidden = not (shown and console.is_terminal)
    try:
        for content, path in track(
            jobs.items(), "finding faces", console=console, disable=hidden, total=len(jobs)
        ):
            try:
                pixels = read_image(path)
            except ValueError:  # it was readable when it was hashed; the checks name it
                continue
            faces = find(pixels)
            boxes[content] = list(faces[0]) if faces else None
    finally:  # a run that is stopped keeps what it found
        if jobs:
            _save(store, boxes)
    places = [boxes.get(content) for content in contents]
    table = np.array([place or [math.nan] * 3 for place in places], dtype=np.float64)
    found[["box_left", "box_top", "box_side"]] = table.reshape(-1, 3)
    found["face_found"] = [place is not None for place in places]
    return found


def faces_finder(detector: str) -> FindFaces:
    """Return a function: RGB pixels -> left, top and side of each face in px, the largest first.

    A square is the detector's own, without a margin; YuNet's longer edge makes the side. It may
    reach over the edge of the image. Small images are enlarged before the search.

    ``cascade`` is the cascade of Haar features (Viola and Jones 2001) that opencv brings as
    frontalface_alt2, with a scale factor of 1.1 and 3 neighbours. Share of images whose largest
    find is the face (its middle off by less than a quarter, its side .4 to 1.3 of the true one),
    each file with the same settings, all images enlarged to 240 px:

    ========================================  =====  =====  =======  =====
    images                                    alt2   alt    default  LBP
    ========================================  =====  =====  =======  =====
    London, 244 portraits of 128 px           .996   .996   .980     .992
    122 of these on photographs of 384 px     1.00   1.00   .975     .975
    FER+ train, 200 of 48 px, on photographs  .685   .680   .625     .625
    FER+ train, the same 200 as they are      .525   .490   .535     .455
    200 cut-outs without a face: a find       .025   .010   .095     .345
    ========================================  =====  =====  =======  =====

    LBP is scikit-image's cascade, which took 2.5 times as long. Without the enlargement alt2 found
    33 instead of 35 of 50 faces of 48 px. So it finds frontal portraits, misses a third of small
    faces that are turned or cut tightly, and is the wrong choice for ready crops: those want none.

    Args:
        detector: none (which finds nothing), cascade, or ``yunet:<file>`` with the file of a
            YuNet model (face_detection_yunet_*.onnx of OpenCV's model zoo; not shipped here).

    Raises:
        ValueError: if the name is unknown, or the model file is missing or no such model.
        ImportError: if opencv is not installed.

    Example:
        >>> faces_finder("none")(np.zeros((8, 8, 3), np.uint8))
        []
    """
    if detector == "none":
        return lambda pixels: []
    if detector == "cascade":
        return _cascade()
    name, _, file = detector.partition(":")
    if name == "yunet" and file:
        return _yunet(Path(file).expanduser())
    raise ValueError(f"there is no detector {detector!r}: use none, cascade or yunet:<file>")


def drop_faceless(manifest: Manifest) -> Manifest:
    """Return the manifest without the rows in which no face was found, counted as dropped.

    Args:
        manifest: its rows as `find_boxes` returns them; without the column ``face_found`` nothing
            is left out.
    """
    rows, info = manifest.rows, manifest.info
    if "face_found" not in rows:
        return manifest
    found = rows["face_found"].astype(bool)
    lost = int((~found).sum())
    if not lost:
        return manifest
    dropped = {**info.dropped, "no face found": info.dropped.get("no face found", 0) + lost}
    return Manifest(rows[found].reset_index(drop=True), replace(info, dropped=dropped))


def _cascade() -> FindFaces:
    cv2: Any = face_package("cv2")
    classifier = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / _CASCADE))
    if classifier.empty():
        raise ValueError(
            f"this opencv has no file {_CASCADE}: install opencv-python-headless below 5"
        )

    def find(pixels: Pixels) -> list[Box]:
        image, scale = _sized(pixels)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found = classifier.detectMultiScale(
            grey, scaleFactor=_SCALE_FACTOR, minNeighbors=_NEIGHBOURS, minSize=_SMALLEST
        )
        boxes = [(float(left), float(top), float(max(w, h))) for left, top, w, h in found]
        return _by_size(boxes, scale)

    return find


def _yunet(file: Path) -> FindFaces:
    if not file.is_file():
        raise ValueError(f"{file}: the model file of YuNet does not exist")
    cv2: Any = face_package("cv2")
    try:
        network = cv2.FaceDetectorYN.create(str(file), "", (320, 320), _SCORE)
        # another network is read without a word, and fails at its first image
        network.detect(np.zeros((320, 320, 3), np.uint8))
    except cv2.error as error:
        raise ValueError(f"{file}: is no YuNet model that opencv can read: {error.err}") from None

    def find(pixels: Pixels) -> list[Box]:
        image, scale = _sized(pixels)
        size = (image.shape[1], image.shape[0])
        try:
            network.setInputSize(size)
            # opencv's networks take blue first
            found = network.detect(np.ascontiguousarray(image[..., ::-1]))[1]
        except cv2.error as error:
            what = f"an image of {size[0]} x {size[1]} px"
            raise ValueError(f"{file}: YuNet cannot search {what}: {error.err}") from None
        boxes = []
        for left, top, width, height in [] if found is None else found[:, :4].tolist():
            side = max(width, height)
            boxes.append((left + (width - side) / 2, top + (height - side) / 2, side))
        return _by_size(boxes, scale)

    return find


def _sized(pixels: Pixels) -> tuple[Pixels, float]:
    """Return the image at a size where faces can be found, and how much larger it is."""
    cv2: Any = face_package("cv2")
    height, width = pixels.shape[:2]
    scale = max(1.0, _SHORTER_PX / min(height, width))
    scale = min(scale, _LONGER_PX / max(height, width))  # time grows with the area
    if scale == 1.0:
        return pixels, 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, size, interpolation=way), dtype=np.uint8), scale


def _by_size(boxes: list[Box], scale: float) -> list[Box]:
    # of two with one size the upper left one, whatever the detector's order
    ordered = sorted(boxes, key=lambda box: (-box[2], box[1], box[0]))
    return [(left / scale, top / scale, side / scale) for left, top, side in ordered]


def _detector_key(detector: str) -> str:
    """Return what decides boxes beside the pixels: settings, and the model file's content."""
    if detector == "cascade":
        parts = (_CASCADE, _SCALE_FACTOR, _NEIGHBOURS, _SMALLEST, _SHORTER_PX, _LONGER_PX)
        return f"cascade {_FORMAT} {parts}"
    model = hashlib.sha256(Path(detector.partition(":")[2]).expanduser().read_bytes()).hexdigest()
    return f"yunet {_FORMAT} {model} {(_SCORE, _SHORTER_PX, _LONGER_PX)}"


def _load(file: Path) -> dict[str, list[float] | None]:
    with suppress(OSError, ValueError, AttributeError):
        return dict(json.loads(file.read_text(encoding="utf-8")).items())
    return {}


def _save(file: Path, boxes: dict[str, list[float] | None]) -> None:
    """Write what was found; another process sees the old file or the new one."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, suffix=".tmp", delete=False, encoding="utf-8"
        ) as stream:
            stream.write(json.dumps(boxes))
        Path(stream.name).replace(file)
