"""What is in each picture of the drawn faces: who, which expression, pose, light, background.

The true valence and arousal of a picture are drawn first; the face follows from them, from the
person's style and from a manner of the moment. The label is what raters say, who err.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from affectrep.data.corpora.demo_faces_actions import ACTION_UNITS, PROTOTYPES, action_units
from affectrep.data.corpora.demo_faces_people import Person, normal, people

__all__ = ["Pose", "Scene", "Setting", "draw_clips", "draw_pictures", "rating_ceiling"]

Numbers = tuple[float, ...]
Uniform = Callable[[], float]

PICTURES_PER_PERSON = 32
CLIPS_PER_PERSON = 2
FRAMES = 12
FRAMES_PER_SECOND = 6.0
LOOSE_HAIR = ("long", "bob", "parted", "curly", "short", "bun")
RATERS = 5
RATER_SPREAD = 0.2
"""Standard deviation of one rater around the truth."""


@dataclass(frozen=True)
class Pose:
    """How the head is held.

    Args:
        yaw: turned to the face's left, radians.
        pitch: raised, radians.
        roll: tilted to the picture's left, radians.
        x: of the head's middle in the picture, half heads to the right.
        y: the same, up.
        size: factor.
        gaze_x: of the eyes, -1 to 1.
        gaze_y: the same, up.
    """

    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    size: float
    gaze_x: float
    gaze_y: float


@dataclass(frozen=True)
class Setting:
    """Light, background and what is in the way.

    Args:
        light_angle: where the light comes from, radians counter-clockwise from the right.
        light: how much brighter the lit side is, share.
        exposure: factor on the whole picture.
        warmth: red gains and blue loses this share.
        backdrop: seed of the background.
        cover: empty, ``hand`` or ``strand`` (of hair).
        cover_side: -1 left or 1 right in the picture.
        noise: standard deviation, levels of 255.
        noise_seed: of that noise.
    """

    light_angle: float
    light: float
    exposure: float
    warmth: float
    backdrop: int
    cover: str
    cover_side: int
    noise: float
    noise_seed: int


@dataclass(frozen=True)
class Scene:
    """One picture before it is drawn.

    Args:
        name: the row's id.
        person: who is seen.
        valence: the truth, in [-1, 1].
        arousal: the truth, in [-1, 1].
        rated: valence and arousal as the raters' mean has them, in [-1, 1].
        actions: of the face, in [0, 1.2], in the order of `ACTION_UNITS`.
        pose: of the head.
        setting: light, background and what is in the way.
        frame: place in its clip; None for a still picture.
    """

    name: str
    person: Person
    valence: float
    arousal: float
    rated: tuple[float, float]
    actions: Numbers
    pose: Pose
    setting: Setting
    frame: int | None = None


def draw_pictures(seed: int = 0) -> list[Scene]:
    """Draw the 4,000 still pictures; another seed draws others of the same people.

    Raises:
        ValueError: if `seed` is negative.

    Example:
        >>> drawn = draw_pictures()
        >>> len(drawn), drawn[0].name
        (4000, '001-01')
    """
    _require_seed(seed)
    return [
        _picture(person, number, seed)
        for person in people()
        for number in range(PICTURES_PER_PERSON)
    ]


def draw_clips(seed: int = 0) -> list[Scene]:
    """Draw the frames of 250 clips, two of each person, 12 frames each, in their order.

    Raises:
        ValueError: if `seed` is negative.

    Example:
        >>> frames = draw_clips()
        >>> len(frames), frames[12].name, frames[12].frame
        (3000, '001-02/00', 0)
    """
    _require_seed(seed)
    return [
        frame
        for person in people()
        for number in range(CLIPS_PER_PERSON)
        for frame in _clip(person, number, seed)
    ]


def rating_ceiling(rows: pd.DataFrame) -> dict[str, float]:
    """Return the CCC that knowledge of the truth can reach, per axis.

    The best predictor from the truth has the labels' scale, so its CCC is the correlation of truth
    and labels. No picture says more than the truth does.

    Args:
        rows: with the columns valence, arousal, true_valence and true_arousal.

    Raises:
        ValueError: if there are fewer than two rows.

    Example:
        >>> rows = pd.DataFrame({"valence": [0.0, 1.0], "true_valence": [0.1, 0.8],
        ...                      "arousal": [1.0, 0.0], "true_arousal": [0.5, 0.2]})
        >>> {axis: round(value, 6) for axis, value in rating_ceiling(rows).items()}
        {'valence': 1.0, 'arousal': 1.0}
    """
    if len(rows) < 2:
        raise ValueError(f"expected at least 2 rows, got {len(rows)}")
    return {
        axis: float(np.corrcoef(rows[axis], rows[f"true_{axis}"])[0, 1])
        for axis in ("valence", "arousal")
    }


def _require_seed(seed: int) -> None:
    if seed < 0:
        raise ValueError(f"the seed of the demo corpus must be 0 or more, not {seed}.")


def _picture(person: Person, number: int, seed: int) -> Scene:
    name = f"{person.name.partition('/')[2]}-{number + 1:02d}"
    uniform = random.Random(f"demo_faces {seed} {name}").random
    valence, arousal = _affect(person, uniform)
    return Scene(
        name=name,
        person=person,
        valence=valence,
        arousal=arousal,
        rated=(_rated(valence, uniform), _rated(arousal, uniform)),
        actions=_actions(person, valence, arousal, _moment(uniform)),
        pose=_pose(uniform),
        setting=_setting(person, uniform),
    )


def _affect(person: Person, uniform: Uniform) -> tuple[float, float]:
    """Draw a place on the circumplex: any direction, and a radius that is often small."""
    angle, radius = 2 * math.pi * uniform(), uniform() ** 0.8
    valence = radius * math.cos(angle) + person.style.mood[0] + 0.03
    arousal = 0.92 * radius * math.sin(angle) + person.style.mood[1] + 0.05
    return _within(valence), _within(arousal)


def _within(value: float) -> float:
    return round(min(1.0, max(-1.0, value)), 4)


def _rated(value: float, uniform: Uniform) -> float:
    """Return the mean of the raters, none of whom goes beyond the ends of the scale."""
    said = [_within(value + RATER_SPREAD * normal(uniform)) for _ in range(RATERS)]
    return round(sum(said) / RATERS, 4)


def _moment(uniform: Uniform) -> tuple[Numbers, Numbers]:
    """Draw the manner of the moment and the unsteadiness of the AUs."""
    manner = tuple(0.5 * normal(uniform) for _ in PROTOTYPES)
    return manner, tuple(1.0 + 0.12 * normal(uniform) for _ in ACTION_UNITS)


def _actions(
    person: Person, valence: float, arousal: float, moment: tuple[Numbers, Numbers]
) -> Numbers:
    manner = np.add(person.style.manner, moment[0])
    meant = action_units(valence, arousal, manner) * np.clip(moment[1], 0.6, 1.4)
    return tuple(person.style.shown(meant).round(6).tolist())


def _pose(uniform: Uniform) -> Pose:
    turn = [normal(uniform) for _ in range(8)]
    return Pose(
        yaw=max(-0.5, min(0.5, 0.14 * turn[0])),
        pitch=max(-0.3, min(0.3, 0.08 * turn[1])),
        roll=max(-0.25, min(0.25, 0.06 * turn[2])),
        x=0.03 * turn[3],
        y=0.025 * turn[4],
        size=1.0 + 0.035 * turn[5],
        gaze_x=max(-1.0, min(1.0, 0.4 * turn[6])),
        gaze_y=max(-1.0, min(1.0, 0.25 * turn[7])),
    )


def _setting(person: Person, uniform: Uniform) -> Setting:
    chance, loose = uniform(), person.look.hair_style in LOOSE_HAIR
    return Setting(
        light_angle=2 * math.pi * uniform(),
        light=0.05 + 0.30 * uniform(),
        exposure=0.78 + 0.26 * uniform(),
        warmth=0.03 * normal(uniform),
        backdrop=int(uniform() * 2**31),
        cover="hand" if chance < 0.04 else "strand" if loose and chance < 0.08 else "",
        cover_side=1 if uniform() < 0.5 else -1,
        noise=1.0 + 6.0 * uniform() ** 2,
        noise_seed=int(uniform() * 2**31),
    )


def _clip(person: Person, number: int, seed: int) -> list[Scene]:
    """Draw a clip: from a quiet place to an apex and part of the way back, with one blink."""
    video = f"{person.name.partition('/')[2]}-{number + 1:02d}"
    uniform = random.Random(f"demo_faces clip {seed} {video}").random
    quiet, apex = _affect(person, uniform), _affect(person, uniform)
    quiet = (_within(0.3 * quiet[0]), _within(0.3 * quiet[1]))
    moment, setting = _moment(uniform), _setting(person, uniform)
    poses, blink = (_pose(uniform), _pose(uniform)), 1 + int(uniform() * (FRAMES - 2))
    # every rater judges a clip as a whole, too: half of the variance of the error stays
    lean = [RATER_SPREAD / math.sqrt(2 * RATERS) * normal(uniform) for _ in range(2)]
    scenes = []
    for frame, share in enumerate(_course(uniform)):
        valence, arousal = (_within(a + share * (b - a)) for a, b in zip(quiet, apex, strict=True))
        jitter = [RATER_SPREAD / math.sqrt(2 * RATERS) * normal(uniform) for _ in range(2)]
        scene = Scene(
            name=f"{video}/{frame:02d}",
            person=person,
            valence=valence,
            arousal=arousal,
            rated=(_within(valence + lean[0] + jitter[0]), _within(arousal + lean[1] + jitter[1])),
            actions=_actions(person, valence, arousal, moment),
            pose=_between(*poses, frame / (FRAMES - 1)),
            setting=replace(setting, noise_seed=int(uniform() * 2**31)),
            frame=frame,
        )
        scenes.append(_blinking(scene) if frame == blink else scene)
    return scenes


def _course(uniform: Uniform) -> list[float]:
    """Return the share of the way to the apex, ``FRAMES`` long: onset, apex, offset."""
    start, rise = 3.0 * uniform(), 2.0 + 3.0 * uniform()
    fall, end = start + rise + 1.0 + 3.0 * uniform(), 3.0 + 4.0 * uniform()
    steps = [
        min((frame - start) / rise, 1.0 - (frame - fall) / end, 1.0) for frame in range(FRAMES)
    ]
    return [0.5 - 0.5 * math.cos(math.pi * max(0.0, step)) for step in steps]


def _between(first: Pose, last: Pose, share: float) -> Pose:
    """Move a third of the way from one pose to another, evenly."""
    pairs: Sequence[tuple[float, float]] = list(
        zip(vars(first).values(), vars(last).values(), strict=True)
    )
    return Pose(*(a + share / 3 * (b - a) for a, b in pairs))


def _blinking(scene: Scene) -> Scene:
    closed = list(ACTION_UNITS).index(43)
    actions = [*scene.actions]
    actions[closed] = 1.0
    return replace(scene, actions=tuple(actions))
