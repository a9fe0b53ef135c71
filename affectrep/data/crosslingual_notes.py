"""What a cross-lingual protocol says of the splits that it drew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from affectrep.data.manifest import SPLITS

if TYPE_CHECKING:
    from affectrep.data.crosslingual import Protocol

__all__ = ["protocol_notes"]


def protocol_notes(rows: pd.DataFrame, protocol: Protocol) -> list[str]:
    """Return what was drawn, and which classes a language lacks in training or validation.

    Args:
        rows: that are used, with split, language, label and speaker.
        protocol: that split them.
    """
    notes = [f"Protocol: {protocol.name}, holdout {protocol.holdout:.3g}, seed {protocol.seed}."]
    classes = list(dict.fromkeys(sorted(map(str, rows["label"]))))
    for language, part in rows.groupby("language"):
        for split in SPLITS:
            inside = part[part["split"] == split]
            lacking = [name for name in classes if not (inside["label"] == name).any()]
            if inside.empty:
                continue
            people = inside["speaker"].nunique()
            note = f"{split}: {language}, {len(inside):,} clips of {people} speakers"
            if lacking:
                note += f", none of them {' or '.join(lacking)}"
            notes.append(f"{note}.")
        if set(part["split"]) == {"train"}:
            notes.append(f"{language} has one speaker, who is trained on: none is held out.")
    return notes
