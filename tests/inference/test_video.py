"""Videos to tracks of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.inference.predictor import Predictor
from tests.inference.seen import bright_classes, bright_model, detector, picture, write_video

__all__ = ["detector"]

LEVELS = [100, 120, 140, 160, 180, 200, 220, 240]


@pytest.fixture
def film(tmp_path: Path) -> str:
    """At 10 frames a second a face that moves to the right and grows brighter."""
    frames = [picture((4 * i, 20, 24, level)) for i, level in enumerate(LEVELS)]
    return write_video(tmp_path / "film.avi", frames)


def watch(
    path: str, *, model: dict[str, Any] | None = None, **options: Any
) -> list[dict[str, Any]]:
    found = bright_model(**{"detector": "cascade", **(model or {})})
    return list(Predictor(found, device="cpu").predict_video(path, **options))


def same(values: list[float], levels: list[int]) -> bool:
    return np.allclose(values, np.array(levels) / 255, atol=0.02)  # MJPG is lossy


@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("size", [1, 3, 64])
def test_every_frame_in_the_order_of_time(film: str, size: int) -> None:
    rows = watch(film, fps=10, batch_size=size)
    assert [row["frame"] for row in rows] == list(range(8))
    assert [row["time_s"] for row in rows] == pytest.approx([i / 10 for i in range(8)])
    assert same([row["valence"] for row in rows], LEVELS)
    for i, row in enumerate(rows):
        assert row["box"] == pytest.approx((4 * i, 20, 24), abs=2)
        assert row["path"] == film
        assert row["quadrant"] == "excited/happy"


@pytest.mark.usefixtures("detector")
def test_the_rate_of_frames(film: str) -> None:
    assert [row["frame"] for row in watch(film)] == [0, 2, 4, 6]
    assert [row["frame"] for row in watch(film, fps=2.5)] == [0, 4]
    assert [row["frame"] for row in watch(film, model={"meta": {"fps": 2.5}})] == [0, 4]
    with pytest.raises(ValueError, match="expected fps above 0"):
        watch(film, fps=0)


@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("size", [2, 64])
def test_a_model_of_clips_sees_the_frames_up_to_each(film: str, size: int) -> None:
    rows = watch(film, fps=10, model={"frames": 3}, batch_size=size)
    change = [LEVELS[i] - LEVELS[max(0, i - 2)] for i in range(8)]
    assert same([row["arousal"] for row in rows], change)
    assert same([row["valence"] for row in rows], LEVELS)
    rows = watch(film, fps=10, model={"frames": 3, "meta": {"stride": 2}})
    change = [LEVELS[i] - LEVELS[max(0, i - 4)] for i in range(8)]
    assert same([row["arousal"] for row in rows], change)


@pytest.mark.usefixtures("detector")
def test_frames_without_a_face_keep_their_place(tmp_path: Path) -> None:
    levels = [0, 100, 0, 160, 180, 0]
    frames = [picture((4, 20, 24, level)) if level else picture() for level in levels]
    path = write_video(tmp_path / "a.avi", frames)
    rows = watch(path, fps=10, batch_size=2)
    assert [row["frame"] for row in rows] == list(range(6))
    assert [row["faces"] for row in rows] == [0, 1, 0, 1, 1, 0]
    assert rows[0] == {
        "path": path,
        "time_s": 0.0,
        "frame": 0,
        "valence": None,
        "arousal": None,
        "quadrant": None,
        "box": None,
        "faces": 0,
    }
    assert same([row["valence"] for row in rows if row["faces"]], [100, 160, 180])
    clips = watch(path, fps=10, model={"frames": 2})  # the frame before is the last with a face
    assert same([row["arousal"] for row in clips if row["faces"]], [0, 60, 20])
    kinds = list(
        Predictor(bright_classes(), device="cpu").predict_video(path, fps=10, detector="cascade")
    )
    assert list(kinds[0]) == ["path", "time_s", "frame", "label", "probabilities", "box", "faces"]
    assert (kinds[0]["label"], kinds[0]["probabilities"]) == (None, None)
    assert kinds[1]["label"] == "light"


def test_without_a_detector_every_frame_is_a_face(film: str) -> None:
    rows = watch(film, detector="none")
    assert [(row["box"], row["faces"]) for row in rows] == [(None, 1)] * 4


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"a\.mp4: cannot be read as a video"):
        watch(str(tmp_path / "a.mp4"), detector="none")
