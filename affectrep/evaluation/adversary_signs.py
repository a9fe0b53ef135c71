"""Signs of life of the players that a run trained against, epoch by epoch, kept with its record.

The log of a run is too large for the repository, and a claim such as "the adversary lived on every
seed" should not go with it.
"""

from __future__ import annotations

import pandas as pd

from affectrep.evaluation.adversary_health import adversary_traces
from affectrep.evaluation.critic_health import critic_traces
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["SIGNS", "signs_by_epoch", "write_signs"]

SIGNS = "adversary"  # findings/adversary.csv
_DIGITS = 4


def signs_by_epoch(run: StoredRun) -> pd.DataFrame:
    """Return median, lowest and highest logged value of each sign in each epoch.

    Columns ``epoch, name, median, lowest, highest, steps``; the names are those of
    :func:`~affectrep.evaluation.adversary_health.adversary_traces` and
    :func:`~affectrep.evaluation.critic_health.critic_traces`. No row where a run had no adversary.

    Args:
        run: a finished or unfinished run.
    """
    traces = [adversary_traces(run), critic_traces(run).drop(columns="skipped", errors="ignore")]
    told = [one.melt("epoch", var_name="name").dropna() for one in traces if len(one)]
    if not told:
        return pd.DataFrame()
    groups = pd.concat(told).groupby(["name", "epoch"])["value"]
    found = groups.agg(median="median", lowest="min", highest="max", steps="count")
    return found.astype({"steps": int}).reset_index()[
        ["epoch", "name", "median", "lowest", "highest", "steps"]
    ]


def write_signs(run: StoredRun) -> bool:
    """Write ``findings/adversary.csv``; return whether there was anything to write.

    Args:
        run: a finished run, whose record will hold the file.
    """
    found = signs_by_epoch(run)
    if found.empty:
        return False
    folder = run.path / "findings"
    folder.mkdir(exist_ok=True)
    partial = folder / f".{SIGNS}.csv"
    found.to_csv(partial, index=False, float_format=f"%.{_DIGITS}g", lineterminator="\n")
    partial.replace(folder / f"{SIGNS}.csv")
    return True
