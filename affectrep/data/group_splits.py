"""Test whole groups of one corpus: one of several folds of them, or one that is named.

All modalities and the cross-lingual folds deal here, so that a fold means the same everywhere.
What validation is drawn from is up to the corpus; it is drawn from the rows left in ``train``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.group_protocol import PEOPLE, GroupProtocol, check_fold
from affectrep.data.speaker_draw import deal_speakers
from affectrep.data.splits import row_classes

__all__ = ["dropped_by", "in_fold", "level_classes", "quadrants", "split_by_groups"]

_SHOWN = 8


def in_fold(
    groups: Sequence[str], classes: Sequence[str], *, fold: int, folds: int, seed: int
) -> NDArray[np.bool_]:
    """Return which rows a fold tests; each group is in one fold, the classes as level as they go.

    Args:
        groups: ``(rows,)`` names.
        classes: ``(rows,)`` names to level the folds by.
        fold: from 0.
        folds: how many.
        seed: of the deal.

    Raises:
        ValueError: if there is no such fold, or there are fewer groups than folds.

    Example:
        >>> in_fold(list("aabb"), list("xyxy"), fold=1, folds=2, seed=0).tolist()
        [False, False, True, True]
    """
    check_fold(fold, folds)
    count = len(set(groups))
    if count < folds:
        raise ValueError(f"expected 2 to {count} folds for {count} groups, got {folds}")
    dealt = deal_speakers(groups, classes, folds=folds, seed=seed)
    return np.array([dealt[name] == fold for name in groups], dtype=np.bool_)


def level_classes(rows: pd.DataFrame) -> list[str]:
    """Return what the folds are levelled by: the class, the rarest of several, or the quadrant."""
    if {"valence", "arousal"} <= set(rows) and not {"label", "labels"} & set(rows):
        return quadrants(rows)
    return row_classes(rows)


def quadrants(rows: pd.DataFrame) -> list[str]:
    """Return the signs of valence and arousal of each row, as classes for a level draw.

    Example:
        >>> quadrants(pd.DataFrame({"valence": [0.5, -0.1], "arousal": [-0.2, 0.0]}))
        ['+-', '-+']
    """
    pairs = zip(rows["valence"], rows["arousal"], strict=True)
    return [f"{'-' if v < 0 else '+'}{'-' if a < 0 else '+'}" for v, a in pairs]


def split_by_groups(
    rows: pd.DataFrame, protocol: GroupProtocol, *, units: Sequence[str], seed: int
) -> tuple[pd.Series, list[str]]:
    """Return test and train of a protocol; validation is not drawn yet.

    A unit never stands on both sides: rows of a unit that is tested with other rows (a person who
    is in two corpora) are left out of training.

    Args:
        rows: with a target, and the protocol's column.
        protocol: which groups are tested.
        units: ``(rows,)`` what must not be divided, such as the person; folds deal these, unless
            the protocol names another column than the one they come from.
        seed: of the deal.

    Returns:
        ``(rows,)`` train, test, or empty for a row that is left out; and a note.

    Raises:
        ValueError: if the column or the group is not there, a row has no name in it, there are
            fewer groups than folds, or no row is left to train on.

    Example:
        >>> table = pd.DataFrame({"label": list("xyxy"), "corpus": list("aabb")})
        >>> protocol = GroupProtocol("leave_group_out", "corpus", "b")
        >>> split_by_groups(table, protocol, units=["ann", "bob", "bob", "cid"], seed=0)[0].tolist()
        ['train', '', 'test', 'test']
    """
    names = _names(rows, protocol) if protocol.column else list(units)
    if protocol.kind == "folds":
        fold, folds = protocol.fold, protocol.folds
        groups = [own or unit for own, unit in zip(names, units, strict=True)]
        tested = in_fold(groups, level_classes(rows), fold=fold, folds=folds, seed=seed)
        rule = f"every {protocol.column or 'group'} whole"
        note = f"Test is fold {fold} of {folds}, dealt by seed {seed} ({rule})."
    else:
        tested = _in_group(names, protocol)
        note = f"Test is the {protocol.column} {protocol.target}, which training never sees."
    inside = {unit for unit, out in zip(units, tested, strict=True) if out}
    divided = np.array([unit in inside for unit in units], dtype=np.bool_) & ~tested
    split = np.where(tested, "test", np.where(divided, "", "train"))
    if not (split == "train").any():
        raise ValueError(f"{protocol.name} leaves no row to train on")
    return pd.Series(split, index=rows.index, dtype=object), [note]


def dropped_by(protocol: GroupProtocol, split: pd.Series) -> dict[str, int]:
    """Return the reason and the number of rows that a protocol leaves out; empty where none."""
    count = int((split == "").sum())
    return {f"rows of people or contents that {protocol.name} tests": count} if count else {}


def _names(rows: pd.DataFrame, protocol: GroupProtocol) -> list[str]:
    column = protocol.column
    if column not in rows or not rows[column].map(_is_name).any():
        raise ValueError(f"no row has a name in the column {column}: map it, or name another one")
    names = [str(value) if _is_name(value) else "" for value in rows[column]]
    unknown = sum(not name for name in names)
    # in folds of people, a row without a name is a person of its own
    if unknown and not (protocol.kind == "folds" and column in PEOPLE):
        raise ValueError(
            f"{unknown} rows have no {column}, and may be of one that is tested: fill in the "
            f"column {column} or leave the rows out"
        )
    return names


def _in_group(names: Sequence[str], protocol: GroupProtocol) -> NDArray[np.bool_]:
    there = sorted(set(names))
    if protocol.target not in there:
        more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
        raise ValueError(
            f"no row has the {protocol.column} {protocol.target}: there are "
            f"{', '.join(there[:_SHOWN])}{more}"
        )
    return np.array([name == protocol.target for name in names], dtype=np.bool_)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
