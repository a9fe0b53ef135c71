"""What the readers of face corpora share: the folder, the content of the images, the manifest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import pandas as pd

from affectrep.data.manifest import SPLITS, CorpusInfo, Manifest

__all__ = [
    "COLUMNS",
    "FaceCorpus",
    "drop_shared_images",
    "face_manifest",
    "first_folder",
    "read_contents",
    "renew_person_note",
    "require_none",
    "squares",
]

COLUMNS = [
    *("id", "split", "path", "valence", "arousal", "subject", "expression", "content"),
    *("video", "frame", "time_s", "box_left", "box_top", "box_side", "row", "source_file"),
]
_TYPES = {
    **dict.fromkeys(("valence", "arousal", "time_s", "box_left", "box_top", "box_side"), float),
    **dict.fromkeys(("frame", "row"), int),
}
_WORDS = ("subject", "expression", "video")
_BROKEN_SHARE = 0.01
_SHOWN = 5


@dataclass(frozen=True)
class FaceCorpus:
    """What is known about a corpus of faces.

    Args:
        name: its name in CORPORA.
        title: the name that reports print.
        licence: the terms as their owner states them.
        source: where it can be had.
        layout: the files of the official download, for messages.
    """

    name: str
    title: str
    licence: str
    source: str
    layout: str


def first_folder(folder: Path, names: Sequence[str], holds: str) -> Path | None:
    """Return the first of some folders below ``folder`` that holds a file or folder; None if none.

    Args:
        folder: of the corpus.
        names: relative, tried in this order; "." is the folder itself.
        holds: relative name of what must be there.
    """
    return next((folder / name for name in names if (folder / name / holds).exists()), None)


def require_none(faults: Sequence[str], what: str) -> None:
    """Pass where there is no fault.

    Raises:
        ValueError: that counts the faults and shows the first.

    Example:
        >>> require_none(["a.csv row 3: valence is 'x'"], "rows of X cannot be read")
        Traceback (most recent call last):
        ValueError: 1 rows of X cannot be read: a.csv row 3: valence is 'x'
    """
    if faults:
        more = "; ..." if len(faults) > _SHOWN else ""
        raise ValueError(f"{len(faults)} {what}: {'; '.join(faults[:_SHOWN])}{more}")


def squares(left: pd.Series, top: pd.Series, width: pd.Series, height: pd.Series) -> pd.DataFrame:
    """Return the smallest square around each box with the box in its middle; px.

    Args:
        left: px from the left edge of the image; the others likewise.
        top: px from the upper edge.
        width: px; a box without an area gives NaN, which means the whole image.
        height: px.

    Example:
        >>> box = [pd.Series([value]) for value in (10, 20, 30, 40)]
        >>> squares(*box).to_dict("records")
        [{'box_left': 5.0, 'box_top': 20.0, 'box_side': 40.0}]
    """
    numbers = [pd.to_numeric(values, errors="coerce") for values in (left, top, width, height)]
    x, y, wide, tall = numbers
    side = wide.where(wide >= tall, tall).where((wide > 0) & (tall > 0))
    found = {"box_left": x + (wide - side) / 2, "box_top": y + (tall - side) / 2, "box_side": side}
    return pd.DataFrame(found).astype(float)


def read_contents(
    corpus: FaceCorpus, rows: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, int], list[str]]:
    """Add the hash of each decoded image; leave out up to 1 % that are missing or broken.

    Args:
        corpus: for messages.
        rows: with ``path``.

    Returns:
        The rows that can be read with ``content``, the count of the others, and a note on them.

    Raises:
        ValueError: if there are no rows, or more than 1 % of the images cannot be read.
        ImportError: if the package Pillow is not installed.
    """
    from affectrep.data.image_contents import image_contents

    if rows.empty:
        raise ValueError(f"{corpus.title}: no row is left: expected {corpus.layout}")
    rows = rows.reset_index(drop=True).assign(content=image_contents(rows["path"].tolist()))
    broken = rows.loc[rows["content"] == "", "path"].tolist()
    if not broken:
        return rows, {}, []
    shown = ", ".join(broken[:_SHOWN]) + (", ..." if len(broken) > _SHOWN else "")
    if len(broken) > _BROKEN_SHARE * len(rows):
        raise ValueError(
            f"{len(broken)} of {len(rows)} images of {corpus.title} are missing or broken: {shown}"
        )
    dropped = {"image missing or not readable": len(broken)}
    kept = rows[rows["content"] != ""].reset_index(drop=True)
    return kept, dropped, [f"Images missing or not readable: {shown}."]


def drop_shared_images(
    rows: pd.DataFrame, *, given: Collection[str] = ()
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out training rows whose image is held out, and validation rows whose image is tested.

    Args:
        rows: with split and content.
        given: splits of the user's own; what they share with train, or with one another, stays.

    Example:
        >>> table = pd.DataFrame({"split": ["train", "train", "test"], "content": ["a", "b", "a"]})
        >>> kept, dropped = drop_shared_images(table)
        >>> kept["content"].tolist(), dropped
        (['b', 'a'], {'train rows whose image is also in test': 1})
    """
    dropped = {}
    for here, there in reversed(list(combinations(SPLITS, 2))):
        if {here, there} <= {*given, "train"} and given:
            continue
        taken = set(rows.loc[rows["split"] == there, "content"]) - {""}
        shared = (rows["split"] == here) & rows["content"].isin(taken)
        if shared.any():
            dropped[f"{here} rows whose image is also in {there}"] = int(shared.sum())
            rows = rows[~shared]
    return rows.reset_index(drop=True), dropped


def face_manifest(
    corpus: FaceCorpus,
    rows: pd.DataFrame,
    *,
    dropped: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Manifest:
    """Return the manifest, with a note on what is known of the persons.

    Args:
        corpus: what is known about it.
        rows: with content and split; other columns than COLUMNS are left out.
        dropped: reason -> number of rows left out.
        notes: sentences that reports print.
    """
    rows = rows.reindex(columns=[name for name in COLUMNS if name in rows or name in _WORDS[:2]])
    for name in _WORDS:
        if name in rows:
            words = [value if isinstance(value, str) and value else None for value in rows[name]]
            rows[name] = pd.Series(words, index=rows.index, dtype=object)
    rows = rows.astype({name: kind for name, kind in _TYPES.items() if name in rows})
    info = CorpusInfo(
        name=corpus.name,
        title=corpus.title,
        modality="face",
        task="regression",
        classes=None,
        licence=corpus.licence,
        source=corpus.source,
        dropped={reason: count for reason, count in (dropped or {}).items() if count},
        notes=[*notes, _person_note(rows)],
    )
    return Manifest(rows.reset_index(drop=True), info)


def renew_person_note(manifest: Manifest, before: pd.DataFrame) -> Manifest:
    """Return the manifest with a note on the persons that are left, where it had one on all.

    Args:
        manifest: after rows were left out.
        before: the rows that the note was made of, as `face_manifest` returned them.
    """
    if len(before) == len(manifest.rows) or "subject" not in before:
        return manifest
    old, new = _person_note(before), _person_note(manifest.rows)
    notes = [new if note == old else note for note in manifest.info.notes]
    return Manifest(manifest.rows, replace(manifest.info, notes=notes))


def _person_note(rows: pd.DataFrame) -> str:
    known = rows["subject"].notna()
    if known.all():
        counts = rows.groupby("split")["subject"].nunique()
        parts = [f"{counts[split]:,} in {split}" for split in SPLITS if split in counts]
        return f"Persons are known: {', '.join(parts)}."
    if known.any():
        return (
            f"{int((~known).sum()):,} of {len(rows):,} rows have no known person: as a whole, "
            "results are not person-independent."
        )
    videos = "; whole videos are kept together" if "video" in rows else ""
    return f"No identities are known: results are not person-independent{videos}."
