"""Draw a scene of the demo faces: background, head, hair, features, light and noise."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.corpora.demo_faces_canvas import (
    FINE,
    HALF_HEAD_PX,
    SIDE_PX,
    Canvas,
    curve,
    darker,
    ellipse,
    mixed,
)
from affectrep.data.corpora.demo_faces_features import EYE_HEIGHT, Actions, draw_features
from affectrep.data.corpora.demo_faces_people import Look
from affectrep.data.corpora.demo_faces_scenes import Scene

__all__ = ["render"]

Array = NDArray[Any]
Colour = tuple[int, int, int]


def render(scene: Scene) -> NDArray[np.uint8]:
    """Draw a scene; the same scene gives the same pixels.

    Returns:
        ``(64, 64, 3)`` RGB.

    Raises:
        ImportError: if Pillow is not installed.
    """
    look, canvas = scene.person.look, Canvas(scene.pose)
    outline = _head_outline(look, Actions(scene).jaw)
    _background(canvas, scene.setting.backdrop)
    _back_hair(canvas, look)
    _body(canvas, look)
    _ears(canvas, look)
    canvas.fill(outline, look.skin, bulge=0.0)
    _beard(canvas, look, outline)
    draw_features(canvas, scene)
    _front_hair(canvas, look)
    _glasses(canvas, look)
    _cover(canvas, scene)
    return _developed(canvas.image.reduce(FINE), scene)


def _head_outline(look: Look, jaw: float) -> Array:
    angle = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    x, y = np.cos(angle), np.sin(angle)
    low = np.clip(-y, 0.0, 1.0)
    square = 1.0 + 0.32 * look.jaw * low * (1 - low**2) - (0.10 - 0.08 * look.jaw) * low**2
    x = look.width * x * square
    y = np.where(y < 0, y * look.chin - jaw * low**1.5, y * 0.98)
    return np.stack([x, y], axis=1)


def _background(canvas: Canvas, seed: int) -> None:
    """A wall of one soft colour that changes from top to bottom, with a few blurred patches."""
    uniform, side = random.Random(seed).random, canvas.side
    tone = [0.3 + 0.6 * uniform() for _ in range(2)]
    hue, strength = 2 * math.pi * uniform(), 0.25 * uniform()
    tint = [1.0 + strength * math.cos(hue + turn) for turn in (0.0, 2.1, 4.2)]
    canvas.wash(*([min(255.0, 255 * value * part) for part in tint] for value in tone))
    for _ in range(int(4 * uniform())):
        x, y, size = side * uniform(), side * uniform(), side * (0.08 + 0.2 * uniform())
        colour = (255, 250, 240) if uniform() < 0.5 else (40, 40, 52)
        for share in (1.0, 0.8, 0.6):
            canvas.fill_px(ellipse(x, y, size * share, size * share, 24), colour, 0.08)


def _body(canvas: Canvas, look: Look) -> None:
    neck = np.array([(-0.36, -0.55), (0.36, -0.55), (0.40, -1.6), (-0.40, -1.6)])
    canvas.fill(neck, darker(look.skin, 0.22), bulge=-0.1)
    canvas.fill(ellipse(0.0, -0.92, 0.40, 0.20), darker(look.skin, 0.4), 0.7, bulge=-0.1)
    left = [(-2.0, -2.2), (-1.35, -1.50), (-0.45, -1.22)]
    right = [(-x, y) for x, y in left[::-1]]
    shoulders = np.array([*left, (0.0, -1.42), *right])
    canvas.fill(shoulders, look.clothes, bulge=-0.15)
    collar = shoulders[2:5]
    canvas.line(collar, darker(look.clothes, 0.3), 0.06, 0.8, bulge=-0.15)


def _ears(canvas: Canvas, look: Look) -> None:
    if look.hair_style in ("long", "bob", "scarf", "curly"):
        return
    for side in (-1, 1):
        at = (side * (look.width + 0.02), -0.05)
        canvas.fill(ellipse(*at, 0.11 * look.ears, 0.19 * look.ears), look.skin, bulge=-0.1)
        canvas.fill(
            ellipse(*at, 0.06 * look.ears, 0.12 * look.ears), darker(look.skin, 0.25), bulge=-0.1
        )


def _beard(canvas: Canvas, look: Look, outline: Array) -> None:
    if not look.beard:
        return
    colour = mixed(look.hair, darker(look.skin, 0.5), 0.3)
    mouth = look.mouth_height
    if look.beard in ("stubble", "full"):
        # from ear to ear along the jaw, over the lip, below the cheeks
        low = outline[outline[:, 1] < 0.0]
        edge = np.array(
            [
                (-0.93, 0.0),
                (-0.88, -0.16),
                (-0.72, -0.40),
                (-0.36, mouth + 0.14),
                (0.0, mouth + 0.21),
            ]
        )
        edge[:3, 0] *= look.width
        edge = np.concatenate([edge, edge[-2::-1] * (-1, 1)])
        bulge = np.concatenate([np.zeros(len(low)), [0, 0.1, 0.3, 0.5, 0.55, 0.5, 0.3, 0.1, 0]])
        whole = np.concatenate([low, edge[::-1]])
        canvas.fill(whole, colour, 0.28 if look.beard == "stubble" else 0.92, bulge)
    if look.beard in ("moustache", "goatee"):
        lip = np.concatenate(
            [
                curve((-0.27, mouth + 0.02), (0.0, mouth + 0.17), (0.27, mouth + 0.02)),
                curve((0.27, mouth), (0.0, mouth + 0.08), (-0.27, mouth)),
            ]
        )
        canvas.fill(lip, colour, 0.9)
    if look.beard == "goatee":
        canvas.fill(ellipse(0.0, outline[:, 1].min() + 0.16, 0.22, 0.17), colour, 0.9, bulge=0.4)


def _cap(look: Look, size: float, bottom: float) -> Array:
    """Return an arch around the head, from the right end over the top to the left one."""
    start = math.asin(max(-0.95, min(0.95, bottom)))
    angle = np.linspace(start, math.pi - start, 25)
    return np.stack([look.width * size * np.cos(angle), size * np.sin(angle)], axis=1)


def _back_hair(canvas: Canvas, look: Look) -> None:
    hair, shade = look.hair, darker(look.hair, 0.25)
    if look.hair_style in ("long", "bob"):
        end = -1.6 if look.hair_style == "long" else -0.72
        arch = _cap(look, 1.16, -0.1)
        ends = [(-1.02 * look.width - 0.16, end), (1.02 * look.width + 0.16, end)]
        canvas.fill(np.concatenate([arch, ends]), shade, bulge=-0.15)
    elif look.hair_style == "bun":
        canvas.fill(ellipse(0.0, 1.12, 0.32, 0.26), shade, bulge=-0.3)
    elif look.hair_style == "curly":
        for angle in np.linspace(-0.55, math.pi + 0.55, 15).tolist():
            at = (1.02 * look.width * math.cos(angle), 0.10 + 0.92 * math.sin(angle))
            canvas.fill(ellipse(*at, 0.25, 0.24), hair if angle % 0.6 < 0.3 else shade, bulge=-0.1)
    elif look.hair_style == "scarf":
        arch = _cap(look, 1.15, -0.5)
        ends = [(-0.75, -1.3), (0.75, -1.3)]
        canvas.fill(np.concatenate([arch, ends]), darker(look.clothes, 0.2), bulge=-0.1)


_HAIRLINES = {
    # half width and height of its ends, place and height of its middle (widths in half heads'
    # widths), how late it bends down, how far the hair stands off
    "long": (0.96, -0.25, -0.15, 0.78, 2.4, 1.12),
    "bob": (0.95, -0.10, 0.0, 0.47, 3.3, 1.12),
    "bun": (0.98, 0.12, 0.0, 0.68, 3.3, 1.12),
    "parted": (0.98, 0.12, 0.42, 0.66, 3.3, 1.12),
    "curly": (0.97, 0.10, 0.0, 0.62, 3.3, 1.12),
    "short": (0.99, 0.10, 0.05, 0.60, 3.3, 1.10),
    "buzz": (0.99, 0.20, 0.0, 0.66, 3.3, 1.03),
    "scarf": (0.93, -0.45, 0.0, 0.72, 2.4, 1.14),
    "cap": (0.99, 0.30, 0.0, 0.44, 3.3, 1.12),
}


def _front_hair(canvas: Canvas, look: Look) -> None:
    """Draw the hair, scarf or cap that frames the face."""
    style, wide = look.hair_style, look.width
    if style == "bald":
        return
    end, low, middle, high, late, size = _HAIRLINES[style]
    arch, sides = _cap(look, size, low), np.linspace(-1, 1, 13)
    x = wide * np.interp(sides, [-1, 0, 1], [end, middle, -end])
    line = np.stack([x, high - (high - low) * np.abs(sides) ** late], axis=1)
    forward = 0.45 * np.cos(np.pi / 2 * sides)
    bulge = np.concatenate([np.zeros(len(arch)), forward[::-1]])
    colour = look.clothes if style in ("scarf", "cap") else look.hair
    canvas.line(line - (0, 0.03), darker(look.skin, 0.35), 0.06, 0.5, forward)
    outline = np.concatenate([arch, line[::-1]])
    canvas.fill(outline, colour, 0.75 if style == "buzz" else 1.0, bulge)
    if style != "buzz":
        _gleam(canvas, colour, wide)
    if style == "cap":
        brim = curve((0.93 * wide, 0.34), (0.0, 0.40), (-0.93 * wide, 0.34))
        canvas.line(brim, darker(colour, 0.3), 0.12, 1.0, 0.3)


def _gleam(canvas: Canvas, colour: Colour, wide: float) -> None:
    """Draw a soft band of light on the hair."""
    turns = np.linspace(0.95, 2.0, 9)
    lock = np.stack([0.96 * wide * np.cos(turns), 0.92 * np.sin(turns)], axis=1)
    thick = np.stack([0 * turns, 0.10 * np.sin(np.linspace(0, np.pi, len(turns)))], axis=1)
    for share in (1.0, 0.5):
        band = np.concatenate([lock + share * thick, (lock - share * thick)[::-1]])
        canvas.fill(band, mixed(colour, (255, 255, 255), 0.22), 0.3, 0.1)


def _glasses(canvas: Canvas, look: Look) -> None:
    if not look.glasses:
        return
    frame, height = darker(look.clothes, 0.65), EYE_HEIGHT - 0.01
    for side in (-1, 1):
        x = side * look.eye_distance
        if look.glasses == "round":
            ring = ellipse(x, height, 0.24, 0.23, 24)
        else:
            corners = ((-0.24, 0.18), (0.24, 0.18), (0.21, -0.19), (-0.21, -0.19))
            ring = np.add(corners, (x, height))
        canvas.fill(ring, (225, 238, 246), 0.10)
        canvas.line(np.concatenate([ring, ring[:2]]), frame, 0.036)
        temple = np.array([(x + side * 0.24, height + 0.06), (side * look.width, height + 0.08)])
        canvas.line(temple, frame, 0.034, 1.0, np.array([0.42, 0.0]))
    bridge = look.eye_distance - 0.24
    canvas.line(np.array([(-bridge, height + 0.05), (bridge, height + 0.05)]), frame, 0.036)


def _cover(canvas: Canvas, scene: Scene) -> None:
    """Draw a hand at the cheek or a strand of hair over the brow, where there is one."""
    look, side = scene.person.look, scene.setting.cover_side
    if scene.setting.cover == "hand":
        skin, edge = darker(look.skin, 0.06), darker(look.skin, 0.4)
        palm = ellipse(side * 0.72, -0.95, 0.34, 0.42)
        canvas.fill(palm, skin, bulge=0.3)
        for finger in range(4):
            x, top = side * (0.90 - 0.15 * finger), -0.22 - 0.07 * abs(finger - 1)
            stroke = np.array([(x + side * 0.05, -0.9), (x, top)])
            canvas.line(stroke, edge, 0.17, 1.0, 0.3)
            canvas.fill(ellipse(x, top, 0.085, 0.085, 12), edge, 1.0, 0.3)
            canvas.line(stroke, skin, 0.13, 1.0, 0.3)
            canvas.fill(ellipse(x, top, 0.065, 0.065, 12), skin, 1.0, 0.3)
    elif scene.setting.cover == "strand":
        outer = curve((side * 0.05, 0.85), (side * 0.50, 0.38), (side * 0.62, -0.25))
        inner = curve((side * 0.62, -0.25), (side * 0.36, 0.28), (side * -0.12, 0.80))
        canvas.fill(np.concatenate([outer, inner]), darker(look.hair, 0.1), 0.95, 0.45)


def _developed(image: Any, scene: Scene) -> NDArray[np.uint8]:
    """Light the reduced picture from one side, expose it and add noise."""
    pixels = np.asarray(image, dtype=np.float64)
    pose, setting = scene.pose, scene.setting
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    scale = HALF_HEAD_PX * pose.size
    x = (columns - SIDE_PX / 2 + 0.5) / scale - pose.x - 0.2 * pose.yaw
    y = (SIDE_PX / 2 - 0.5 - rows) / scale - pose.y - 0.2 * pose.pitch
    round_ = np.square(x / scene.person.look.width) + np.square(y)
    on_head = 1.0 / (1.0 + np.exp(np.clip(8.0 * (round_ - 1.15), -30, 30)))
    across = x * math.cos(setting.light_angle) + y * math.sin(setting.light_angle)
    gain = 1.0 + setting.light * across * (0.25 + 0.75 * on_head) - 0.10 * on_head * round_
    warm = np.array([1.0 + setting.warmth, 1.0, 1.0 - setting.warmth])
    noise = np.random.default_rng(setting.noise_seed).standard_normal(pixels.shape)
    pixels = pixels * gain[..., None] * (setting.exposure * warm) + setting.noise * noise
    return np.asarray(np.clip(np.rint(pixels), 0, 255), dtype=np.uint8)
