"""Wrong labels on purpose: a known share of the training labels is replaced.

Which row is changed, and into what, depends on its id and the seed alone. So a second run changes
the same rows, and a smaller share is part of a larger one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from affectrep.data.manifest import Manifest

__all__ = ["add_label_noise", "flipped_rows"]


def add_label_noise(
    manifest: Manifest,
    share: float,
    *,
    seed: int = 0,
    families: Sequence[Sequence[str]] | None = None,
) -> Manifest:
    """Replace the labels of ``round(share * n)`` of the n training rows by a wrong class.

    Validation and test stay as they are. The true labels are kept in a column ``clean_label``
    that no loader reads, and a note says what was done. A share of 0 returns the manifest itself.

    Args:
        manifest: with one class a row.
        share: of all training rows, in [0, 1).
        seed: of the draw.
        families: groups of confusable class names. The wrong class is then another one of the
            row's family, drawn evenly, and rows whose class stands alone are never drawn: the
            families' rows carry the whole share. None: any other class, drawn evenly.

    Returns:
        A manifest with the same rows in the same order.

    Raises:
        ValueError: for a share outside [0, 1), labels that are not one class a row, a family with
            an unknown class, or too few rows that can be changed.

    Example:
        >>> from affectrep.data.manifest import CorpusInfo
        >>> info = CorpusInfo("x", "X", "text", "classification", ["calm", "glad"], "own", "own")
        >>> table = pd.DataFrame({"id": list("abcd"), "split": ["train"] * 3 + ["test"],
        ...                       "text": list("wxyz"), "label": ["calm", "calm", "glad", "calm"]})
        >>> noisy = add_label_noise(Manifest(table, info), 0.3)
        >>> flipped_rows(noisy).values.tolist()
        [['c', 'calm', 'glad']]
    """
    if not 0 <= share < 1:
        raise ValueError(f"expected a share of wrong labels in [0, 1), got {share}")
    if share == 0:
        return manifest
    info, rows = manifest.info, manifest.rows
    if info.task != "classification":
        raise ValueError(
            f"label noise replaces the one class of a row, but the labels of {info.title} are for "
            f"{info.task}: set data.label_noise.share=0"
        )
    others = _others(info.classes or [], families)
    train = np.flatnonzero(rows["split"] == "train")
    able = [place for place in train if others.get(rows["label"].iat[place])]
    count = round(share * len(train))
    if count > len(able):
        raise ValueError(
            f"{count:,} of {len(train):,} training labels should be replaced, but only "
            f"{len(able):,} rows have a class that another can stand in for: "
            "lower data.label_noise.share, or name more families"
        )
    draws = {place: _draw(str(rows["id"].iat[place]), seed) for place in able}
    labels = rows["label"].tolist()
    for place in sorted(able, key=lambda place: draws[place][0])[:count]:
        choices = others[labels[place]]
        labels[place] = choices[draws[place][1] % len(choices)]
    noisy = rows.assign(label=pd.Series(labels, index=rows.index), clean_label=rows["label"])
    sizes = {"count": count, "train": len(train), "able": len(able)}
    note = _note(sizes, share=share, seed=seed, by_family=families is not None)
    return Manifest(noisy, replace(info, notes=[*info.notes, note]))


def flipped_rows(manifest: Manifest) -> pd.DataFrame:
    """Return ``id``, ``label`` and ``clean_label`` of the rows whose label was replaced.

    The table is empty for a manifest without label noise.
    """
    columns = ["id", "label", "clean_label"]
    if "clean_label" not in manifest.rows:
        return pd.DataFrame(columns=columns, dtype=object)
    rows = manifest.rows
    return rows.loc[rows["label"] != rows["clean_label"], columns].reset_index(drop=True)


def _others(
    classes: Sequence[str], families: Sequence[Sequence[str]] | None
) -> dict[Any, list[str]]:
    """Return for each class those that can stand in for it, in the order of the classes."""
    groups = [set(group) for group in ([classes] if families is None else families)]
    unknown = sorted(set().union(*groups) - set(classes))
    if unknown:
        raise ValueError(
            f"families name {', '.join(unknown)}, but the classes are {', '.join(classes)}"
        )
    return {
        name: [
            other
            for other in classes
            if other != name and any({name, other} <= group for group in groups)
        ]
        for name in classes
    }


def _draw(name: str, seed: int) -> tuple[int, int]:
    """Return two random numbers of a row; its place in the draw does not tell its new class."""
    # the first word keeps this draw apart from those of splits, which hash ids and seeds as well
    words = f"label_noise\x1f{seed}\x1f{name}".encode("utf-8", "surrogatepass")
    found = hashlib.blake2b(words, digest_size=16).digest()
    return int.from_bytes(found[:8], "big"), int.from_bytes(found[8:], "big")


def _note(sizes: dict[str, int], *, share: float, seed: int, by_family: bool) -> str:
    into = "another class of the same family" if by_family else "another class"
    note = (
        f"Label noise: {sizes['count']:,} of {sizes['train']:,} training labels replaced by {into} "
        f"(share {share:g}, seed {seed}); validation and test keep theirs"
    )
    if by_family:
        note += f"; drawn from the {sizes['able']:,} rows whose class is in a family"
    return note + "."
