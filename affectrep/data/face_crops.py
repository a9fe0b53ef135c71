"""The face of each row as a square of one size: decoded each time, or once into a cache."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.image_cache import ImageCache, broken_sentence, image_key
from affectrep.data.images import Box, Pixels, read_image, square_crop

__all__ = ["FaceCrops", "FaceReader", "row_boxes"]


@dataclass(frozen=True)
class FaceReader:
    """Decodes a file and cuts out its face.

    Args:
        side_px: of the square.
        margin: added to each edge of a box, as a share of its side.
    """

    side_px: int
    margin: float = 0.0

    def __call__(self, job: tuple[str, Box | None]) -> Pixels:
        """Return ``(side, side, 3)`` of a path and its box.

        Raises:
            ValueError: that begins with the path, if the file cannot be read or the box does not
                fit it.
        """
        path, box = job
        pixels = read_image(path)
        try:
            return square_crop(pixels, box, margin=self.margin, side_px=self.side_px)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


class FaceCrops:
    """The squares of the rows of one split.

    Args:
        rows: of a face manifest, numbered from 0.
        reader: of the squares.
        cache: folder of an `ImageCache`, which is filled here; None decodes each time.

    Raises:
        ValueError: if there are no paths, rows have no face, or with a cache if there are no
            content hashes or images that cannot be read.
    """

    def __init__(
        self, rows: pd.DataFrame, reader: FaceReader, *, cache: Path | str | None = None
    ) -> None:
        for name in ["path"] if cache is None else ["path", "content"]:
            if name not in rows:
                raise ValueError(f"the rows have no column {name}: prepare the corpus again")
        self.reader = reader
        self.jobs = list(zip(rows["path"].astype(str), row_boxes(rows), strict=True))
        self._cache: ImageCache | None = None
        self._keys: list[str] = []
        if cache is not None:
            self._use(cache, rows["content"].astype(str).tolist())

    def read(self, places: list[int]) -> NDArray[np.uint8]:
        """Return ``(len(places), 3, side, side)`` uint8.

        Raises:
            ValueError: that begins with the path of a file that cannot be read.
        """
        if self._cache is not None:
            return self._cache.read([self._keys[place] for place in places])
        # a clip may repeat a frame
        found = {place: self.reader(self.jobs[place]) for place in set(places)}
        return np.stack([found[place].transpose(2, 0, 1) for place in places])

    def _use(self, folder: Path | str, contents: list[str]) -> None:
        size: dict[str, Any] = {"margin": self.reader.margin, "side_px": self.reader.side_px}
        # a file that could not be hashed cannot be read either: its path stands in until then
        self._keys = [
            image_key(content or path, box, **size)
            for content, (path, box) in zip(contents, self.jobs, strict=True)
        ]
        self._cache = ImageCache(folder, self._keys, side_px=self.reader.side_px)
        broken = self._cache.fill(dict(zip(self._keys, self.jobs, strict=True)), self.reader)
        if broken:
            raise ValueError(broken_sentence(broken))


def row_boxes(rows: pd.DataFrame) -> list[Box | None]:
    """Return the detected square of each row; None where the whole image is the face.

    Raises:
        ValueError: if a face was looked for and not found (``face_found`` False).

    Example:
        >>> row_boxes(pd.DataFrame({"box_left": [4.0, None], "box_top": [2.0, None],
        ...                         "box_side": [30.0, None]}))
        [(4.0, 2.0, 30.0), None]
    """
    if "face_found" in rows and not rows["face_found"].astype(bool).all():
        lost = rows.loc[~rows["face_found"].astype(bool), "id"].astype(str).tolist()
        raise ValueError(
            f"no face was found in {len(lost)} rows, such as {', '.join(lost[:5])}: leave them out "
            "(face_boxes.drop_faceless) or prepare with detector none"
        )
    columns = ["box_left", "box_top", "box_side"]
    if not set(columns) <= set(rows):
        return [None] * len(rows)
    values = rows[columns].astype(float).to_numpy()
    return [
        None if any(map(math.isnan, box)) else (box[0], box[1], box[2]) for box in values.tolist()
    ]
