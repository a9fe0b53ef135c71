"""Test folds of whole speakers, or one group, of the clips of one or several corpora."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from affectrep.data.group_protocol import GroupProtocol
from affectrep.data.group_splits import dropped_by, split_by_groups
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.data.speaker_draw import draw_speakers_within

__all__ = ["hold_groups_out"]


def hold_groups_out(
    manifest: Manifest, groups: GroupProtocol, *, holdout: float, seed: int
) -> Manifest:
    """Return the manifest split by a protocol of groups, whole speakers on one side.

    Validation are whole speakers of each language of the rest. Official splits do not count.

    Args:
        manifest: of clips, every one with a speaker.
        groups: which are tested.
        holdout: share of the training rows of each language for validation.
        seed: of the draws.

    Raises:
        ValueError: if a clip has no speaker, the protocol does not fit, or no speaker is left for
            validation.
    """
    rows = manifest.rows
    unknown = rows["speaker"].isna() | (rows["speaker"] == "")
    if unknown.any():
        raise ValueError(
            f"{int(unknown.sum())} rows have no speaker, and whole speakers are held out: fill in "
            "the column speaker or leave the rows out"
        )
    if groups.column == "language":  # codes are read in any case
        groups = replace(groups, target=groups.target.casefold())
    split, notes = split_by_groups(rows, groups, units=rows["speaker"].tolist(), seed=seed)
    train = rows[split == "train"]
    held = draw_speakers_within(
        # an unknown language is one of its own
        train["language"].fillna("").tolist(),
        train["speaker"].tolist(),
        train["label"].tolist(),
        share=holdout,
        seed=seed,
    )
    if not held:
        raise ValueError(f"{groups.name} leaves the split validation empty: add speakers")
    split[(split == "train") & rows["speaker"].isin(held)] = "validation"
    info = manifest.info
    kept = rows.assign(split=split)[split != ""].reset_index(drop=True)
    notes = [*info.notes, *notes, _people(kept)]
    dropped = {**info.dropped, **dropped_by(groups, split)}
    return Manifest(kept, replace(info, dropped=dropped, notes=notes))


def _people(rows: pd.DataFrame) -> str:
    parts = [rows[rows["split"] == name] for name in SPLITS]
    told = [
        f"{name} {len(part):,} clips of {part['speaker'].nunique()}"
        for name, part in zip(SPLITS, parts, strict=True)
    ]
    return f"Speakers: {', '.join(told)}."
