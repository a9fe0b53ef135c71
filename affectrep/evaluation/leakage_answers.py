"""What the attackers of a run answered, row by row: stored once, compared without training anew.

A table with the columns ``probe`` (such as ``speaker_mlp``), ``group`` (the language inside which
it asked, or empty), ``id``, ``label`` (the true name), ``hit`` and ``loss`` (nats).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectrep.evaluation.outcomes import outcome_statistics
from affectrep.evaluation.predictions import write_predictions
from affectrep.evaluation.probes import Probe, mean_probe

__all__ = [
    "ANSWERS",
    "answers_of",
    "probes_of",
    "read_answers",
    "write_answers",
]

ANSWERS = ("probe", "group", "id", "label", "hit", "loss")


def answers_of(name: str, parts: Mapping[str, Probe], ids: Sequence[str]) -> pd.DataFrame:
    """Return the answers of a probe, or of one probe for each group.

    Args:
        name: of the probe.
        parts: group -> probe; one without groups has the key "".
        ids: ``(rows,)`` of all rows that the probes' places speak of.
    """
    tables = []
    for group, part in parts.items():
        classes = (part.statistics.columns.shape[1] - 1) // 2
        columns = part.statistics.columns
        table = pd.DataFrame({"id": [str(ids[row]) for row in part.rows]})
        table["label"] = part.labels.astype(str)
        table["hit"] = columns[:, classes:-1].sum(axis=1) > 0
        table["loss"] = columns[:, -1]
        tables.append(table.assign(probe=name, group=group)[list(ANSWERS)])
    return pd.concat(tables, ignore_index=True)


def probes_of(answers: pd.DataFrame) -> dict[str, Probe]:
    """Return the probes again, each the mean over its groups; rows in the order of the ids."""
    place = {name: row for row, name in enumerate(sorted(set(answers["id"])))}
    found: dict[str, Probe] = {}
    for name, table in answers.groupby("probe", sort=False):
        parts = {}
        for group, rows in table.groupby("group", sort=True):
            labels, losses = rows["label"].to_numpy(), rows["loss"].to_numpy(np.float64)
            parts[str(group)] = Probe(
                outcome_statistics(labels, rows["hit"].to_numpy(), losses),
                rows["id"].map(place).to_numpy(),
                labels,
                1 / rows["label"].nunique(),
            )
        found[str(name)] = mean_probe(parts) if len(parts) > 1 else next(iter(parts.values()))
    return found


def write_answers(path: Path, answers: pd.DataFrame, attrs: Mapping[str, Any]) -> None:
    """Write the answers as Parquet with ``attrs``; an older file is replaced in one step."""
    table = answers.copy()
    table.attrs = dict(attrs)
    write_predictions(path, table)


def read_answers(path: Path) -> pd.DataFrame:
    """Read what :func:`write_answers` wrote.

    Raises:
        FileNotFoundError: if it was not written yet.
        ValueError: if the file is something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: evaluate with --leakage.")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable Parquet file: {error}") from None
    if tuple(table.columns) != ANSWERS or "about" not in table.attrs:
        raise ValueError(f"{path} holds no answers of leakage probes; evaluate with --leakage.")
    return table
