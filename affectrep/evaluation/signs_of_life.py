"""Did a player live through training? One way to judge epochs and to say it, for all players."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Player", "life_sentence", "short"]


@dataclass(frozen=True)
class Player:
    """What there is to say of a player.

    Args:
        name: such as "critic".
        limits: sign of life -> the value that it lies above while the player lives.
        lived: the lowest value of each sign -> words on how it lived.
        died: the signs of the last epoch -> why it is dead.
        without: what the run is without the player.
    """

    name: str
    limits: Mapping[str, float]
    lived: Callable[[pd.Series], str]
    died: Callable[[pd.Series], str]
    without: str


def life_sentence(player: Player, epochs: pd.DataFrame, steps: pd.Series) -> str:
    """Return a sentence on whether a player lived; its first epoch may be spent waking up.

    Args:
        player: whose signs.
        epochs: the signs of each epoch, numbered from 0, at least one.
        steps: epoch of each logged step, by the step.

    Example:
        >>> critic = Player("critic", {"sd": 0.1}, lambda low: f"sd {low['sd']}",
        ...     lambda last: f"sd {last['sd']}", "this run is regression")
        >>> epochs = pd.DataFrame({"sd": [0.0, 0.3, 0.05]})
        >>> life_sentence(critic, epochs, pd.Series([0, 1, 2], index=[10, 20, 30]))
        'The critic died after step 20 (epoch 2): sd 0.05, so from there on this run is regression.'
    """
    who, signs = f"The {player.name}", list(player.limits)
    told = epochs[signs]
    broken = told.index[~np.isfinite(told).all(axis=1)]
    if len(broken):
        last = _last_step(steps, int(broken[0]) - 1)
        return f"{who} diverged after step {last:,}: its outputs are not finite."
    awake = (told > pd.Series(player.limits)).all(axis=1)
    judged = awake.iloc[1:] if len(awake) > 1 else awake
    if judged.all():
        return f"{who} lived: {player.lived(told.loc[judged.index].min())}."
    if awake.iloc[-1]:
        asleep = int((~judged).sum())
        return (
            f"{who} lived at the end, but not in {asleep} of the {len(judged)} epochs after "
            f"the first, among them epoch {int(judged.index[~judged][-1]) + 1}."
        )
    why = player.died(told.iloc[-1])
    if not awake.any():
        return f"{who} never lived: {why}, so {player.without}."
    last = int(awake.index[awake][-1])
    return (
        f"{who} died after step {_last_step(steps, last):,} (epoch {last + 1}): {why}, so "
        f"from there on {player.without}."
    )


def _last_step(steps: pd.Series, epoch: int) -> int:
    before = steps.index[steps <= epoch]
    return int(before[-1]) if len(before) else 0


def short(value: float) -> str:
    """Write a number with three digits, one below 1 without its zero.

    Example:
        >>> short(0.0031), short(1.2)
        ('.003', '1.200')
    """
    if not math.isfinite(value):
        return str(value)
    return f"{value:.3f}".removeprefix("0")
