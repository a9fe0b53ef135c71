"""The map that ``affectrep evaluate`` keeps of a split: its embeddings laid out in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.commands.split_reading import SplitReader
from affectrep.evaluation.embedding_map import embedding_map
from affectrep.evaluation.identities import identity_column
from affectrep.evaluation.predictions import write_predictions
from affectrep.reporting.scatter import map_path

__all__ = ["add_map"]

Array = NDArray[Any]
_TOLD = ("label", "labels", "predicted", "speaker", "language", "corpus", "subject", "expression")
_PLACED = ("valence", "arousal", "predicted_valence", "predicted_arousal")  # kept as numbers
_DRAWN = 1500  # rows of a map; more take t-SNE longer and show one blot


def add_map(reader: SplitReader, table: pd.DataFrame) -> None:
    """Lay the embeddings out in a plane and store it as ``<split>.map.parquet``.

    Where rows name speakers or subjects the validation rows stand in the map of the test split
    too: speakers of the known languages beside those of the unseen one. A regression's rows keep
    valence and arousal, true and predicted, from which a report takes their quadrants. Nothing is
    written where there are fewer than four rows.

    Args:
        reader: of the run.
        table: predictions of the split.
    """
    split = str(table.attrs["split"])
    tables = [table.assign(split=split)]
    if split == "test" and identity_column(reader.manifest.rows) is not None:
        tables.append(reader.table("validation").assign(split="validation"))
    rows = pd.concat(tables, ignore_index=True)
    kept = np.arange(len(rows))
    if len(rows) > _DRAWN:
        kept = np.sort(np.random.default_rng(0).choice(len(rows), _DRAWN, replace=False))
    if len(kept) < 4:
        return
    values = _values(reader, rows)
    names = [name for name in _TOLD if name in rows]
    labels: dict[str, list[Any]]
    labels = {name: [_word(value) for value in rows[name].iloc[kept]] for name in names}
    labels["split"] = list(rows["split"].iloc[kept])
    labels |= {name: list(rows[name].iloc[kept]) for name in _PLACED if name in rows}
    ids = [str(row) for row in rows["id"].iloc[kept]]
    found = embedding_map(ids, values[kept], labels)
    principal = embedding_map(ids, values[kept], method="pca")
    found["pca_x"], found["pca_y"] = principal["x"], principal["y"]
    found.attrs |= {"model": reader.stored.model_hash, "split": split, "of": len(rows)}
    found.attrs["explained"] = principal.attrs["explained"]
    write_predictions(map_path(reader.stored, split), found)


def _values(reader: SplitReader, rows: pd.DataFrame) -> Array:
    """Return the embeddings of rows of several splits, in their order."""
    parts = [
        reader.embeddings(str(split)).of(list(part["id"]))
        for split, part in rows.groupby("split", sort=False)
    ]
    return np.concatenate(parts)


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence | np.ndarray):
        return ", ".join(map(str, value))
    return ""
