"""Changes to training images: crop, flip, RandAugment, mixup; each drawn from names alone."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectrep.data.images import face_package

__all__ = ["crop_and_flip", "draw_numbers", "mix_images", "mixing_share", "rand_augment"]


def draw_numbers(count: int, *parts: object) -> list[float]:
    """Return numbers in [0, 1) that depend on the parts alone, in any process and any order.

    Args:
        count: how many, at most 4.
        parts: what they depend on, such as a purpose, a seed, an epoch and a row's id.

    Raises:
        ValueError: if more than 4 are asked for.

    Example:
        >>> draw_numbers(2, 0, "a") == draw_numbers(2, 0, "a") != draw_numbers(2, 1, "a")
        True
    """
    if count > 4:
        raise ValueError(f"expected at most 4 numbers of one draw, got {count}")
    found = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    words = (found[8 * place : 8 * place + 6] for place in range(count))
    return [int.from_bytes(word, "little") / 2**48 for word in words]


def crop_and_flip(
    pixels: NDArray[np.uint8], size_px: int, *, place: tuple[float, float], flipped: bool
) -> NDArray[np.uint8]:
    """Cut out a square and mirror it left to right; every frame of a clip alike.

    Args:
        pixels: ``(..., height, width)``.
        size_px: of the square; nothing is padded.
        place: of the square from top and from left, each in [0, 1).
        flipped: True mirrors.

    Returns:
        ``(..., size_px, size_px)``, in memory of its own.

    Raises:
        ValueError: if the image is smaller than the square.

    Example:
        >>> crop_and_flip(np.array([[1, 2, 3]], np.uint8)[None], 1, place=(0, 0.9), flipped=True)
        array([[[3]]], dtype=uint8)
    """
    height, width = pixels.shape[-2:]
    if min(height, width) < size_px:
        raise ValueError(
            f"expected images of at least {size_px} px to crop from, got {width} x {height}: "
            "raise resize_px"
        )
    top, left = int(place[0] * (height - size_px + 1)), int(place[1] * (width - size_px + 1))
    found = pixels[..., top : top + size_px, left : left + size_px]
    return np.array(found[..., ::-1] if flipped else found)


def rand_augment(image: Tensor, magnitude: int, *, draw: int) -> Tensor:
    """Apply two random effects of RandAugment (Cubuk et al. 2020), as torchvision does.

    Rotation, shear, translation, brightness, colour, contrast, sharpness, posterize, solarize,
    equalize; what turns in from outside is mid-grey. A clip's frames get the same effects. The
    global generator of torch is left as it was.

    Args:
        image: ``(..., 3, height, width)`` uint8.
        magnitude: 0 (hardly) to 30.
        draw: decides the effects, in [0, 2**48).

    Returns:
        The same shape, uint8.

    Raises:
        ImportError: if the package torchvision is not installed.
    """
    effects = _effects(magnitude)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw)
        changed: Tensor = effects(image)
    return changed


@cache
def _effects(magnitude: int) -> Any:
    transforms = face_package("torchvision.transforms.v2")
    bilinear = transforms.InterpolationMode.BILINEAR
    return transforms.RandAugment(2, magnitude, interpolation=bilinear, fill=128)


def mixing_share(alpha: float, *parts: object) -> float:
    """Return the share of a row in its mixture with another, at least one half.

    The share is drawn from Beta(alpha, alpha) (Zhang et al. 2018, mixup). The law is symmetrical,
    so the larger part may always be the row's own: its id then names what is seen most.

    Args:
        alpha: above 0; .2 mostly leaves a row alone, 1 takes every share alike.
        parts: what the draw depends on.

    Example:
        >>> 0.5 <= mixing_share(0.2, "seed", 3) == mixing_share(0.2, "seed", 3) <= 1
        True
    """
    seed = int(draw_numbers(1, "share", *parts)[0] * 2**48)
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    return max(share, 1 - share)


def mix_images(own: NDArray[np.uint8], other: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Return ``share * own + (1 - share) * other``, rounded.

    Example:
        >>> mix_images(np.array([200], np.uint8), np.array([100], np.uint8), 0.75).tolist()
        [175]
    """
    mixed = own.astype(np.float32) * share + other.astype(np.float32) * (1 - share)
    return np.asarray(np.rint(mixed), dtype=np.uint8)
