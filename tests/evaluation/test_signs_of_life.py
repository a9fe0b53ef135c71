from __future__ import annotations

import pandas as pd
import pytest

from affectrep.evaluation.signs_of_life import Player, life_sentence

PLAYER = Player(
    "judge",
    limits={"sd": 0.1, "gap": 0.2},
    lived=lambda low: f"sd {low['sd']}, gap {low['gap']}",
    died=lambda last: f"gap {last['gap']}",
    without="nobody judges",
)


def said(sd: list[float], gap: list[float]) -> str:
    epochs = pd.DataFrame({"gap": gap, "sd": sd})
    steps = pd.Series([i // 2 for i in range(2 * len(sd))], index=range(10, 20 * len(sd) + 1, 10))
    return life_sentence(PLAYER, epochs, steps)


@pytest.mark.parametrize(
    ("sd", "gap", "words"),
    [
        ([0, 0.3, 0.4], [0, 0.5, 0.3], "The judge lived: sd 0.3, gap 0.3."),
        ([0.3, 0.3], [0.3, 0.1], "The judge died after step 20 (epoch 1): gap 0.1, so from there"),
        ([0.1, 0.1], [0.3, 0.3], "The judge never lived: gap 0.3, so nobody judges."),
        ([0.3] * 3, [0.3, 0, 0.3], "lived at the end, but not in 1 of the 2 epochs"),
        ([0.3, float("nan")], [0.3, 0.3], "diverged after step 20: its outputs are not finite."),
    ],
)
def test_each_way_to_go_is_said(sd: list[float], gap: list[float], words: str) -> None:
    assert words in said(sd, gap)
