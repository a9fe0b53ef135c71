"""Put the stored predictions of several runs into one order of rows, or say how they differ."""

from __future__ import annotations

import numpy as np
import pandas as pd

from affectrep.evaluation.record_origin import told_path
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.strong_weak import RADIUS

__all__ = ["align", "clustered_table"]


def clustered_table(run: StoredRun, split: str) -> pd.DataFrame:
    """Return a run's predictions with what its configuration and card know of them.

    ``attrs["cluster"]`` is the column that intervals go by, ``attrs["strong_radius"]`` the radius
    from which a row of valence and arousal is strong, where the split was scored.
    """
    table = run.table(split)
    cluster = (run.config.get("evaluation") or {}).get("cluster")
    if cluster and cluster in table:
        table.attrs["cluster"] = cluster
    strength = run.scorecard(split).get("strong_weak") or {}
    if "threshold" in strength:
        table.attrs[RADIUS] = strength["threshold"]
    return table


def align(
    table: pd.DataFrame, run: StoredRun, reference: pd.DataFrame, first: StoredRun
) -> pd.DataFrame:
    """Return the table of a run in the reference's row order.

    Args:
        table: predictions of ``run``.
        run: for the message.
        reference: predictions of ``first``.
        first: for the message.

    Raises:
        ValueError: if the two differ in task, classes, rows or labels.
    """
    both = f"{told_path(first.path)} and {told_path(run.path)}"
    for key in ("task", "classes"):
        if table.attrs[key] != reference.attrs[key]:
            raise ValueError(f"{both} have a different {key}: not comparable.")
    here, there = set(table["id"]), set(reference["id"])
    if here != there:
        odd = sorted(here ^ there)
        raise ValueError(
            f"{both} were not read on the same rows: {len(there - here)} "
            f"only in the first, {len(here - there)} only in the second, such as {odd[0]}. "
            "Train and evaluate both on the same data."
        )
    attrs = table.attrs
    aligned = table.set_index("id").loc[reference["id"]].reset_index()
    aligned.attrs = attrs
    columns = [name for name in ("label", "labels", "valence", "arousal") if name in reference]
    for name in columns:
        differ = aligned[name].map(_plain) != reference[name].map(_plain)
        if differ.any():
            row = reference["id"][int(differ.to_numpy().argmax())]
            raise ValueError(
                f"{both} have other labels for {int(differ.sum())} rows, "
                f"such as {row}: not comparable."
            )
    return aligned


def _plain(value: object) -> object:
    return value if isinstance(value, str | float | int) else tuple(np.asarray(value).tolist())
