"""Eyes, brows, nose and mouth of a drawn face, as its action units move them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.corpora.demo_faces_actions import ACTION_UNITS
from affectrep.data.corpora.demo_faces_canvas import Canvas, curve, darker, ellipse, mixed
from affectrep.data.corpora.demo_faces_people import Look, Person
from affectrep.data.corpora.demo_faces_scenes import Scene

__all__ = ["EYE_HEIGHT", "Actions", "draw_features"]

Array = NDArray[Any]
EYE_HEIGHT = 0.06
WHITE = (248, 246, 242)
BLACK = (28, 22, 22)
LIPS = (188, 62, 66)
MOUTH = (92, 26, 30)
TONGUE = (206, 92, 92)


class Actions:
    """The AUs of a scene by their number, on either side of the face.

    Args:
        scene: whose actions are taken.
    """

    def __init__(self, scene: Scene) -> None:
        self._both = dict(zip(ACTION_UNITS, scene.actions, strict=True))
        self._lean = dict(zip(ACTION_UNITS, scene.person.style.asymmetry, strict=True))

    def __call__(self, au: int, side: int = 0) -> float:
        """Return the intensity of an AU; side is -1 left, 1 right in the picture, 0 their mean."""
        return self._both[au] * (1.0 + side * self._lean[au])

    @property
    def jaw(self) -> float:
        """How far the jaw hangs, half heads."""
        return 0.08 * self(26) + 0.16 * self(27)


def draw_features(canvas: Canvas, scene: Scene) -> None:
    """Draw nose, mouth, eyes, brows and the lines that the actions fold into the skin."""
    does, person = Actions(scene), scene.person
    _folds(canvas, person, does)
    _nose(canvas, person, does)
    _mouth(canvas, person, does)
    for side in (-1, 1):
        _eye(canvas, scene, does, side)
        _brow(canvas, person, does, side)


def _eye(canvas: Canvas, scene: Scene, does: Actions, side: int) -> None:
    look = scene.person.look
    half = 0.165 * look.eye_size
    shut = min(does(43, side), 1.0)
    low = 0.080 * look.eye_size * max(0.2, 1 - 0.5 * does(6, side) - 0.4 * does(7, side))
    high = 0.112 * look.eye_size * max(0.3, 1 + 0.55 * does(5, side) - 0.35 * does(7, side))
    lid = high * (1 - shut) - 0.75 * low * shut
    along = np.linspace(-1, 1, 11)
    bow = (1 - along**2) ** 0.7
    x = side * look.eye_distance + half * along
    slope = EYE_HEIGHT + side * along * look.eye_tilt
    lower = slope - low * bow
    upper = np.maximum(slope + lid * bow, lower)
    skin = darker(look.skin, 0.22)
    socket = np.stack([x, slope + 1.3 * high * bow], axis=1)
    canvas.fill(np.concatenate([socket, np.stack([x, upper], 1)[::-1]]), skin, 0.35 + 0.45 * shut)
    canvas.line(socket, darker(look.skin, 0.45), 0.018, 0.5)
    opening = np.concatenate([np.stack([x, upper], 1), np.stack([x, lower], 1)[::-1]])
    canvas.fill(opening, WHITE)
    _iris(canvas, scene, (x, upper, lower), (side * look.eye_distance, EYE_HEIGHT))
    canvas.line(np.stack([x, lower], 1), darker(look.skin, 0.5), 0.016, 0.7)
    lash = np.stack([x, upper], axis=1)
    canvas.line(lash, BLACK, 0.05 if look.lashes else 0.034)
    if look.lashes:
        outer = lash[-1 if side > 0 else 0]
        tip = outer + np.array([side * 0.05, 0.035])
        canvas.line(np.stack([outer, tip]), BLACK, 0.03)


def _iris(
    canvas: Canvas, scene: Scene, lids: tuple[Array, Array, Array], middle: tuple[float, float]
) -> None:
    """Draw iris and pupil as far as the lids leave them free."""
    x, upper, lower = lids
    look, pose = scene.person.look, scene.pose
    size = 0.082 * look.eye_size
    if float((upper - lower).max()) < 0.25 * size:
        return
    at = (middle[0] + 0.055 * pose.gaze_x, middle[1] + 0.012 + 0.03 * pose.gaze_y)
    for share, colour in ((1.0, darker(look.iris, 0.35)), (0.84, look.iris), (0.5, BLACK)):
        ring = ellipse(*at, size * share, size * share, 16)
        ring[:, 0] = np.clip(ring[:, 0], x[0], x[-1])
        ring[:, 1] = np.clip(
            ring[:, 1], np.interp(ring[:, 0], x, lower), np.interp(ring[:, 0], x, upper)
        )
        canvas.fill(ring, colour)
    glint = (at[0] - 0.025, at[1] + 0.032)
    if glint[1] < np.interp(glint[0], x, upper):
        canvas.fill(ellipse(*glint, 0.022, 0.022, 8), (255, 255, 255))


def _brow(canvas: Canvas, person: Person, does: Actions, side: int) -> None:
    look = person.look
    inner = 0.16 * does(1, side) - 0.13 * does(4, side) - 0.05 * does(9, side)
    outer = 0.15 * does(2, side) - 0.02 * does(4, side)
    middle = 0.07 * does(1, side) + 0.13 * does(2, side) - 0.10 * does(4, side)
    base = EYE_HEIGHT + look.brow_height
    start = look.eye_distance - 0.20 - 0.05 * does(4, side)
    points = curve(
        (side * start, base + inner),
        (side * (look.eye_distance + 0.02), base + 0.045 + middle),
        (side * (look.eye_distance + 0.22), base - 0.03 + outer),
    )
    thick = look.brow_thickness * np.linspace(1.0, 0.45, len(points))
    edge = np.stack([np.zeros_like(thick), thick / 2], axis=1)
    grey = look.hair_style != "bald" and sum(look.hair) > 450
    colour = mixed(look.hair, darker(look.skin, 0.55), 0.55 if grey else 0.25)
    canvas.fill(np.concatenate([points + edge, (points - edge)[::-1]]), colour, 0.95)


def _nose(canvas: Canvas, person: Person, does: Actions) -> None:
    look = person.look
    up = 0.05 * does(9)
    tip = EYE_HEIGHT - look.nose_length + up
    wide = look.nose_width * (1 + 0.12 * does(9) + 0.06 * does(12))
    shade = darker(look.skin, 0.3)
    ridge = np.array(
        [(0.035, EYE_HEIGHT + 0.12), (0.06, tip + 0.1), (0.75 * wide, tip), (0.02, tip + 0.02)]
    )
    bulge = np.array([0.62, 0.78, 0.74, 0.84])
    canvas.fill(ridge, shade, 0.45, bulge)
    canvas.fill(ridge * (-0.6, 1) + (0.01, 0), mixed(look.skin, (255, 250, 240), 0.5), 0.3, bulge)
    wing = curve((-wide, tip + 0.035), (0.0, tip - 0.065), (wide, tip + 0.035))
    canvas.line(wing, darker(look.skin, 0.5), 0.028, 0.75, 0.76)
    for side in (-1, 1):
        hole = ellipse(side * 0.5 * wide, tip - 0.012, 0.032, 0.02, 10)
        canvas.fill(hole, darker(look.skin, 0.72), 0.85, 0.76)
        fold = np.array([(side * 0.03, EYE_HEIGHT + 0.1), (side * 0.10, EYE_HEIGHT - 0.02)])
        canvas.line(fold, darker(look.skin, 0.55), 0.024, 0.75 * does(9, side))
        canvas.line(fold - (0, 0.08), darker(look.skin, 0.55), 0.024, 0.75 * does(9, side))


def _mouth(canvas: Canvas, person: Person, does: Actions) -> None:
    look = person.look
    lips = mixed(look.skin, LIPS, 0.62 if look.lashes else 0.36)
    line, upper, lower, gape = _lips(person, does)
    thin = look.lips * (1 - 0.65 * min(does(23), 1.0)) * (1 - 0.25 * does(12))
    shape = 1 - np.linspace(-1, 1, len(line)) ** 2
    dip = 1 - 0.22 * np.exp(-np.square(np.linspace(-5, 5, len(line))))
    above = upper + np.stack([0 * shape, 0.055 * thin * shape**0.7 * dip], axis=1)
    below = lower - np.stack([0 * shape, 0.075 * thin * (1 + 0.3 * does(17)) * shape**0.8], axis=1)
    canvas.fill(np.concatenate([above, below[::-1]]), darker(lips, 0.05))
    canvas.fill(np.concatenate([lower, below[::-1]]), mixed(lips, (255, 235, 225), 0.12))
    if gape > 0.02:
        canvas.fill(np.concatenate([upper, lower[::-1]]), MOUTH)
        _inside(canvas, upper, lower, gape)
    dark = mixed(MOUTH, darker(look.skin, 0.6), 0.4)
    canvas.line(line if gape <= 0.02 else upper, dark, 0.03, 1.0 if gape <= 0.02 else 0.5)
    under = below[2:-2] - (0.0, 0.045)
    canvas.line(under[2:-2], darker(look.skin, 0.35), 0.03, 0.3 + 0.4 * does(17))


def _lips(person: Person, does: Actions) -> tuple[Array, Array, Array, float]:
    """Return the line between the lips, the edges of the opening, and the height of that."""
    look = person.look
    wide = look.mouth_width * (
        1
        + 0.22 * does(12)
        + 0.34 * does(20)
        - 0.14 * does(23)
        - 0.08 * does(17)
        - 0.30 * does(27)
        - 0.06 * does(26)
    )
    t = np.linspace(-1, 1, 15)
    corner = {
        side: 0.22 * does(12, side) - 0.19 * does(15, side) - 0.05 * does(20, side)
        for side in (-1, 1)
    }
    rise = np.where(t < 0, corner[-1], corner[1]) * np.abs(t) ** 1.8
    pull = 1 + 0.25 * np.where(t < 0, does(12, -1), does(12, 1)) - 0.25 * does(12)
    middle = look.mouth_height - 0.05 * does(12) + 0.05 * does(15) + 0.04 * does(17)
    line = np.stack([wide * t * pull, middle + rise], axis=1)
    gape = 0.07 * does(25) + min(does(25), 1.0) * 0.14 * does(26) + 0.24 * does(27)
    bow = (1 - t**2) ** 0.65
    flat = np.stack([0 * bow, bow], axis=1)
    lifted = 0.30 * gape + 0.03 * does(9)
    # an open smile is straight above and round below
    upper = line + flat * (lifted - 0.03 * min(does(25), 1.0) * does(12))
    lower = line - flat * 0.7 * gape
    return line, upper, lower, gape


def _inside(canvas: Canvas, upper: Array, lower: Array, gape: float) -> None:
    """Draw teeth and tongue into an open mouth."""
    room = upper[:, 1] - lower[:, 1]
    inner = slice(1, -1)
    teeth = np.minimum(room * 0.95, 0.085 * (room / max(room.max(), 1e-6)) ** 0.3)
    edge = upper.copy()
    edge[:, 1] -= teeth
    canvas.fill(np.concatenate([upper[inner], edge[inner][::-1]]), WHITE)
    if gape > 0.14:
        floor = lower.copy()
        floor[:, 1] += np.maximum(0.0, room - 0.12) * 0.55
        some = slice(3, -3)
        canvas.fill(np.concatenate([floor[some], lower[some][::-1]]), TONGUE)


def _folds(canvas: Canvas, person: Person, does: Actions) -> None:
    """Draw cheeks and the lines of brow, eyes and mouth."""
    look = person.look
    crease = darker(look.skin, 0.42)
    for side in (-1, 1):
        _cheek(canvas, look, does, side)
        pouch = curve(
            (side * (look.eye_distance - 0.14), EYE_HEIGHT - 0.12),
            (side * look.eye_distance, EYE_HEIGHT - 0.155 + 0.02 * does(6, side)),
            (side * (look.eye_distance + 0.16), EYE_HEIGHT - 0.09),
        )
        canvas.line(pouch, crease, 0.02, min(0.7, 0.2 * look.age + 0.45 * does(6, side)))
        frown = np.array([(side * 0.055, EYE_HEIGHT + 0.24), (side * 0.045, EYE_HEIGHT + 0.11)])
        canvas.line(frown, darker(look.skin, 0.5), 0.026, 0.85 * does(4, side))
    raised = min(0.8, 0.25 * look.age + 0.4 * (does(1) + does(2)))
    for height in (0.50, 0.58):
        arch = curve((-0.3, height), (0.0, height + 0.01), (0.3, height))
        canvas.line(arch, crease, 0.018, raised - 0.15)


def _cheek(canvas: Canvas, look: Look, does: Actions, side: int) -> None:
    """Draw the blush of a cheek and the fold between nose and mouth."""
    middle, blush = look.mouth_height, mixed(look.skin, (226, 92, 84), 0.45)
    cheek = (side * 0.47, -0.27 + 0.05 * does(6, side))
    canvas.fill(ellipse(*cheek, 0.17, 0.13), blush, 0.20 + 0.12 * does(12, side))
    canvas.fill(ellipse(*cheek, 0.11, 0.08), blush, 0.15 + 0.15 * does(6, side))
    smile = max(0.9 * does(12, side), 0.7 * does(9, side), 0.5 * does(20, side))
    fold = curve(
        (side * (look.nose_width + 0.03), -0.22),
        (side * (0.27 + 0.06 * smile), middle + 0.14),
        (side * (0.33 + 0.07 * smile), middle - 0.02),
    )
    strength = min(0.7, 0.25 * look.age + 0.45 * smile)
    canvas.line(fold, darker(look.skin, 0.42), 0.025, strength)
