"""Image files to RGB pixels: decode, turn upright, crop a square, hash."""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Box",
    "Pixels",
    "face_package",
    "image_content",
    "image_size",
    "near_square",
    "read_image",
    "square_crop",
]

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float]

_NEAR_SQUARE = 1.2
_ORIENTATION = 0x0112
# what Pillow's decoders raise on a broken file, beside its own UnidentifiedImageError (an OSError)
_BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error),
    *(TypeError, KeyError, AttributeError),
)
# Pillow takes large pictures for an attack (it refuses those of twice the size), and tells of EXIF
# that is broken. Neither matters to the pixels. The filter stays, since files are read in threads,
# where warnings.catch_warnings is not safe.
warnings.filterwarnings(
    "ignore", message=r"Image size \(\d+ pixels\) exceeds limit|Corrupt EXIF data"
)


def read_image(path: Path | str) -> Pixels:
    """Decode an image file to upright RGB.

    The orientation that a camera noted (EXIF) is applied; where its notes are broken there is none.
    Grey images give three equal channels, 16 bits become 8, what is transparent lies over white,
    and an animation gives its first image.

    Args:
        path: of the file; its content counts, not its ending.

    Returns:
        ``(height, width, 3)`` uint8, red first.

    Raises:
        ValueError: that begins with the path, if the file is missing, empty, no image, breaks off,
            or holds numbers that are no brightness.
        ImportError: if the package Pillow is not installed.
    """
    path = Path(path)
    image_module = face_package("PIL.Image")
    if not os.path.isfile(path):  # Path.is_file raises where a name is too long
        raise ValueError(f"{path}: does not exist or is no file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: is empty (0 bytes): copy it again")
    try:
        with image_module.open(path) as image:
            pixels = _upright_rgb(image)
    except (*_BROKEN, image_module.DecompressionBombError) as error:
        unknown = type(error).__name__ == "UnidentifiedImageError"
        reason = "it is in no known format" if unknown else str(error) or type(error).__name__
        raise ValueError(f"{path}: cannot be read as an image: {reason}") from None
    if 0 in pixels.shape:
        raise ValueError(f"{path}: has no pixels ({pixels.shape[1]} x {pixels.shape[0]})")
    return pixels


def image_size(path: Path | str) -> tuple[int, int]:
    """Return width and height, px, of an image file when it stands upright; no pixel is decoded.

    An orientation that a PNG notes behind its pixels is not seen.

    Raises:
        ValueError: that begins with the path, if the file is missing or no image.
        ImportError: if the package Pillow is not installed.
    """
    image_module = face_package("PIL.Image")
    try:
        with image_module.open(path) as image:
            width, height = image.size
            # PNG's own getexif would decode the pixels; TIFF's size is the upright one already
            if image.format != "TIFF" and _orientation(image_module.Image.getexif, image) > 4:
                width, height = height, width
    except (*_BROKEN, image_module.DecompressionBombError) as error:
        raise ValueError(f"{path}: cannot be read as an image: {error}") from None
    return int(width), int(height)


def near_square(width: int, height: int) -> bool:
    """Whether an image may be a ready crop of a face: no side is above 1.2 times the other.

    Example:
        >>> near_square(120, 100), near_square(640, 480)
        (True, False)
    """
    return max(width, height) <= _NEAR_SQUARE * min(width, height)


def _upright_rgb(image: Any) -> Pixels:
    image = _upright(image)
    if image.mode[:1] in "IF":
        grey = _eight_bits(image)
        return np.repeat(grey[..., None], 3, axis=2)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = _over_white(image)
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _upright(image: Any) -> Any:
    """Return the image turned as its EXIF says.

    Pillow's own function also writes the EXIF anew, and so refuses good pixels beside odd notes.
    """
    image.load()
    turns = face_package("PIL.Image").Transpose
    turn = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(_orientation(type(image).getexif, image))
    return image if turn is None else image.transpose(turn)


def _orientation(read: Callable[[Any], Any], image: Any) -> int:
    """Return EXIF's number for how an image is turned; 1, upright, where it is missing or odd."""
    try:
        number = read(image).get(_ORIENTATION)
        return int(number) if number in range(1, 9) else 1
    except _BROKEN:
        return 1


def _eight_bits(image: Any) -> Pixels:
    """Return grey of 16 bits, or of 32 that hold 16, as 8 bits; white stays white."""
    values = np.asarray(image)
    low, high = values.min(initial=0), values.max(initial=0)
    if image.mode == "F" or low < 0 or high > 65535:
        raise ValueError(
            f"values from {low:g} to {high:g} with no stated white: store it with 8 or 16 bits"
        )
    return np.asarray(np.rint(values / 257.0), dtype=np.uint8)


def _over_white(image: Any) -> Any:
    image_module = face_package("PIL.Image")
    layer = image.convert("RGBA")
    white = image_module.new("RGBA", layer.size, (255, 255, 255, 255))
    return image_module.alpha_composite(white, layer)


def image_content(pixels: Pixels) -> str:
    """Return the SHA-256 of decoded pixels, 64 hexadecimal digits, whatever their file's format.

    Hashed are height and width as decimal digits with a newline, then the pixels row by row. A
    lossless copy has the same hash; two JPEG decoders may differ in the last bit.

    Args:
        pixels: ``(height, width, 3)`` uint8, as `read_image` returns them.

    Raises:
        ValueError: if the shape or the type is another one.

    Example:
        >>> wide, tall = np.zeros((1, 4, 3), np.uint8), np.zeros((4, 1, 3), np.uint8)
        >>> image_content(wide) == image_content(wide.copy()), image_content(wide) == \
            image_content(tall)
        (True, False)
    """
    _check(pixels)
    size = b"%d %d\n" % pixels.shape[:2]
    return hashlib.sha256(size + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def square_crop(pixels: Pixels, box: Box | None, *, margin: float, side_px: int) -> Pixels:
    """Cut out a square and scale it, antialiased (bilinear); edge pixels repeat outside.

    A square that already has the wanted size is copied pixel by pixel.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        box: left, top and side, px; it may reach over the edge. None takes the largest square in
            the middle of the image, without a margin.
        margin: added on each edge, as a share of the side; below 0 cuts into the box.
        side_px: of the result.

    Returns:
        ``(side_px, side_px, 3)`` uint8.

    Raises:
        ValueError: if a size is not positive, the box is not finite, or nothing of it lies inside
            the image.
        ImportError: if the package Pillow is not installed.
    """
    _check(pixels)
    height, width = pixels.shape[:2]
    if box is None:
        shorter = float(min(height, width))
        square: Box = ((width - shorter) // 2, (height - shorter) // 2, shorter)
    else:
        square = _with_margin(box, margin, (height, width))
    if side_px < 1:
        raise ValueError(f"expected side_px of at least 1, got {side_px}")
    left, top, side = square
    pad = [
        max(0, math.ceil(-top)),
        max(0, math.ceil(top + side - height)),
        max(0, math.ceil(-left)),
        max(0, math.ceil(left + side - width)),
    ]
    if any(pad):
        pixels = np.pad(pixels, [(pad[0], pad[1]), (pad[2], pad[3]), (0, 0)], mode="edge")
        left, top = left + pad[2], top + pad[0]
    image_module = face_package("PIL.Image")
    # rounding may put the far edge a hair outside
    edges = [min(left + side, pixels.shape[1]), min(top + side, pixels.shape[0])]
    found = image_module.fromarray(np.ascontiguousarray(pixels)).resize(
        (side_px, side_px), image_module.Resampling.BILINEAR, box=(left, top, *edges)
    )
    return np.array(found, dtype=np.uint8)


def _with_margin(box: Box, margin: float, shape: tuple[int, int]) -> Box:
    left, top, side = (float(value) for value in box)
    if not all(map(math.isfinite, (left, top, side, margin))) or not side > 0 or margin <= -0.5:
        raise ValueError(
            f"expected a finite box with a side above 0 and a margin above -0.5, "
            f"got left {left:g}, top {top:g}, side {side:g} and margin {margin:g}"
        )
    left, top, side = left - margin * side, top - margin * side, side * (1 + 2 * margin)
    height, width = shape
    if left >= width or top >= height or left + side <= 0 or top + side <= 0:
        raise ValueError(
            f"expected a box that meets the image of {width} x {height} px, "
            f"got left {left:g}, top {top:g}, side {side:g}"
        )
    if side > 4 * (height + width):
        raise ValueError(
            f"expected a box of at most four times the image of {width} x {height} px, "
            f"got a side of {side:g} with its margin"
        )
    return left, top, side


def _check(pixels: Pixels) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape or pixels.dtype != np.uint8:
        raise ValueError(
            f"expected pixels (height, width, 3) of uint8, got {pixels.shape} of {pixels.dtype}"
        )


def face_package(name: str) -> Any:
    """Import a package that only images need.

    Raises:
        ImportError: that names the extra to install, where the package is missing.

    Example:
        >>> face_package("json").loads("1")
        1
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"reading images needs the package {package}: pip install 'affectrep[face]' ({error})"
        ) from None
