"""``affectrep evaluate --leakage``: what embeddings say of people and language, kept and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from affectrep.commands.split_reading import SplitReader
from affectrep.evaluation.embeddings import Embeddings
from affectrep.evaluation.identities import identity_column, in_words
from affectrep.evaluation.leakage import Leakage, leakage_path, measure_leakage
from affectrep.reporting.tables import metric_table

__all__ = ["add_leakage", "leakage_table", "require_leakage"]

_KNOWN = ("train", "validation")


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
    """Add the figures about leakage to a card and store the answers behind them.

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
