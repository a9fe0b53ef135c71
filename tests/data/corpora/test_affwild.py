from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.data.checks import check_manifest
from affectrep.data.corpora import affwild_frames
from affectrep.data.corpora.affwild import prepare, prepare_second
from affectrep.data.images import read_image
from tests.data.corpora.faces import write_face, write_video

FRAMES = 12  # at 30 Hz; 10 per second takes the frames 0, 3, 6, 9


def write_first(root, name, valence, arousal, *, frames=FRAMES):
    for axis, values in (("valence", valence), ("arousal", arousal)):
        file = root / "annotations" / "train" / axis / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(f"{value:g}" for value in values) + "\n")
    write_video(root / "videos" / "train" / f"{name}.avi", frames=frames)


def write_second(root, part, name, pairs):
    file = root / "annotations" / "VA_Estimation_Challenge" / part / f"{name}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("valence,arousal\n" + "".join(f"{v:g},{a:g}\n" for v, a in pairs))


def ramp(sign=1, frames=FRAMES):
    return [sign * number / 20 for number in range(frames)]


@pytest.fixture
def first(tmp_path):
    for number in range(6):
        sign = 1 if number % 2 else -1
        write_first(tmp_path, str(100 + number), ramp(sign), ramp(-sign))
    return tmp_path


@pytest.fixture
def second(tmp_path):
    for number in range(4):
        sign = 1 if number % 2 else -1
        write_second(tmp_path, "Train_Set", f"v{number}", [(sign * 0.5, 0.1)] * FRAMES)
        write_video(tmp_path / "batch1" / f"v{number}.mp4", frames=FRAMES)
    write_second(tmp_path, "Validation_Set", "v9", [(0.2, -0.2)] * FRAMES)
    write_video(tmp_path / "batch2" / "v9.mp4", frames=FRAMES)
    return tmp_path


def test_frames_take_the_values_of_their_own_line(first):
    manifest = prepare(first, protocol="fps=10", holdout=0.2)
    rows = manifest.rows
    part = rows[rows["video"] == "101"].sort_values("frame")
    assert part["frame"].tolist() == [0, 3, 6, 9]
    assert part["time_s"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    assert part["valence"].tolist() == pytest.approx([0, 0.15, 0.3, 0.45])
    assert part["arousal"].tolist() == pytest.approx([0, -0.15, -0.3, -0.45])
    assert part["row"].tolist() == [1, 4, 7, 10]
    assert set(part["source_file"]) == {"annotations/train/valence/101.txt"}
    # the picture is that frame: red is 20 n
    red = [read_image(path)[30:, 40:, 0].mean() for path in part["path"]]
    assert red == pytest.approx([0, 60, 120, 180], abs=6)
    assert check_manifest(manifest) == []


def test_whole_videos_are_held_out_and_folds_test_each_once(first):
    manifest = prepare(first, protocol="fps=10", holdout=0.2)
    found = manifest.rows.groupby("split")["video"].agg(set)
    assert set(found.index) == {"train", "validation", "test"}
    assert sum(map(len, found)) == 6
    assert "Frames are taken at 10 per second." in manifest.info.notes
    assert "not person-independent; whole videos" in manifest.info.notes[-1]
    tested = []
    for fold in range(3):
        rows = prepare(first, protocol=f"folds fold={fold} folds=3 fps=10", holdout=0.2).rows
        tested += sorted(set(rows.loc[rows["split"] == "test", "video"]))
    assert sorted(tested) == [str(100 + number) for number in range(6)]


def test_the_default_rate_is_five_frames_per_second(first):
    rows = prepare(first, holdout=0.2).rows
    assert sorted(set(rows["frame"])) == [0, 6]


def test_lengths_that_differ_are_said_and_cut(first):
    write_first(first, "200", ramp(frames=7), ramp(frames=7))
    write_first(first, "201", ramp(frames=15), ramp(frames=14))
    manifest = prepare(first, protocol="fps=30", holdout=0.2)
    frames = manifest.rows.groupby("video")["frame"].max()
    assert (frames["200"], frames["201"]) == (6, 11)
    said = [note for note in manifest.info.notes if note.startswith("20")]
    assert said == [
        "201: 15 values of valence, 14 of arousal: the first 14 are used.",
        "200: 7 annotated frames, 12 in the video: the first 7 are used.",
        "201: 14 annotated frames, 12 in the video: the first 12 are used.",
    ]


def test_frames_without_a_value_are_left_out_and_counted(first):
    valence = ramp()
    valence[3] = -5
    write_first(first, "101", valence, ramp())
    manifest = prepare(first, protocol="fps=10", holdout=0.2)
    part = manifest.rows[manifest.rows["video"] == "101"]
    assert sorted(part["frame"]) == [0, 6, 9]
    assert manifest.info.dropped["valence or arousal is -5 (no value)"] == 1


def test_wrong_lines_and_missing_files_are_all_named(first):
    write_first(first, "101", [0, 2, 0.1], [0, 0, 0])
    file = first / "annotations" / "train" / "arousal" / "102.txt"
    file.write_text("0.1\nabc\n")
    (first / "annotations" / "train" / "arousal" / "103.txt").unlink()
    with pytest.raises(ValueError, match=r"^3 files or lines of Aff-Wild") as caught:
        prepare(first)
    assert "valence/101.txt line 2: '2'" in str(caught.value)
    assert "arousal/102.txt line 2: 'abc'" in str(caught.value)
    assert "valence/103.txt has no arousal beside it" in str(caught.value)


def test_a_list_of_persons_keeps_them_apart(first):
    lines = [f"{100 + number},p{number // 2}" for number in range(6)]
    (first / "subjects.csv").write_text("\n".join(["video,subject", *lines]) + "\n")
    manifest = prepare(first, protocol="fps=10", holdout=0.3)
    found = manifest.rows.groupby("split")["subject"].agg(set)
    assert sum(map(len, found)) == 3
    assert manifest.info.notes[-1] == "Persons are known: 1 in train, 1 in validation, 1 in test."


def test_a_video_that_is_missing_or_broken(first):
    (first / "videos" / "train" / "101.avi").unlink()
    manifest = prepare(first, protocol="fps=10", holdout=0.2)
    assert manifest.info.dropped == {"frames whose video is not there": FRAMES}
    assert "101: there is neither a video nor a folder of crops." in manifest.info.notes
    (first / "videos" / "train" / "102.avi").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"102\.avi: cannot be read as a video"):
        prepare(first, protocol="fps=10")


def test_the_official_validation_set_of_the_second_is_tested(second):
    manifest = prepare_second(second, protocol="fps=10", holdout=0.3)
    rows = manifest.rows
    assert set(rows.loc[rows["split"] == "test", "video"]) == {"v9"}
    assert not set(rows.loc[rows["split"] == "train", "video"]) & set(
        rows.loc[rows["split"] == "validation", "video"]
    )
    one = rows[rows["id"] == "v1/00003"].iloc[0]
    assert (one["valence"], one["arousal"], one["row"]) == (0.5, 0.1, 5)
    assert one["source_file"] == "Train_Set/v1.txt"
    assert check_manifest(manifest) == []


def test_given_crops_are_taken_before_the_video(second):
    for number in (1, 2, 4, 7, 8):  # 00001.jpg is the frame 0; 10 is missing
        write_face(second / "cropped_aligned" / "v1" / f"{number:05d}.jpg")
    manifest = prepare_second(second, protocol="fps=10", holdout=0.3)
    part = manifest.rows[manifest.rows["video"] == "v1"].sort_values("frame")
    assert part["frame"].tolist() == [0, 3, 6]
    assert all("cropped_aligned" in path for path in part["path"])
    assert part["time_s"].tolist() == pytest.approx([0, 0.1, 0.2])
    assert manifest.info.dropped == {"frames without a given crop": 1}
    assert not any("crops only" in note for note in manifest.info.notes)


def test_crops_alone_are_taken_as_thirty_frames_per_second(second):
    write_second(second, "Train_Set", "v5", [(0.1, 0.1)] * FRAMES)
    for number in range(1, FRAMES + 3):
        write_face(second / "cropped_aligned" / "v5" / f"{number:05d}.jpg")
    manifest = prepare_second(second, protocol="fps=10", holdout=0.3)
    assert sorted(manifest.rows.loc[manifest.rows["video"] == "v5", "frame"]) == [0, 3, 6, 9]
    assert "1 videos have crops only: their rate is taken as 30 frames per second." in (
        manifest.info.notes
    )
    assert "v5: 12 annotated frames, 14 in the video: the first 12 are used." in manifest.info.notes


def test_two_persons_of_one_video_need_crops_and_stay_together(second):
    for side in ("left", "right"):
        write_second(second, "Train_Set", f"v0_{side}", [(0.1, 0.1)] * FRAMES)
    manifest = prepare_second(second, protocol="fps=10", holdout=0.3)
    assert manifest.info.dropped == {
        "frames with two annotated persons, without given crops": 2 * FRAMES
    }
    for side in ("left", "right"):
        for number in range(1, FRAMES + 1):
            write_face(second / "cropped_aligned" / f"v0_{side}" / f"{number:05d}.jpg")
    for seed in range(6):
        rows = prepare_second(second, protocol="fps=10", holdout=0.3, seed=seed).rows
        sides = rows[rows["video"].str.startswith("v0")]
        assert set(sides["video"]) == {"v0", "v0_left", "v0_right"}
        assert sides["split"].nunique() == 1


def write_crops(folder, name, numbers):
    for number in numbers:
        write_face(folder / name / f"{number:05d}.jpg")


def test_two_named_persons_of_one_video_stay_together(second):
    lines = ["video,subject"]
    for number in range(6):
        for side in ("left", "right"):
            name = f"w{number}_{side}"
            write_second(second, "Train_Set", name, [(0.1 - 0.2 * (number % 2), 0.1)] * FRAMES)
            write_crops(second / "cropped_aligned", name, range(1, FRAMES + 1))
            lines.append(f"{name}.mp4,p{number}{side}")
    (second / "subjects.csv").write_text("\n".join([*lines, "gone.mp4,x"]) + "\n")
    for seed in range(4):
        manifest = prepare_second(second, protocol="fps=10", holdout=0.3, seed=seed)
        rows = manifest.rows.dropna(subset="subject")
        assert rows["subject"].nunique() == 12
        assert set(rows.groupby(rows["video"].str[:2])["split"].nunique()) == {1}
        assert "subjects.csv: 1 of 13 videos have no frame here: gone." in manifest.info.notes


def test_aligned_crops_go_before_others(second):
    write_crops(second / "cropped", "v1", range(1, FRAMES + 1))
    write_crops(second / "cropped", "v2", range(1, FRAMES + 1))
    write_crops(second / "deeper" / "cropped_aligned_new" / "batch1", "v1", range(1, FRAMES + 1))
    manifest = prepare_second(second, protocol="fps=10", holdout=0.3)
    paths = manifest.rows.groupby("video")["path"].first()
    assert "/deeper/cropped_aligned_new/batch1/v1/" in paths["v1"]
    assert "/cropped/v2/" in paths["v2"]
    assert (
        "Given crops are used, of 2 videos: cropped (1), deeper/cropped_aligned_new/batch1 (1)."
    ) in manifest.info.notes


def test_crops_that_count_from_zero_are_refused(second):
    write_crops(second / "cropped_aligned", "v1", range(FRAMES))
    with pytest.raises(ValueError, match=r"v1/00000\.jpg: number the crops from 00001\.jpg"):
        prepare_second(second, protocol="fps=10", holdout=0.3)


def test_linked_folders_are_entered(second, tmp_path_factory):
    far = tmp_path_factory.mktemp("far")
    for name in ("annotations", "batch1", "batch2"):
        (second / name).rename(far / name)
        (second / name).symlink_to(far / name)
    write_crops(far / "cropped_aligned", "v1", range(1, FRAMES + 1))
    (far / "cropped_aligned" / "batch1").symlink_to(far / "cropped_aligned")
    (second / "cropped_aligned").symlink_to(far / "cropped_aligned")
    rows = prepare_second(second, protocol="fps=10", holdout=0.3).rows
    assert set(rows["video"]) == {"v0", "v1", "v2", "v3", "v9"}
    assert rows["path"].str.contains("cropped_aligned/v1/").sum() == 4


def test_a_line_of_one_number_is_no_pair(second):
    file = second / "annotations" / "VA_Estimation_Challenge" / "Train_Set" / "v2.txt"
    file.write_text("valence,arousal\n0.5,-0.3\n0.4\n0.1,0.2,0.3\n")
    with pytest.raises(ValueError, match=r"2 files or lines .*v2\.txt line 3: '0\.4'; .*line 4"):
        prepare_second(second)


def test_the_second_names_wrong_lines(second):
    write_second(second, "Train_Set", "v1", [(0.1, 0.1), (0.1, 3)])
    file = second / "annotations" / "VA_Estimation_Challenge" / "Train_Set" / "v2.txt"
    file.write_text("arousal,valence\n0,0\n")
    with pytest.raises(ValueError, match=r"2 files or lines of Aff-Wild2 are wrong: ") as caught:
        prepare_second(second)
    assert "Train_Set/v1.txt line 3: '0.1,3'" in str(caught.value)
    assert "Train_Set/v2.txt line 1 is 'arousal,valence', not valence,arousal" in str(caught.value)


def test_frames_are_written_once(first, monkeypatch):
    wanted = prepare(first, protocol="fps=10", holdout=0.2).fingerprint()
    calls = []
    real = affwild_frames.extract_frames

    def count(path, folder, *, fps):
        before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
        table = real(path, folder, fps=fps)
        calls.append({file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before)
        return table

    monkeypatch.setattr(affwild_frames, "extract_frames", count)
    assert prepare(first, protocol="fps=10", holdout=0.2).fingerprint() == wanted
    assert calls == [True] * 6


def test_wrong_folders_and_settings_are_refused(tmp_path, first):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is not Aff-Wild: expected annotations/train/valence"):
        prepare(tmp_path / "empty")
    with pytest.raises(ValueError, match="is not Aff-Wild2: expected VA_Estimation_Challenge"):
        prepare_second(tmp_path / "empty")
    with pytest.raises(ValueError, match="of affwild2 has the word 'folds': expected fps="):
        prepare_second(first, protocol="folds")
    with pytest.raises(ValueError, match="expected fps above 0"):
        prepare(first, protocol="fps=0")
    with pytest.raises(ValueError, match=r"affwild has no use for data\.labels"):
        prepare(first, labels={"a": "b"})
    assert np.isfinite(prepare(first, holdout=0.2).rows["valence"]).all()
