"""The pre-flight check of the squares that a table gives: numbers that meet their picture."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pandas as pd

from affectrep.data.images import image_size, read_image
from affectrep.data.problems import Problem, file_names

__all__ = ["check_boxes"]

_BOX = ["box_left", "box_top", "box_side"]
_LOOKED_AT = 20_000
_LARGEST = 4  # times height and width: what `square_crop` cuts out at most

_MESSAGES = {
    "unfinished": "box_left, box_top and box_side are not three numbers: fill in all three, or "
    "leave all three blank",
    "empty": "box_side is not above 0: correct the squares, or leave all three cells blank",
    "outside": "the square lies outside its picture, or is over four times as large: box_left, "
    "box_top and box_side are px from the upper left corner of the upright picture",
}


def check_boxes(rows: pd.DataFrame) -> list[Problem]:
    """Return an error for each kind of square that cannot be cut out, with the rows at fault.

    A row may have no square (three NaN). Of pictures the headers are read;
    where there are more than 20,000, those of the squares that lie farthest to the right or below.

    Args:
        rows: of a face manifest, numbered from 0; squares that a detector found are in order.

    Example:
        >>> table = pd.DataFrame({"id": ["a"], "row": [2], "path": ["a.png"], "box_left": [0.0],
        ...                       "box_top": [0.0], "box_side": [-3.0]})
        >>> print(check_boxes(table)[0])
        box_side is not above 0: correct the squares, or leave all three cells blank (row 2 a.png)
    """
    if "face_found" in rows or not set(_BOX) <= set(rows):
        return []
    boxes = rows[_BOX].astype(float)
    finite = pd.Series(np.isfinite(boxes.to_numpy()).all(axis=1), index=rows.index)
    empty = finite & (boxes["box_side"] <= 0)
    wrong = {
        "unfinished": boxes.notna().any(axis=1) & ~finite,
        "empty": empty,
        "outside": _outside(rows["path"].astype(str), boxes[finite & ~empty]),
    }
    return [
        Problem("bad_box", _MESSAGES[kind], file_names(rows, chosen))
        for kind, chosen in wrong.items()
        if chosen.any()
    ]


def _outside(paths: pd.Series, boxes: pd.DataFrame) -> pd.Series:
    """Return for each path whether its square is known to miss the picture."""
    far = boxes[_BOX[:2]].max(axis=1).sort_values(ascending=False, kind="stable")
    sizes: dict[str, tuple[int, int]] = {}
    found = pd.Series(False, index=paths.index)
    for place in far.index[:_LOOKED_AT]:
        path = paths[place]
        box = boxes.loc[place].tolist()
        with suppress(ValueError):  # `check_images` names it
            size = sizes[path] = sizes.get(path) or image_size(path)
            if not _meets(box, size):  # seldom: so the header need not be believed
                height, width = read_image(path).shape[:2]
                found[place] = not _meets(box, (width, height))
    return found


def _meets(box: list[float], size: tuple[int, int]) -> bool:
    left, top, side = box
    width, height = size
    inside = left < width and top < height and left + side > 0 and top + side > 0
    return inside and side <= _LARGEST * (width + height)
