"""Scorecards of records: what their predictions suffice for, as `affectrep evaluate` stores it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from affectrep.data.manifest import SPLITS
from affectrep.evaluation.families import Families
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.strong_weak import RADIUS, strong_weak_report

__all__ = ["record_card", "record_resampling", "write_record_cards"]


def write_record_cards(record: StoredRun) -> list[str]:
    """Score the stored predictions of a record's splits; return the splits that were written.

    The cards lie beside the predictions, where a report looks for them. A record holds no
    probabilities, embeddings or texts, so its cards have no figures of these. A run, whose cards
    are there already, is left as it is.

    Args:
        record: an unpacked record, see `expand_records`.

    Raises:
        ValueError: if the column to cluster by is not in a table.
    """
    resampling = record_resampling(record)
    written = []
    for path in sorted((record.path / "predictions").glob("*.csv")):
        split, place = path.stem, path.with_suffix(".json")
        if split not in SPLITS or place.is_file() or record.table_path(split).is_file():
            continue
        table = record.table(split)
        card: dict[str, Any] = {
            "config": record.name,
            "seed": record.seed,
            "split": split,
            "readings": len(readings(record.path, split)),
            **record_card(table, resampling),
        }
        place.write_text(json.dumps(card, allow_nan=False) + "\n", encoding="utf-8")
        written.append(split)
    return written


def record_resampling(record: StoredRun) -> Resampling:
    """Return how the intervals of a record are made: as its configuration says."""
    settings = record.config.get("evaluation") or {}
    return Resampling(
        settings.get("resamples", 2000), settings.get("confidence", 0.95), settings.get("cluster")
    )


def record_card(
    table: pd.DataFrame, resampling: Resampling, families: Families | None = None
) -> dict[str, Any]:
    """Return the scorecard of a record's rows, strong and weak ones apart where a radius is kept.

    Args:
        table: predictions of a split, as a record keeps them.
        resampling: how intervals are made.
        families: adds the figures about confusable families (classification only).

    Raises:
        ValueError: if the column to cluster by is not in the table.
    """
    card = scorecard(table, families=families, resampling=resampling)
    if RADIUS in table.attrs:
        radius = float(table.attrs[RADIUS])
        card["strong_weak"] = strong_weak_report(table, radius, resampling=resampling)
    return card
