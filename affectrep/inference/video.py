"""The frames of a video to a track of predictions, a batch at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from affectrep.data.images import Box
from affectrep.data.video import video_frames
from affectrep.inference.faces import FaceFinder, predict_pixels
from affectrep.model import AffectModel

__all__ = ["FramePrediction", "predict_video"]


@dataclass
class FramePrediction:
    """What a model says of a frame.

    Args:
        frame: number in the video, from 0.
        time_s: of the frame from the start of the video, s.
        faces: how many the frame holds; 1 where no detector looked.
        box: of the largest face, px; None without a detector or without a face.
        logits: ``(outputs,)`` float32; None where the frame holds no face.
    """

    frame: int
    time_s: float
    faces: int
    box: Box | None
    logits: Tensor | None = None


def predict_video(
    model: AffectModel,
    path: str | Path,
    *,
    fps: float,
    finder: FaceFinder,
    device: torch.device | str = "cpu",
    batch_size: int = 64,
) -> Iterator[FramePrediction]:
    """Predict the largest face of every frame at a stated rate, in the order of time.

    A model of clips sees the window of frames that ends at each frame, as far apart as its meta
    value ``stride`` says (1); where the video begins its first face is repeated, and frames
    without a face are passed over, as in training. Nothing tracks a person:
    where two faces are about as large, the track may jump between them.

    Args:
        model: of faces, in ``eval()``, on the device.
        path: of the video.
        fps: frames a second that are read.
        finder: finds and crops the faces.
        device: where the batches go.
        batch_size: frames a batch; no more are held in memory.

    Raises:
        ValueError: if the video or the rate cannot be used.
        ImportError: if OpenCV or Pillow is not installed.
    """
    length, stride = model.encoder.preprocess.frames, int(model.meta.get("stride", 1))
    window: deque[Tensor] = deque(maxlen=(length - 1) * stride + 1)
    waiting: list[FramePrediction] = []
    images: list[Tensor] = []
    for frame, time_s, pixels in video_frames(path, fps=fps):
        boxes = finder.boxes(pixels)
        waiting.append(FramePrediction(frame, time_s, len(boxes), boxes[0] if boxes else None))
        if boxes:
            crop = finder.crop(pixels, boxes[0])
            window.extend([crop] * (1 if window else (length - 1) * stride + 1))
            images.append(torch.stack(list(window)[::stride]) if length > 1 else crop)
        if len(waiting) >= batch_size:
            yield from _filled(model, waiting, images, device)
            waiting, images = [], []
    yield from _filled(model, waiting, images, device)


def _filled(
    model: AffectModel,
    frames: list[FramePrediction],
    images: list[Tensor],
    device: torch.device | str,
) -> list[FramePrediction]:
    """Give the frames with a face their logits."""
    if images:
        seen = [frame for frame in frames if frame.faces]
        logits = predict_pixels(model, images, device=device)
        for frame, row in zip(seen, logits, strict=True):
            frame.logits = row
    return frames
