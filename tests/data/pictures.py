"""Invented images, a manifest of them, and a preprocess that is easy to follow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from affectrep.data.images import image_content
from affectrep.data.manifest import CorpusInfo, Manifest

Pixels = np.ndarray[Any, Any]


def noise(height: int = 12, width: int = 12, seed: int = 0) -> Pixels:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(path: Path, pixels: Pixels, **options: Any) -> str:
    """Write PNG or whatever the ending says; grey where there is one channel."""
    from PIL import Image

    Image.fromarray(pixels).save(path, **options)
    return str(path)


def table(folder: Path, *, side: int = 12, each: int = 4) -> pd.DataFrame:
    """Noise images with labels: ``each`` per split, two subjects in each split."""
    lines = []
    for number, split in enumerate(s for s in ("train", "validation", "test") for _ in range(each)):
        pixels = noise(side, side, number)
        angle = 2 * np.pi * number / (3 * each)
        lines.append(
            {
                "id": f"i{number}",
                "split": split,
                "path": write(folder / f"{number}.png", pixels),
                "valence": 0.2 * (1 + number % 4) * np.cos(angle),
                "arousal": 0.2 * (1 + number % 4) * np.sin(angle),
                "subject": f"{split}/{number % 2}",
                "content": image_content(pixels),
                "row": number + 2,
            }
        )
    return pd.DataFrame(lines)


def manifest(rows: pd.DataFrame) -> Manifest:
    return Manifest(rows, CorpusInfo("x", "X", "face", "regression", None, "own", "invented"))


class Plain:
    """Middle crop and scaling, without normalisation."""

    def __init__(self, size_px: int = 8, resize_px: int = 12) -> None:
        self.size_px, self.resize_px = size_px, resize_px

    def __call__(self, images: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        edge = (images[0].shape[-1] - self.size_px) // 2
        inside = slice(edge, edge + self.size_px)
        return {"pixels": torch.stack([x[..., inside, inside] for x in images]).float() / 255}
