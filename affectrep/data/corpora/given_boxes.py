"""Say in how many rows of a corpus that marks its faces the mark is missing."""

from __future__ import annotations

import pandas as pd

__all__ = ["missing_boxes_note"]


def missing_boxes_note(rows: pd.DataFrame, mark: str) -> list[str]:
    """Return a note that counts the rows without a face's square; none where every row has one.

    Args:
        rows: with ``box_side``, NaN where no square is known.
        mark: what the corpus should give: landmarks, face box.

    Example:
        >>> missing_boxes_note(pd.DataFrame({"box_side": [30.0, None]}), "landmarks")[0][:37]
        '1 of 2 pictures have no landmarks: th'
        >>> missing_boxes_note(pd.DataFrame({"box_side": [30.0]}), "landmarks")
        []
    """
    count = int(rows["box_side"].isna().sum())
    if not count:
        return []
    return [
        f"{count:,} of {len(rows):,} pictures have no {mark}: the square in the middle of them is "
        "taken, or with data.face.detector the face that it finds."
    ]
