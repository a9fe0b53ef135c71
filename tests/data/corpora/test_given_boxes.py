from __future__ import annotations

import math

import pandas as pd

from affectrep.data.corpora.given_boxes import missing_boxes_note


def test_rows_without_a_square_are_counted():
    rows = pd.DataFrame({"box_side": [math.nan] * 1200 + [9.0]})
    (note,) = missing_boxes_note(rows, "face box")
    assert note.startswith("1,200 of 1,201 pictures have no face box: ")
    assert "data.face.detector" in note
    assert missing_boxes_note(rows.tail(1), "face box") == []
