"""Invented predictions of valence and arousal."""

from __future__ import annotations

import numpy as np
import pandas as pd


def regression(
    people: int = 12,
    each: int = 20,
    *,
    between: float = 0.0,
    within: float = 0.1,
    seed: int = 0,
) -> pd.DataFrame:
    """Rows of people whose errors share a part: standard deviations between and within them."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    table = pd.DataFrame({"id": [f"r{i:04d}" for i in range(len(who))]})
    table["subject"] = [f"p{i:02d}" for i in who]
    for axis in ("valence", "arousal"):
        table[axis] = rng.uniform(-0.9, 0.9, len(who))
        shift = between * rng.normal(size=people)[who]
        table[f"predicted_{axis}"] = table[axis] + shift + within * rng.normal(size=len(who))
    return told(table)


def told(table: pd.DataFrame) -> pd.DataFrame:
    """Say that a table holds the predictions of a regression."""
    table.attrs = {"task": "regression", "classes": [], "threshold": None}
    return table
