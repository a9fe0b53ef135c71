"""Face rows: one image or one clip of a manifest as pixels, rows collated to a batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from affectrep.batch import Batch
from affectrep.data.augment_image import (
    crop_and_flip,
    draw_numbers,
    mix_images,
    mixing_share,
    rand_augment,
)
from affectrep.data.face_crops import FaceCrops, FaceReader
from affectrep.data.manifest import Manifest

__all__ = ["FaceRow", "FaceRows", "FaceSettings", "ImagePreprocess", "collate_face", "windows"]

Images = NDArray[np.uint8]


class ImagePreprocess(Protocol):
    """What an encoder asks of images; every face encoder brings one."""

    @property
    def size_px(self) -> int:
        """Side of the encoder's input, px."""

    @property
    def resize_px(self) -> int:
        """Side of the square that inputs are cropped from, px."""

    def __call__(self, images: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return ``pixels``, cropped in the middle where larger, scaled and normalised."""


class FaceRow(TypedDict):
    """One row: its id, uint8 image or clip, target and domain codes."""

    id: str
    image: Tensor
    label: np.ndarray[Any, Any]
    domains: dict[str, int]


@dataclass(frozen=True)
class FaceSettings:
    """How images are taken.

    Args:
        training: True crops at random and alters; False gives every image whole.
        flip: mirrors every other training image.
        randaugment: magnitude of `rand_augment` in training, 0 to 30; None leaves it out.
        mixup: alpha of `mixing_share` in training; 0 leaves it out.
        margin: added to each edge of a detected face, as a share of its side.
        frames: of a clip; 1 gives images.
        stride: step between the frames of a clip, in rows of its video.
        seed: of every draw.

    Raises:
        ValueError: if a number is out of range, or images are to be altered without training.
    """

    training: bool = False
    flip: bool = True
    randaugment: int | None = None
    mixup: float = 0.0
    margin: float = 0.0
    frames: int = 1
    stride: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.frames < 1 or self.stride < 1:
            raise ValueError(
                f"expected frames and stride of at least 1, got {self.frames} and {self.stride}"
            )
        if self.randaugment is not None and not 0 <= self.randaugment <= 30:
            raise ValueError(f"expected randaugment in 0 ... 30, got {self.randaugment}")
        if not (0 <= self.mixup < math.inf and -0.5 < self.margin < math.inf):
            raise ValueError(
                f"expected mixup of at least 0 and margin above -0.5, got {self.mixup} and "
                f"{self.margin}"
            )
        if not self.training and (self.randaugment is not None or self.mixup > 0):
            raise ValueError("images are altered in training only: set training or drop the effect")


class FaceRows(Dataset[FaceRow]):
    """The images of one split, or the clips that end at them, in the manifest's order.

    In training an image is a random square of ``preprocess.size_px`` out of ``resize_px`` (256
    and 224 in the paper; for small images some 48 out of 52), mirrored half the time. Place,
    mirroring and effects depend on seed, row id and epoch alone (call `set_epoch`). In evaluation
    an image is the whole square of ``resize_px``; the preprocess crops it in the middle.

    With mixup a row is mixed with another row of the split, labels likewise. Which row and how
    much of it depends on seed, id and epoch too, so it is the same in any batch. The larger share
    is the row's own. A domain code that the two do not share becomes -1: the image shows two
    people, and an adversary must not be told that it shows one.

    A clip is the window of ``settings.frames`` rows of a video, ``stride`` rows apart, that ends
    at the row; where the video begins its first frame is repeated. Rows that are not there (no
    label, no face) are stepped over.

    Args:
        manifest: of a face corpus.
        split: train, validation or test.
        domains: domain column -> known names, as ``manifest.domains()`` returns them; a name that
            is not among them gets the code -1.
        preprocess: of the encoder.
        settings: how images are taken; None takes them whole.
        cache: folder for decoded squares; None decodes each time. It is filled here, once, under a
            progress bar on a terminal.

    Raises:
        ValueError: if the split has no rows, rows have no face, the corpus no paths, a clip is
            asked for and the manifest has no videos, or a cache and no content hashes; with a
            cache also if an image cannot be read.
    """

    def __init__(
        self,
        manifest: Manifest,
        split: str,
        domains: dict[str, list[str]],
        *,
        preprocess: ImagePreprocess,
        settings: FaceSettings | None = None,
        cache: Path | str | None = None,
    ) -> None:
        rows, self.settings = manifest.split(split), settings or FaceSettings()
        self.preprocess = preprocess
        if preprocess.resize_px < preprocess.size_px:
            raise ValueError(
                f"expected resize_px of at least size_px, got {preprocess.resize_px} and "
                f"{preprocess.size_px}"
            )
        self.ids = rows["id"].astype(str).tolist()
        self.targets = manifest.targets(split)
        if self.settings.mixup > 0 and not np.issubdtype(self.targets.dtype, np.floating):
            raise ValueError(
                "mixup mixes valence and arousal, or several labels: classes cannot be"
            )
        self.codes = {name: _codes(rows, name, known) for name, known in domains.items()}
        self.epoch = 0
        self.windows = windows(rows, self.settings.frames, self.settings.stride)
        reader = FaceReader(preprocess.resize_px, self.settings.margin)
        self.crops = FaceCrops(rows, reader, cache=cache)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> FaceRow:
        if not self.settings.training:
            return self.named(index, self._clip(index))
        other, share = self._partner(index)
        pixels = self._altered(index)
        if other != index:
            pixels = mix_images(pixels, self._altered(other), share)
        row = self.named(index, pixels)
        if other != index:
            kept = share * self.targets[index] + (1 - share) * self.targets[other]
            row["label"] = np.asarray(kept, dtype=self.targets.dtype)
            row["domains"] = {
                name: codes[index] if codes[index] == codes[other] else -1
                for name, codes in self.codes.items()
            }
        return row

    def set_epoch(self, epoch: int) -> None:
        """Choose the crops and effects of an epoch; call it before the loader's workers start."""
        self.epoch = epoch

    def labels_only(self) -> Dataset[FaceRow]:
        """Return these rows with empty images: nothing is decoded.

        It is what training on stored embeddings of a frozen encoder needs.
        """
        return _LabelsOnly(self)

    def named(self, index: int, pixels: Images) -> FaceRow:
        """Return pixels as a row with the id, target and domains of a row of the manifest."""
        return {
            "id": self.ids[index],
            "image": torch.from_numpy(pixels),
            "label": self.targets[index],
            "domains": {name: codes[index] for name, codes in self.codes.items()},
        }

    def _clip(self, index: int) -> Images:
        """Return ``(3, side, side)``, or ``(frames, 3, side, side)`` of a clip."""
        found = self.crops.read(self.windows[index])
        return found if self.settings.frames > 1 else np.asarray(found[0])

    def _altered(self, index: int) -> Images:
        chosen = self.settings
        names = (chosen.seed, self.epoch, self.ids[index])
        top, left, side, effect = draw_numbers(4, "image", *names)
        size = self.preprocess.size_px
        flipped = chosen.flip and side < 0.5
        pixels = crop_and_flip(self._clip(index), size, place=(top, left), flipped=flipped)
        if chosen.randaugment is None:
            return pixels
        draw = int(effect * 2**48)
        altered = rand_augment(torch.from_numpy(pixels), chosen.randaugment, draw=draw)
        return np.asarray(altered.numpy())

    def _partner(self, index: int) -> tuple[int, float]:
        if self.settings.mixup == 0:
            return index, 1.0
        names = (self.settings.seed, self.epoch, self.ids[index])
        other = int(draw_numbers(1, "partner", *names)[0] * len(self))
        return other, mixing_share(self.settings.mixup, *names)


class _LabelsOnly(Dataset[FaceRow]):
    def __init__(self, rows: FaceRows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> FaceRow:
        return self.rows.named(index, np.empty(0, np.uint8))


def windows(rows: pd.DataFrame, frames: int, stride: int) -> list[list[int]]:
    """Return for each row the places of the rows of the clip that ends at it, in time.

    Args:
        rows: of one split, numbered from 0; for more than one frame with ``video`` and ``frame``.
        frames: of a clip.
        stride: step between its frames, in rows of the video in the order of ``frame``.

    Raises:
        ValueError: if clips are asked for and a row has no video or no frame.

    Example:
        >>> rows = pd.DataFrame({"video": ["a", "b", "a", "a"], "frame": [2, 0, 0, 1]})
        >>> windows(rows, 3, 1)
        [[2, 3, 0], [1, 1, 1], [2, 2, 2], [2, 2, 3]]
    """
    if frames == 1:
        return [[place] for place in range(len(rows))]
    missing = [name for name in ("video", "frame") if name not in rows or rows[name].isna().any()]
    if missing:
        raise ValueError(
            f"clips of {frames} frames need {' and '.join(missing)} of every row: prepare frames "
            "of videos, or set frames to 1"
        )
    found: list[list[int]] = [[] for _ in range(len(rows))]
    for _, video in rows.reset_index(drop=True).groupby("video", sort=False):
        order = video["frame"].astype(int).sort_values(kind="stable").index.tolist()
        for end, row in enumerate(order):
            found[row] = [order[max(0, end - back * stride)] for back in range(frames - 1, -1, -1)]
    return found


def collate_face(
    rows: list[FaceRow], preprocess: Callable[[Sequence[Tensor]], dict[str, Tensor]]
) -> Batch:
    """Join rows to a batch.

    Args:
        rows: of `FaceRows`.
        preprocess: of the encoder.

    Returns:
        A batch with the inputs of the preprocess and labels ``(batch, 2)`` float32 (or those of
        another task).

    Raises:
        ValueError: if there are no rows.

    Example:
        >>> row = {"id": "1", "image": torch.zeros(3, 8, 8, dtype=torch.uint8),
        ...        "label": np.zeros(2, np.float32), "domains": {"subject": 4}}
        >>> batch = collate_face([row, row], lambda images: {"pixels": torch.stack(images) / 255})
        >>> batch.inputs["pixels"].shape, batch.domains["subject"].tolist()
        (torch.Size([2, 3, 8, 8]), [4, 4])
    """
    if not rows:
        raise ValueError("expected at least one row to collate")
    return Batch(
        inputs=preprocess([row["image"] for row in rows]),
        labels=torch.from_numpy(np.stack([row["label"] for row in rows])),
        ids=[row["id"] for row in rows],
        domains={
            name: torch.tensor([row["domains"][name] for row in rows], dtype=torch.long)
            for name in rows[0]["domains"]
        },
    )


def _codes(rows: pd.DataFrame, column: str, known: Sequence[str]) -> list[int]:
    code = {name: place for place, name in enumerate(known)}
    values = rows[column] if column in rows else [None] * len(rows)
    return [code.get(value, -1) if isinstance(value, str) else -1 for value in values]
