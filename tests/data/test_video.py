from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from affectrep.data import video
from affectrep.data.images import read_image
from affectrep.data.video import (
    break_off,
    extract_frames,
    on_tick,
    video_frames,
    video_key,
    video_rate,
)
from tests.data.corpora.faces import write_video


@pytest.mark.parametrize("name", ["a.avi", "a.mp4"])
def test_frames_come_in_order_with_their_time_and_red_first(tmp_path, name):
    path = write_video(tmp_path / name, frames=10, rate_hz=25)
    found = list(video_frames(path, fps=None))
    assert [frame for frame, _, _ in found] == list(range(10))
    assert [time for _, time, _ in found] == pytest.approx([n / 25 for n in range(10)])
    for frame, _, pixels in found:
        assert pixels.shape == (48, 64, 3)
        assert pixels.dtype == np.uint8
        lower = pixels[30:, 40:].reshape(-1, 3).mean(axis=0)
        assert lower == pytest.approx([20 * frame, 0, 0], abs=6)
    assert video_rate(path) == pytest.approx(25)


@pytest.mark.parametrize("fps", [1.0, 4.0, 5.0, 7.5, 12.0, 29.0])
@pytest.mark.parametrize("rate_hz", [30.0, 25.0, 29.97])
def test_ticks_take_the_first_frame_at_or_after_each_multiple(rate_hz, fps):
    found = {frame for frame in range(200) if on_tick(frame, rate_hz=rate_hz, fps=fps)}
    naive = {int(np.ceil(tick * rate_hz / fps - 1e-6)) for tick in range(400)}
    assert found == {frame for frame in naive if frame < 200}


def test_a_rate_above_the_videos_takes_every_frame(tmp_path):
    path = write_video(tmp_path / "a.avi", frames=6)
    assert len(list(video_frames(path, fps=90))) == 6
    assert [frame for frame, _, _ in video_frames(path, fps=10)] == [0, 3]


def test_extracted_frames_are_the_videos(tmp_path):
    path = write_video(tmp_path / "a.avi", frames=10)
    table = extract_frames(path, tmp_path / "out", fps=10)
    assert table["frame"].tolist() == [0, 3, 6, 9]
    assert table["time_s"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    assert table.attrs["total"] == 10
    for (_, _, pixels), file in zip(video_frames(path, fps=10), table["path"], strict=True):
        assert Path(file).is_absolute()
        difference = read_image(file).astype(int) - pixels.astype(int)
        assert np.abs(difference).mean() < 3


def test_an_interrupted_extraction_goes_on_and_a_whole_one_is_not_read_again(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.avi", frames=9)
    written, real = [], video._write

    def write_two(file, data):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(file.name)
        real(file, data)

    monkeypatch.setattr(video, "_write", write_two)
    with pytest.raises(KeyboardInterrupt):
        extract_frames(path, tmp_path / "out", fps=10)
    assert sorted(os.listdir(tmp_path / "out")) == ["000000.jpg", "000003.jpg"]
    kept = (tmp_path / "out" / "000000.jpg").stat().st_mtime_ns
    monkeypatch.setattr(video, "_write", real)
    first = extract_frames(path, tmp_path / "out", fps=10)
    assert (tmp_path / "out" / "000000.jpg").stat().st_mtime_ns == kept
    path.unlink()  # the list is whole now
    again = extract_frames(path, tmp_path / "out", fps=10)
    assert again.equals(first)
    assert again.attrs["total"] == 9
    (tmp_path / "out" / "000003.jpg").unlink()
    with pytest.raises(ValueError, match=r"a\.avi: does not exist"):
        extract_frames(path, tmp_path / "out", fps=10)


def test_what_is_no_video_is_refused_by_name(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video at all")
    with pytest.raises(ValueError, match=r"a\.mp4: cannot be read as a video"):
        list(video_frames(tmp_path / "a.mp4", fps=None))
    (tmp_path / "b.mp4").write_bytes(b"")
    with pytest.raises(ValueError, match=r"b\.mp4: cannot be read as a video"):
        extract_frames(tmp_path / "b.mp4", tmp_path / "out", fps=None)
    with pytest.raises(ValueError, match=r"none\.mp4: does not exist or is no file"):
        list(video_frames(tmp_path / "none.mp4", fps=None))
    for fps in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="expected fps above 0"):
            list(video_frames(tmp_path / "a.mp4", fps=fps))


@pytest.mark.parametrize("fps", [None, 5.0, 7.0, 0.3])
def test_a_video_that_breaks_off_is_told_from_a_whole_one(tmp_path, fps):
    def said(path):
        last = [frame for frame, _, _ in video_frames(path, fps=fps)][-1]
        return break_off(path, last=last, fps=fps)

    for name in ("a.avi", "b.mp4"):
        assert said(write_video(tmp_path / name, frames=61)) is None
    whole = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    if fps == 0.3:  # one frame of both: nothing can be known
        assert said(tmp_path / "cut.avi") is None
        return
    words = said(tmp_path / "cut.avi")
    assert "cut.avi states 61 frames (2.0 s), but breaks off: nothing after about" in words
    assert words.endswith("Copy it again")


def test_the_key_follows_the_content(tmp_path):
    first = write_video(tmp_path / "a.avi", frames=3)
    (tmp_path / "b.avi").write_bytes(first.read_bytes())
    other = write_video(tmp_path / "c.avi", frames=4)
    assert video_key(first) == video_key(tmp_path / "b.avi") != video_key(other)
    with pytest.raises(ValueError, match="does not exist"):
        video_key(tmp_path / "d.avi")
