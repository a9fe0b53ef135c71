"""``affectrep evaluate --representation``: what the embeddings keep apart, kept and shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table

from affectrep.commands.split_reading import SplitReader
from affectrep.evaluation.families import Families
from affectrep.evaluation.neighbours import DRAWS, EPSILON, NEIGHBOURS
from affectrep.evaluation.predictions import table_targets
from affectrep.evaluation.representation import representation_statistics, spread_values
from affectrep.evaluation.scorecard import Resampling, figures_of
from affectrep.reporting.tables import metric_table

__all__ = ["add_representation", "representation_table"]

Array = NDArray[Any]
_GALLERY = "train"


def add_representation(
    card: dict[str, Any],
    reader: SplitReader,
    table: pd.DataFrame,
    *,
    families: Families | None,
    leaked: Sequence[str] = (),
) -> None:
    """Add the figures about the representation to a card, also without leaked rows.

    The split and the training rows are embedded where that is not stored yet.

    Args:
        card: of the split; it gets the key ``representation``, and so does ``without_leaks``.
        reader: of the run.
        table: predictions of the split.
        families: adds the AUC inside families.
        leaked: ids of rows that also occur in training.
    """
    embeddings = reader.embeddings(table.attrs["split"]).of(list(table["id"]))
    train = reader.manifest.split(_GALLERY)
    gallery = reader.embeddings(_GALLERY).of([str(name) for name in train["id"]])
    sets = representation_statistics(
        embeddings,
        table_targets(table)[0],
        (gallery, reader.manifest.targets(_GALLERY)),
        families or Families([], table.attrs["classes"]),
    )
    about = {
        "gallery": {"split": _GALLERY, "rows": len(gallery)},
        "neighbours": NEIGHBOURS,
        "draws": DRAWS,
        "epsilon": EPSILON,
    }
    everything = np.ones(len(table), dtype=bool)
    parts = [(card, everything)]
    if "without_leaks" in card:
        parts.append((card["without_leaks"], ~table["id"].isin(set(leaked)).to_numpy()))
    resampling = Resampling(**card["resampling"])
    for part, rows in parts:
        figures = figures_of(sets, table, resampling, rows=rows)
        for name, value in spread_values(embeddings[rows]).items():
            figures[name] = {"value": value, "low": None, "high": None}
        part["representation"] = {**about, "metrics": figures}


def representation_table(card: dict[str, Any]) -> Table:
    """Return the figures about the representation, beside those without leaked rows."""
    found = card["representation"]
    rows = found["gallery"]["rows"]
    heading = f"Representation: {found['neighbours']} neighbours in {rows:,} training rows"
    shown = {"resampling": card["resampling"], "metrics": found["metrics"]}
    leaks = card.get("without_leaks")
    if leaks:
        shown["without_leaks"] = {
            "leaked": leaks["leaked"],
            "metrics": leaks["representation"]["metrics"],
        }
    return metric_table(shown, heading)
