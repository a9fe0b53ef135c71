"""Invented rows that the tests of this folder share."""

from __future__ import annotations

from typing import Any

import pandas as pd

from affectrep.data.manifest import CorpusInfo, Manifest

CLASSES = ["calm", "glad", "sad"]


def info(**changed: Any) -> CorpusInfo:
    known: dict[str, Any] = {
        "name": "tiny",
        "title": "Tiny",
        "modality": "text",
        "task": "classification",
        "classes": CLASSES,
        "licence": "own",
        "source": "invented",
    }
    return CorpusInfo(**{**known, **changed})


def table() -> pd.DataFrame:
    """Nine rows: each class once in each split."""
    splits = ["train", "validation", "test"]
    words = {"calm": "still water", "glad": "what a day", "sad": "rain again"}
    cells = [(split, label) for split in splits for label in CLASSES]
    return pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(9)],
            "split": [split for split, _ in cells],
            "text": [f"{words[label]} in {split}" for split, label in cells],
            "label": [label for _, label in cells],
            "row": list(range(2, 11)),
        }
    )


def manifest(rows: pd.DataFrame | None = None, **changed: Any) -> Manifest:
    return Manifest(table() if rows is None else rows, info(**changed))
