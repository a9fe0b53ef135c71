"""Pictures of faces to predictions: faces are found, cropped as in training, and predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affectrep.data.images import Box, Pixels, near_square, read_image, square_crop
from affectrep.model import AffectModel

__all__ = ["FaceFinder", "FacePredictions", "FoundFace", "predict_faces", "predict_pixels"]

_LARGE = 8  # times the model's side: so large a crop is rarely cut out on purpose
_CROP_MARGIN = 0.1


@dataclass(frozen=True)
class FoundFace:
    """A face of a picture.

    Args:
        path: of the picture.
        number: from 1, the largest first.
        faces: how many the picture holds; 0: none was found, and the square in the middle taken.
        box: left, top and side, px of the upright picture; None: the picture was not searched, or
            in vain.
    """

    path: str
    number: int
    faces: int
    box: Box | None


@dataclass
class FacePredictions:
    """What a model says of the faces of pictures.

    Args:
        logits: ``(faces, outputs)`` float32.
        faces: one entry a row.
        broken: path -> reason of the pictures that cannot be read, or hold no face.
    """

    logits: Tensor
    faces: list[FoundFace] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


class FaceFinder:
    """Find and crop the faces of an image as the model was trained to see them.

    Where a model was trained without a detector, a face that is found gets a margin of at least .1:
    the cascade's square is .83 of a ready crop of FER+ (median of 164 faces that it finds there).

    Args:
        preprocess: of the model: ``detector``, ``margin`` and ``resize_px`` are read.
        detector: none, cascade or yunet:<file>; None takes the model's. auto takes what may be a
            ready crop as it is and lets the cascade look at the rest: images that are not near
            square, or eight times as large as the model's side.

    Raises:
        ValueError: if the detector is unknown or its file is missing.
        ImportError: if it needs OpenCV, which is not installed.
    """

    def __init__(self, preprocess: Any, *, detector: str | None = None) -> None:
        self.margin, self.side_px = float(preprocess.margin), int(preprocess.resize_px)
        self._find: Callable[[Pixels], list[Box]] | None = None
        self.spares_crops = detector == "auto"
        own = str(preprocess.detector)
        if own == "none":
            self.margin = max(self.margin, _CROP_MARGIN)
        if self.spares_crops:
            return  # the detector is loaded when the first image asks for it
        try:
            self._find = _finder(own if detector is None else detector)
        except ValueError as error:
            if detector is None:  # such as a model file of the machine that trained
                raise ValueError(
                    f"{error}. The model was trained on faces found by {own}: give a detector, "
                    "best the same one with its file on this machine"
                ) from None
            raise

    def boxes(self, pixels: Pixels) -> list[Box | None]:
        """Return the squares of the faces, the largest first; [None] without a detector.

        Args:
            pixels: ``(height, width, 3)`` uint8, RGB.

        Raises:
            ImportError: with auto, if OpenCV is needed and not installed.
        """
        if self.spares_crops:
            height, width = pixels.shape[:2]
            if near_square(width, height) and min(width, height) <= _LARGE * self.side_px:
                return [None]
            self._find = self._find or _finder("cascade")
        return [None] if self._find is None else [*self._find(pixels)]

    def crop(self, pixels: Pixels, box: Box | None) -> Tensor:
        """Return a face as the model's preprocess takes it, ``(3, resize_px, resize_px)`` uint8."""
        face = square_crop(pixels, box, margin=self.margin, side_px=self.side_px)
        return torch.from_numpy(face).permute(2, 0, 1).contiguous()


def _finder(detector: str) -> Callable[[Pixels], list[Box]] | None:
    if detector == "none":
        return None
    # it loads pandas, which ready crops do without
    from affectrep.data.face_boxes import faces_finder

    return faces_finder(detector)


@torch.inference_mode()
def predict_pixels(
    model: AffectModel, images: Sequence[Tensor], *, device: torch.device | str = "cpu"
) -> Tensor:
    """Return the logits of one batch, ``(images, outputs)`` float32 on the CPU.

    Those of a second head, the expressions, stand behind those of the first.

    Args:
        model: of faces, in ``eval()``, on the device.
        images: ``(3, side, side)`` uint8, or ``(frames, 3, side, side)`` for a model of clips. A
            model of clips sees a single image as a clip that stands still.
        device: where the batch goes.
    """
    frames = model.encoder.preprocess.frames
    if frames > 1:
        images = [
            image if image.ndim == 4 else image.expand(frames, *image.shape) for image in images
        ]
    inputs = model.encoder.preprocess(images)
    on_device = {key: value.to(device) for key, value in inputs.items()}
    output = model(on_device)
    parts = [output.predictions, output.expressions]
    return torch.cat([part.float().cpu() for part in parts if part is not None], dim=1)


def predict_faces(
    model: AffectModel,
    paths: Iterable[str | Path],
    *,
    finder: FaceFinder,
    all_faces: bool = False,
    device: torch.device | str = "cpu",
    batch_size: int = 64,
) -> FacePredictions:
    """Read pictures one by one and predict their faces in batches.

    Args:
        model: of faces, in ``eval()``, on the device.
        paths: of image files; read once, so a progress bar may stand around them.
        finder: finds and crops the faces.
        all_faces: predict all faces of a picture; otherwise the largest.
        device: where the batches go.
        batch_size: faces a batch; no more crops are held in memory.

    Raises:
        ImportError: if Pillow, or OpenCV for a detector, is not installed.
    """
    width = len(model.outputs) + len(model.settings["heads"]["expressions"] or [])
    found = FacePredictions(torch.zeros(0, width))
    logits, waiting = [], []
    for path in map(str, paths):
        try:
            faces = _faces_of(path, finder, all_faces)
        except ValueError as error:
            found.broken[path] = str(error)
            continue
        found.faces += [face for face, _ in faces]
        waiting += [crop for _, crop in faces]
        while len(waiting) >= batch_size:
            logits.append(predict_pixels(model, waiting[:batch_size], device=device))
            waiting = waiting[batch_size:]
    if waiting:
        logits.append(predict_pixels(model, waiting, device=device))
    found.logits = torch.cat([found.logits, *logits])
    return found


def _faces_of(path: str, finder: FaceFinder, all_faces: bool) -> list[tuple[FoundFace, Tensor]]:
    pixels = read_image(path)
    boxes = finder.boxes(pixels)
    if not boxes and finder.spares_crops:
        return [(FoundFace(path, 1, 0, None), finder.crop(pixels, None))]
    if not boxes:
        raise ValueError(f"{path}: no face found (detector none takes the picture as it is)")
    chosen = boxes if all_faces else boxes[:1]
    return [
        (FoundFace(path, number, len(boxes), box), finder.crop(pixels, box))
        for number, box in enumerate(chosen, start=1)
    ]
