"""``affectrep evaluate --representation``: what the embeddings keep apart, kept and shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table

from affectrep.commands.split_reading import SplitReader
from affectrep.evaluation.embeddings import Embeddings
from affectrep.evaluation.families import Families
from affectrep.evaluation.metrics import Statistics
from affectrep.evaluation.neighbours import DRAWS, EPSILON, NEIGHBOURS
from affectrep.evaluation.predictions import table_targets
from affectrep.evaluation.quadrants import QUADRANTS, quadrants
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
    before: bool = False,
) -> None:
    """Add the figures about the representation to a card, also without leaked rows.

    The split and the training rows are embedded where that is not stored yet. The classes of a
    regression are the quadrants of valence and arousal.

    Args:
        card: of the split; it gets the key ``representation``, and so does ``without_leaks``.
        reader: of the run.
        table: predictions of the split.
        families: adds the AUC inside families.
        leaked: ids of rows that also occur in training.
        before: also measure the encoder as it was before training, as
            ``card["representation"]["before"]``.
    """
    groups = families or Families([], table.attrs["classes"] or list(QUADRANTS))
    split, resampling = str(table.attrs["split"]), Resampling(**card["resampling"])
    embedded = [reader.embeddings(name) for name in (split, _GALLERY)]
    about = {
        "gallery": {"split": _GALLERY, "rows": len(reader.manifest.split(_GALLERY))},
        "neighbours": NEIGHBOURS,
        "draws": DRAWS,
        "epsilon": EPSILON,
    }
    everything = np.ones(len(table), dtype=bool)
    parts = [(card, everything)]
    if "without_leaks" in card:
        parts.append((card["without_leaks"], ~table["id"].isin(set(leaked)).to_numpy()))
    sets = _statistics(reader, table, embedded, groups)
    for part, rows in parts:
        figures = _figures(sets, table, embedded[0], resampling, rows)
        part["representation"] = {**about, "metrics": figures}
    if before:
        embedded = [reader.embeddings_before(name) for name in (split, _GALLERY)]
        sets = _statistics(reader, table, embedded, groups)
        figures = _figures(sets, table, embedded[0], resampling, everything)
        card["representation"]["before"] = {"metrics": figures}


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


def _statistics(
    reader: SplitReader, table: pd.DataFrame, embedded: Sequence[Embeddings], families: Families
) -> list[Statistics]:
    train = [str(name) for name in reader.manifest.split(_GALLERY)["id"]]
    gallery = embedded[1].of(train), _codes(reader.manifest.targets(_GALLERY))
    values = embedded[0].of(list(table["id"]))
    return representation_statistics(values, _codes(table_targets(table)[0]), gallery, families)


def _figures(
    sets: Sequence[Statistics],
    table: pd.DataFrame,
    embedded: Embeddings,
    resampling: Resampling,
    rows: Array,
) -> dict[str, Any]:
    figures = figures_of(sets, table, resampling, rows=rows)
    for name, value in spread_values(embedded.of(list(table["id"]))[rows]).items():
        figures[name] = {"value": value, "low": None, "high": None}
    return figures


def _codes(targets: Array) -> Array:
    """Return class codes; of valence and arousal those of the quadrants."""
    if targets.ndim == 1:
        return targets
    return np.array([QUADRANTS.index(word) for word in quadrants(targets)])
