"""``affectrep evaluate --leakage``: what embeddings say of people and language, kept and shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table

from affectrep.commands.split_reading import SplitReader
from affectrep.evaluation.embedding_map import embedding_map
from affectrep.evaluation.embeddings import Embeddings
from affectrep.evaluation.identities import identity_column, in_words
from affectrep.evaluation.leakage import Leakage, leakage_path, measure_leakage
from affectrep.evaluation.predictions import write_predictions
from affectrep.reporting.scatter import map_path
from affectrep.reporting.tables import metric_table

__all__ = ["add_leakage", "add_map", "leakage_table", "require_leakage"]

Array = NDArray[Any]
_KNOWN = ("train", "validation")
_TOLD = ("label", "labels", "predicted", "speaker", "language", "corpus", "subject", "expression")
_PLACED = ("valence", "arousal", "predicted_valence", "predicted_arousal")  # kept as numbers
_DRAWN = 1500  # rows of a map; more take t-SNE longer and show one blot


def require_leakage(split: str, rows: pd.DataFrame) -> None:
    """Refuse what cannot be measured, before a split is read.

    Raises:
        ValueError: for the training split, and where the rows name no speaker and no subject.
    """
    identity = identity_column(rows)
    if split == "train":
        people = in_words("speakers", identity or "speaker")
        raise ValueError(
            f"--leakage verifies {people} that training never saw: give --split validation or test."
        )
    if identity is None:
        raise ValueError(
            "--leakage needs rows with a speaker or a subject; this corpus names none."
        )


def add_leakage(
    card: dict[str, Any], reader: SplitReader, table: pd.DataFrame, *, before: bool = False
) -> None:
    """Add the figures about leakage to a card; store the answers behind them, and a map.

    The probes are asked about training and validation rows, whatever the split is; only the equal
    error rate is of the split. The answers lie beside its predictions as
    ``<split>.leakage.parquet``, so that reports compare encoders without attacking them again.

    Args:
        card: of the split; it gets the key ``leakage``.
        reader: of the run.
        table: predictions of the split.
        before: also attack the encoder as it was before training, as ``card["leakage"]["before"]``.

    Raises:
        ValueError: as :func:`require_leakage`.
    """
    split = str(table.attrs["split"])
    require_leakage(split, reader.manifest.rows)
    found = _attacked(reader, table, reader.embeddings)
    about = {**found.about, "known": list(_KNOWN), "verified": split}
    found.save(leakage_path(reader.stored, split), model=reader.stored.model_hash, split=split)
    card["leakage"] = {"metrics": found.figures(), "about": about}
    if before:
        untrained = _attacked(reader, table, reader.embeddings_before)
        card["leakage"]["before"] = {"metrics": untrained.figures()}
    add_map(reader, table)


def _attacked(
    reader: SplitReader, table: pd.DataFrame, embedded: Callable[[str], Embeddings]
) -> Leakage:
    parts = [reader.manifest.split(name) for name in _KNOWN]
    values = [
        embedded(name).of([str(row) for row in part["id"]])
        for name, part in zip(_KNOWN, parts, strict=True)
    ]
    unseen = embedded(str(table.attrs["split"])).of(list(table["id"])), table
    return measure_leakage((np.concatenate(values), pd.concat(parts, ignore_index=True)), unseen)


def add_map(reader: SplitReader, table: pd.DataFrame) -> None:
    """Lay the embeddings out in a plane and store it as ``<split>.map.parquet``.

    The validation rows stand in the map of the test split too: speakers of the known languages
    beside those of the unseen one. A regression's rows keep valence and arousal, true and
    predicted, from which a report takes their quadrants. Nothing is written where there are fewer
    than four rows.

    Args:
        reader: of the run.
        table: predictions of the split.
    """
    split = str(table.attrs["split"])
    tables = [table.assign(split=split)]
    if split == "test":
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


def leakage_table(card: dict[str, Any]) -> Table:
    """Return the figures about leakage for the terminal."""
    about = card["leakage"]["about"]
    people = in_words("speakers", about.get("identity", "speaker"))
    heading = (
        f"Leakage: {about['asked']:,} of {about['rows']:,} {' and '.join(about['known'])} rows "
        f"asked; {about['verified']} {people} verified"
    )
    shown = {"resampling": {"confidence": 0.95}, "metrics": card["leakage"]["metrics"]}
    return metric_table(shown, heading)


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
