"""The paper that a face is drawn on: from a place on the head to a place in the picture."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.corpora.demo_faces_scenes import Pose
from affectrep.data.images import face_package

__all__ = ["FINE", "SIDE_PX", "Canvas", "curve", "darker", "ellipse", "mixed"]

Array = NDArray[Any]
Colour = tuple[int, int, int]

SIDE_PX = 64
FINE = 4
"""Pictures are drawn so many times larger and then reduced, which smooths every edge."""
HALF_HEAD_PX = 27.5
DEPTH = 0.62
"""How far the middle of the face stands before the ears, half heads."""


def darker(colour: Colour, share: float) -> Colour:
    """Return a colour in shadow; blue fades first, so that skin stays warm.

    Example:
        >>> darker((200, 100, 100), 0.5)
        (110, 50, 45)
    """
    red, green, blue = colour
    return (
        round(red * (1 - 0.9 * share)),
        round(green * (1 - share)),
        round(blue * (1 - 1.1 * share)),
    )


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour between two.

    Example:
        >>> mixed((0, 0, 0), (100, 50, 10), 0.5)
        (50, 25, 5)
    """
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def ellipse(x: float, y: float, width: float, height: float, points: int = 20) -> Array:
    """Return the outline ``(points, 2)`` of an ellipse; width and height are half axes."""
    return np.asarray(_circle(points) * (width, height) + (x, y))


def curve(*through: tuple[float, float], points: int = 9) -> Array:
    """Return ``(points, 2)`` on the parabola that starts, passes half way and ends as given.

    Example:
        >>> curve((0, 0), (1, 2), (2, 0), points=3).tolist()
        [[0.0, 0.0], [1.0, 2.0], [2.0, 0.0]]
    """
    start, middle, end = np.asarray(through, dtype=np.float64)
    first, second, third = _parabola(points)
    return np.asarray(start * first + middle * second + end * third)


@functools.cache
def _circle(points: int) -> Array:
    angle = np.linspace(0, 2 * math.pi, points, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@functools.cache
def _parabola(points: int) -> tuple[Array, Array, Array]:
    """Return the weights of start, middle and end along the way."""
    t = np.linspace(0, 1, points)[:, None]
    return (1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)


class Canvas:
    """A picture in the making. The head's middle is (0, 0), x points right, y up, in half heads.

    Args:
        pose: of the head.
    """

    def __init__(self, pose: Pose) -> None:
        image = face_package("PIL.Image")
        self.side = SIDE_PX * FINE
        self.image = image.new("RGB", (self.side, self.side))
        self._draw = face_package("PIL.ImageDraw").Draw(self.image, "RGBA")
        self._scale = HALF_HEAD_PX * FINE * pose.size
        self._yaw, self._pitch = math.sin(pose.yaw), math.sin(pose.pitch)
        self._roll = np.array(
            [
                [math.cos(pose.roll), math.sin(pose.roll)],
                [-math.sin(pose.roll), math.cos(pose.roll)],
            ]
        )
        self._middle = np.array([pose.x, pose.y - 0.04])

    def place(self, points: Array, bulge: Array | float | None = None) -> Array:
        """Return where points of the head are in the fine picture, ``(points, 2)`` px.

        Args:
            points: ``(points, 2)``.
            bulge: how far they stand before the plane of the ears; None: on the face, which is a
                half ellipsoid.
        """
        x, y = points[:, 0], points[:, 1]
        if bulge is None:
            round_ = np.sqrt(np.maximum(0.0, 1.0 - (x / 0.95) ** 2 - (y / 1.2) ** 2))
            depth = DEPTH * round_
            # what is turned away gets narrower
            narrow = 1.0 - 0.35 * abs(self._yaw) * (x * self._yaw > 0) * np.abs(x)
            x = x * narrow
        else:
            depth = np.broadcast_to(np.asarray(bulge, dtype=np.float64), x.shape)
        turned = np.stack([x + depth * self._yaw, y + depth * self._pitch], axis=1)
        moved = (turned @ self._roll.T + self._middle) * self._scale
        return np.asarray(moved * (1.0, -1.0) + self.side / 2)

    def fill(
        self,
        points: Array,
        colour: Colour,
        alpha: float = 1.0,
        bulge: Array | float | None = None,
    ) -> None:
        """Fill an outline ``(points, 2)`` of the head."""
        self.fill_px(self.place(points, bulge), colour, alpha)

    def fill_px(self, points: Array, colour: Colour, alpha: float = 1.0) -> None:
        """Fill an outline ``(points, 2)`` in px of the fine picture."""
        if alpha > 0.01:
            ink = (*colour, round(255 * min(alpha, 1.0)))
            self._draw.polygon([*map(tuple, points.tolist())], fill=ink)

    def line(
        self,
        points: Array,
        colour: Colour,
        width: float,
        alpha: float = 1.0,
        bulge: Array | float | None = None,
    ) -> None:
        """Draw a line of ``width`` half heads through ``(points, 2)``, round at its joints."""
        if alpha > 0.01:
            places: Sequence[Any] = [*map(tuple, self.place(points, bulge).tolist())]
            ink = (*colour, round(255 * min(alpha, 1.0)))
            thick = max(1, round(width * self._scale))
            self._draw.line(places, fill=ink, width=thick, joint="curve")

    def wash(self, top: Sequence[float], bottom: Sequence[float]) -> None:
        """Cover everything with a colour that changes from top to bottom."""
        image = face_package("PIL.Image")
        strip = image.fromarray(np.array([[top], [bottom]], dtype=np.uint8))
        smooth = strip.resize((1, self.side), image.Resampling.BILINEAR)
        self.image.paste(smooth.resize((self.side, self.side)))
