"""Split faces so that a person, a video or an image stands on one side only."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from affectrep.data.group_protocol import GroupProtocol
from affectrep.data.group_splits import quadrants, split_by_groups
from affectrep.data.manifest import SPLITS
from affectrep.data.speaker_draw import draw_speakers
from affectrep.data.splits import hold_out

__all__ = ["fill_splits", "quadrants", "read_words", "split_by_fold", "split_faces", "split_units"]

_MANY = 2000
"""Units from which on the quicker draw is taken, which does not level the quadrants."""


def read_words(corpus: str, protocol: str | None, known: Mapping[str, type]) -> dict[str, object]:
    """Read a protocol of words: ``folds`` and ``key=value``.

    Args:
        corpus: for messages.
        protocol: such as ``folds fold=0 folds=5`` or ``fps=5``; None or empty gives nothing.
        known: key -> int, float or str; ``folds`` with ``fold`` stands for the word folds.

    Returns:
        key -> value of the words given; ``folds`` alone means fold 0 of 5.

    Raises:
        ValueError: for another word, or a number that is none.

    Example:
        >>> read_words("x", "folds fold=2 fps=5", {"fold": int, "folds": int, "fps": float})
        {'folds': 5, 'fold': 2, 'fps': 5.0}
    """
    found: dict[str, object] = {}
    for word in (protocol or "").split():
        key, equals, value = word.partition("=")
        if word == "folds" and "folds" in known:
            found |= {"folds": 5, "fold": 0}
            continue
        try:
            if not equals or key not in known:
                raise ValueError
            found[key] = known[key](value)
        except ValueError:
            wanted = ", ".join(f"{name}=<{kind.__name__}>" for name, kind in known.items())
            raise ValueError(
                f"the protocol {protocol!r} of {corpus} has the word {word!r}: expected "
                f"{'folds, ' if 'folds' in known else ''}{wanted}"
            ) from None
    if "fold" in found and "folds" not in found:
        found["folds"] = 5
    return found


def split_units(rows: pd.DataFrame) -> list[str]:
    """Return what must not be divided, for each row: the person, else the video, else the image.

    A column ``unit``, where a reader has made one, is taken before the video. Rows of one unit stay
    together even if they show several persons, and so do all other rows of these persons.

    Example:
        >>> split_units(pd.DataFrame({"id": ["1", "2"], "subject": ["ann", None],
        ...                           "video": ["v1", "v2"]}))
        ['subject ann', 'video v2']
        >>> split_units(pd.DataFrame({"id": ["1", "2", "3"], "subject": ["ann", "bob", "bob"],
        ...                           "unit": ["v1", "v1", "v2"]}))
        ['subject ann', 'subject ann', 'subject ann']
    """
    columns = [name for name in ("subject", "unit", "video", "content", "id") if name in rows]
    found = []
    for place, values in enumerate(zip(*(rows[name] for name in columns), strict=True)):
        pairs = zip(columns, values, strict=True)
        named = (f"{name} {value}" for name, value in pairs if isinstance(value, str) and value)
        found.append(next(named, f"row {place}"))
    if not {"subject", "unit"} <= set(columns):
        return found
    both = {
        (f"subject {subject}", f"unit {unit}")
        for subject, unit in zip(rows["subject"], rows["unit"], strict=True)
        if isinstance(subject, str) and subject and isinstance(unit, str) and unit
    }
    names = _joined(both)
    return [names.get(name, name) for name in found]


def _joined(pairs: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return for each name the first by the alphabet of all that pairs lead to from it."""
    lower: dict[str, str] = {}

    def first(name: str) -> str:
        while lower.setdefault(name, name) != name:
            lower[name] = lower[lower[name]]  # a shorter way for the next time
            name = lower[name]
        return name

    for one, other in sorted(pairs):
        near, far = sorted((first(one), first(other)))
        lower[far] = near
    return {name: first(name) for name in list(lower)}


def split_faces(
    rows: pd.DataFrame, groups: GroupProtocol | None, *, holdout: float, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """Split by a protocol of groups, or fill in the splits that are missing.

    Args:
        rows: with split, and what `split_units` reads.
        groups: folds of whole units, or the person who is tested; None as `fill_splits`.
        holdout: share for validation, drawn from the rows that are left.
        seed: of the draws.

    Returns:
        The rows with their split, and a note per draw.

    Raises:
        ValueError: if the protocol does not fit the rows, or as `fill_splits`.
    """
    if groups is None:
        return fill_splits(rows, holdout=holdout, seed=seed)
    if groups.kind == "folds" and groups.column in ("", "subject"):
        return split_by_fold(rows, fold=groups.fold, folds=groups.folds, holdout=holdout, seed=seed)
    split, notes = split_by_groups(rows, groups, units=split_units(rows), seed=seed)
    rows, drawn = fill_splits(rows.assign(split=split), holdout=holdout, seed=seed)
    return rows, [*notes, *drawn]


def split_by_fold(
    rows: pd.DataFrame, *, fold: int, folds: int, holdout: float, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """Test on one of several folds of whole units; validation is drawn from the others.

    Returns:
        The rows with their split, and a note that says so.

    Raises:
        ValueError: if the fold does not exist, or there are fewer units than folds.
    """
    protocol, units = GroupProtocol("folds", fold=fold, folds=folds), split_units(rows)
    count = len(set(units))
    if count < folds:
        raise ValueError(f"{folds} folds need as many persons or videos, there are {count}")
    split, _ = split_by_groups(rows, protocol, units=units, seed=seed)
    rows = rows.assign(split=split)
    note = f"Test is fold {fold} of {folds}, dealt by seed {seed} ({_kind(units)})."
    rows, notes = fill_splits(rows, holdout=holdout, seed=seed)
    return rows, [note, *notes]


def fill_splits(rows: pd.DataFrame, *, holdout: float, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Draw validation from the training rows where it is missing, and test where it is as well.

    Args:
        rows: with split, and what `split_units` reads.
        holdout: share of all rows for a split that is drawn.
        seed: of the draw.

    Returns:
        The rows with their split, and a note per draw.

    Raises:
        ValueError: if nothing is left to train on, or nothing can be held out.
    """
    present, notes = set(rows["split"]) & set(SPLITS), []
    if present == {"train"}:
        if holdout >= 0.5:
            raise ValueError(
                f"data.holdout={holdout:g} for validation and again for test leaves no row to "
                "train on: use less than 0.5, or give a split column"
            )
        rows, note = _draw(rows, "test", share=holdout, seed=seed)
        notes.append(note)
        holdout = holdout / (1 - holdout)
    if present in ({"train"}, {"train", "test"}):
        rows, note = _draw(rows, "validation", share=holdout, seed=seed)
        notes.append(note)
    return rows, notes


def _draw(rows: pd.DataFrame, split: str, *, share: float, seed: int) -> tuple[pd.DataFrame, str]:
    train = rows[rows["split"] == "train"]
    units, classes = split_units(train), quadrants(train)
    count = len(set(units))
    if count < 2:
        raise ValueError(
            f"no {split} rows are given and none can be drawn: all {len(train)} training rows "
            "are of one person or video"
        )
    if count > _MANY:
        table = train.assign(unit=units, label=classes)
        held = table["unit"][hold_out(table, share=share, seed=seed, by="unit")]
        chosen = set(held)
    else:
        chosen = draw_speakers(units, classes, share=share, seed=seed)
    out = train.index[[unit in chosen for unit in units]]
    note = (
        f"No {split} rows are given: {len(out):,} of {len(train):,} training rows were drawn by "
        f"seed {seed} ({_kind(units)})."
    )
    names = rows["split"].copy()
    names.loc[out] = split
    return rows.assign(split=names), note


def _kind(units: list[str]) -> str:
    words = {"subject": "whole persons", "unit": "whole videos", "video": "whole videos"}
    kinds = dict.fromkeys(unit.partition(" ")[0] for unit in units)
    named = list(dict.fromkeys(words.get(kind, "equal images together") for kind in kinds))
    return ", else ".join(named)
