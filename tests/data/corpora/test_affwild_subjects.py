from __future__ import annotations

import pandas as pd
import pytest

from affectrep.data.corpora.affwild_subjects import add_subjects

ROWS = pd.DataFrame({"video": ["1_left", "1_right", "2", "3", "2"]})


def listed(tmp_path, *lines):
    file = tmp_path / "subjects.csv"
    file.write_text("\n".join(["video,subject", *lines]) + "\n")
    return add_subjects(ROWS, file)


def test_a_side_goes_before_its_video_and_an_ending_does_not_count(tmp_path):
    rows, notes = listed(tmp_path, "1_left.mp4,ann", " 1.AVI , bob", "2,cid", "3.mp4,")
    assert rows["subject"].tolist() == ["ann", "bob", "cid", None, "cid"]
    assert notes == []


def test_names_without_a_frame_are_listed(tmp_path):
    lines = [f"video {number},p" for number in range(7)]
    rows, notes = listed(tmp_path, "2.5,x", *lines, "3,ann")
    assert rows["subject"].notna().sum() == 1
    (note,) = notes
    assert note.startswith("subjects.csv: 8 of 9 videos have no frame here: 2.5, video 0, ")
    assert note.endswith("video 3, ....")


def test_no_list_adds_nothing_and_a_wrong_one_is_refused(tmp_path):
    rows, notes = add_subjects(ROWS, tmp_path / "subjects.csv")
    assert rows is ROWS
    assert notes == []
    (tmp_path / "subjects.csv").write_text("video,person\n1,ann\n")
    with pytest.raises(ValueError, match="has no column subject: expected video,subject"):
        add_subjects(ROWS, tmp_path / "subjects.csv")
