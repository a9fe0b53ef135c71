from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.data.checks import check_manifest
from affectrep.data.corpora.afew_va import prepare
from tests.data.corpora.faces import write_face

POINTS = [[2.0, 3.0], [6.0, 5.0], [4.0, 11.0]]


def write_clip(root, name, *, actor=None, frames=3, valence=3.0, arousal=-2.0):
    values = {}
    for number in range(frames):
        write_face(root / name / f"{number:05d}.png")
        values[f"{number:05d}"] = {
            "valence": valence + number,
            "arousal": arousal,
            "landmarks": POINTS,
        }
    stored = {"video_id": name, "frames": values}
    if actor is not None:
        stored["actor"] = actor
    (root / name / f"{name}.json").write_text(json.dumps(stored))


@pytest.fixture
def clips(tmp_path):
    for number in range(12):
        sign = 1 if number % 2 else -1
        write_clip(tmp_path / f"{1 + number // 6:02d}", f"{number + 1:03d}", valence=4.0 * sign)
    return tmp_path


def test_frames_carry_scaled_values_their_place_and_the_square_of_the_landmarks(clips):
    manifest = prepare(clips, holdout=0.2)
    rows = manifest.rows.set_index("id")
    assert len(rows) == 36
    row = rows.loc["002/00001.png"]
    assert (row["valence"], row["arousal"]) == (pytest.approx(0.5), pytest.approx(-0.2))
    assert (row["video"], row["frame"]) == ("002", 1)
    assert np.isnan(row["time_s"])
    # the landmarks span 4 x 8 px at (2, 3)
    assert row[["box_left", "box_top", "box_side"]].tolist() == [0, 3, 8]
    assert row["path"] == str(clips / "01" / "002" / "00001.png")
    assert check_manifest(manifest) == []
    assert "not person-independent; whole videos are kept together" in manifest.info.notes[-1]


def test_whole_clips_are_held_out_where_no_actor_is_named(clips):
    found = prepare(clips, holdout=0.2).rows.groupby("split")["video"].agg(set)
    assert set(found.index) == {"train", "validation", "test"}
    assert sum(map(len, found)) == 12


def test_whole_actors_are_held_out_where_they_are_named(tmp_path):
    for number in range(12):
        sign = 1 if number % 2 else -1
        name = f"{number + 1:03d}"
        write_clip(tmp_path, name, actor=f"actor {number // 3}", valence=4.0 * sign)
    manifest = prepare(tmp_path, holdout=0.25)
    found = manifest.rows.groupby("split")["subject"].agg(set)
    assert sorted(found.map(len)) == [1, 1, 2]
    assert sum(map(len, found)) == 4
    assert manifest.info.notes[-1].startswith("Persons are known: 2 in train")


def test_five_folds_test_every_clip_once(clips):
    tested = []
    for fold in range(5):
        rows = prepare(clips, protocol=f"folds fold={fold} folds=5").rows
        parts = rows.groupby("split")["video"].agg(set)
        assert not parts["test"] & (parts["train"] | parts["validation"])
        tested += sorted(parts["test"])
    assert sorted(tested) == [f"{number + 1:03d}" for number in range(12)]


def test_frames_with_wrong_values_are_all_named(clips):
    file = clips / "01" / "001" / "001.json"
    stored = json.loads(file.read_text())
    stored["frames"]["00001"]["valence"] = 11
    del stored["frames"]["00002"]["arousal"]
    file.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=r"2 frames .*: 001/001\.json frame 00001; .*frame 00002"):
        prepare(clips)
    file.write_text("{")
    with pytest.raises(ValueError, match=r"001\.json is not readable"):
        prepare(clips)


def test_landmarks_that_are_missing_leave_the_whole_image(clips):
    file = clips / "01" / "001" / "001.json"
    file.write_text(file.read_text().replace(json.dumps(POINTS), "[]", 1))
    rows = prepare(clips, holdout=0.2).rows.set_index("id")
    assert np.isnan(rows.loc["001/00000.png", "box_side"])
    assert rows["box_side"].notna().sum() == 35


def test_missing_landmarks_are_counted(clips):
    marked = "Face boxes are the squares around the given landmarks."
    file = clips / "01" / "001" / "001.json"
    file.write_text(file.read_text().replace(json.dumps(POINTS), "[]", 2))
    notes = prepare(clips, holdout=0.2).info.notes
    assert marked in notes
    assert any(note.startswith("2 of 36 pictures have no landmarks: ") for note in notes)
    for file in clips.rglob("*.json"):
        file.write_text(file.read_text().replace(json.dumps(POINTS), "[]"))
    notes = prepare(clips, holdout=0.2).info.notes
    assert marked not in notes
    assert any(note.startswith("36 of 36 pictures have no landmarks: ") for note in notes)


def test_linked_clips_are_read_under_the_name_of_the_link(clips, tmp_path_factory):
    wanted = prepare(clips, holdout=0.2).fingerprint()
    far = tmp_path_factory.mktemp("far")
    (clips / "02").rename(far / "02")
    (clips / "02").symlink_to(far / "02")
    (clips / "01" / "001").rename(far / "first")
    (clips / "01" / "001").symlink_to(far / "first")
    (far / "02" / "back").symlink_to(clips)
    assert prepare(clips, holdout=0.2).fingerprint() == wanted


def test_clips_without_an_annotated_frame_are_refused(tmp_path):
    (tmp_path / "001").mkdir()
    (tmp_path / "001" / "001.json").write_text('{"frames": {}}')
    with pytest.raises(ValueError, match="has no annotated frame: expected a folder per clip"):
        prepare(tmp_path)


def test_wrong_folders_and_settings_are_refused(clips, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is not AFEW-VA: expected a folder per clip"):
        prepare(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"afew_va has no use for data\.columns"):
        prepare(clips, columns={"path": "x"})
    with pytest.raises(ValueError, match="has the word 'fps=5'"):
        prepare(clips, protocol="fps=5")
