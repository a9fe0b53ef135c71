"""Figures that a paper printed, the encoders it took, and what results.csv has beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

__all__ = ["COLUMNS", "MEAN", "Obtained", "obtained", "obtained_mean"]
__all__ += ["read_checkpoints", "read_published"]

COLUMNS = ("setting", "source", "target", "system", "metric", "value")
MEAN = "mean"
"""The setting of the paper's own averages."""


@dataclass(frozen=True)
class Obtained:
    """A figure over the seeds that were run.

    Args:
        seeds: in order.
        values: one per seed, in the metric's unit.
    """

    seeds: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    def __str__(self) -> str:
        """Return the mean in per cent, ± the standard deviation over seeds where there are several.

        Example:
            >>> str(Obtained((0, 1), (0.5, 0.52))), str(Obtained((0,), (0.5,))), str(Obtained())
            ('51.0 ± 1.4', '50.0', 'not run')
        """
        if not self.values:
            return "not run"
        per_cent = pd.Series(self.values) * 100
        spread = f" ± {per_cent.std(ddof=1):.1f}" if len(per_cent) > 1 else ""
        return f"{per_cent.mean():.1f}{spread}"


def read_published(path: Path) -> pd.DataFrame:
    """Return the figures that a paper printed, in [0, 1]; settings and systems in the file's order.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it has other columns, or a value outside [0, 1].
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: this recipe has no published figures")
    words = dict.fromkeys(COLUMNS[:-1], str)
    table = pd.read_csv(path, dtype=words, keep_default_na=False, na_values={"value": [""]})
    if tuple(table.columns) != COLUMNS:
        raise ValueError(
            f"{path} has the columns {', '.join(table.columns)}; expected {', '.join(COLUMNS)}"
        )
    wrong = table.index[~table["value"].between(0, 1)]
    if len(wrong):
        raise ValueError(
            f"{path} row {wrong[0] + 2} has the value {table['value'][wrong[0]]}: expected a share "
            "in [0, 1]"
        )
    return table


def read_checkpoints(path: Path) -> dict[str, str]:
    """Return source language -> hub id or folder of the encoder that a paper took for it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it has not the columns ``source`` and ``checkpoint``, or an empty cell.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}, which names the encoder of each source")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if not {"source", "checkpoint"} <= set(table.columns):
        raise ValueError(f"{path} needs the columns source and checkpoint")
    found = dict(zip(table["source"], table["checkpoint"], strict=True))
    if not all(key and value for key, value in found.items()):
        raise ValueError(f"{path} has a line without a source or without a checkpoint")
    return found


def obtained(results: pd.DataFrame) -> dict[tuple[str, str, str], Obtained]:
    """Return (configuration, condition, metric) -> what it reached on the test split, over seeds.

    Args:
        results: of results.csv.
    """
    tested = results[results["split"] == "test"].sort_values("seed")
    return {
        (str(config), str(condition), str(metric)): Obtained(
            tuple(part["seed"].astype(int)), tuple(part["value"].astype(float))
        )
        for (config, condition, metric), part in tested.groupby(["config", "condition", "metric"])
    }


def obtained_mean(settings: Sequence[Obtained]) -> Obtained:
    """Return the mean over settings of each seed that has them all.

    Example:
        >>> obtained_mean([Obtained((0, 1), (0.4, 0.5)), Obtained((0,), (0.6,))])
        Obtained(seeds=(0,), values=(0.5,))
    """
    if not settings:
        return Obtained()
    seeds = sorted(set.intersection(*(set(one.seeds) for one in settings)))
    known = [dict(zip(one.seeds, one.values, strict=True)) for one in settings]
    means = (sum(values[seed] for values in known) / len(known) for seed in seeds)
    return Obtained(tuple(seeds), tuple(means))
