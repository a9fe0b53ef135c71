"""Draw whole speakers for validation, and deal speakers into folds, with an eye on the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["deal_speakers", "draw_speakers", "draw_speakers_within"]

_ATTEMPTS = 64
_Counts = NDArray[np.float64]


def draw_speakers(
    speakers: Sequence[str], labels: Sequence[str], *, share: float, seed: int
) -> set[str]:
    """Choose speakers to hold out, about ``share`` of the rows.

    A class must keep a row on the training side; then every class should have a held-out row;
    then the held-out share of every class should come near ``share``. Where speakers have a single
    class each, as in URDU, not all of this is possible, and it is given up in that order. At least
    one speaker is held out. The draw depends on the seed and on the speakers, not on the order of
    the rows; the first draw that is good enough is taken, so that seeds differ.

    Args:
        speakers: ``(rows,)`` names.
        labels: ``(rows,)`` classes.
        share: of the rows, in (0, 1).
        seed: of the draw.

    Returns:
        The speakers held out; empty where there is only one speaker.

    Raises:
        ValueError: if the share is not in (0, 1).

    Example:
        >>> names = ["a", "a", "b", "b", "c", "d"]
        >>> sorted(draw_speakers(names, ["x", "y", "x", "y", "x", "y"], share=0.3, seed=0))
        ['a']
    """
    if not 0 < share < 1:
        raise ValueError(f"expected a share between 0 and 1, got {share}")
    names, counts = _count(speakers, labels)
    if len(names) < 2:
        return set()
    best: tuple[tuple[float, ...], NDArray[np.bool_]] | None = None
    for attempt in range(_ATTEMPTS):
        order = np.random.default_rng([seed, attempt]).permutation(len(names))
        held = _improve(counts, order, share)
        score = _score(counts, held, share)
        if best is None or score < best[0]:
            best = score, held
        size = counts[held].sum() / counts.sum()
        if score[:2] == (0, 0) and (held.sum() == 1 or abs(size - share) <= share / 2):
            best = score, held
            break
    assert best is not None
    return {name for name, out in zip(names, best[1], strict=True) if out}


def draw_speakers_within(
    parts: Sequence[Any],
    speakers: Sequence[str],
    labels: Sequence[str],
    *,
    share: float,
    seed: int,
) -> set[str]:
    """Draw as `draw_speakers` within each part, such as a language; one speaker gives none.

    Args:
        parts: ``(rows,)`` names.
        speakers: ``(rows,)`` names.
        labels: ``(rows,)`` classes.
        share: of the rows of each part, in (0, 1).
        seed: of each draw.

    Example:
        >>> parts, names = list("ddde"), list("abbc")
        >>> draw_speakers_within(parts, names, ["x"] * 4, share=0.3, seed=0)
        {'a'}
    """
    held: set[str] = set()
    for part in dict.fromkeys(parts):
        rows = [place for place, name in enumerate(parts) if name == part]
        inside = [speakers[place] for place in rows], [labels[place] for place in rows]
        held |= draw_speakers(*inside, share=share, seed=seed)
    return held


def deal_speakers(
    speakers: Sequence[str], labels: Sequence[str], *, folds: int, seed: int
) -> dict[str, int]:
    """Deal every speaker into one of ``folds`` folds of about equal size in every class.

    Speakers are dealt from the largest to the smallest, each to the fold that lacks most of the
    speaker's classes, and among equals to the one that has least of them; no fold stays empty.

    Args:
        speakers: ``(rows,)`` names.
        labels: ``(rows,)`` classes.
        folds: 2 ... number of speakers.
        seed: of the order among speakers of one size.

    Returns:
        Speaker -> fold, from 0.

    Raises:
        ValueError: if there are more folds than speakers, or fewer than two.

    Example:
        >>> deal_speakers(["a", "b", "c", "d"], ["x", "x", "y", "y"], folds=2, seed=1)
        {'a': 0, 'b': 1, 'c': 0, 'd': 1}
    """
    names, counts = _count(speakers, labels)
    if not 2 <= folds <= len(names):
        raise ValueError(f"expected 2 to {len(names)} folds for {len(names)} speakers, got {folds}")
    weights = counts / counts.sum(axis=0)
    ranks = np.random.default_rng(seed).permutation(len(names))
    order = sorted(range(len(names)), key=lambda index: (-weights[index].sum(), ranks[index]))
    load, sizes = np.zeros((folds, counts.shape[1])), np.zeros(folds, dtype=np.int64)
    dealt: dict[str, int] = {}
    for index in order:
        growth = (load @ weights[index]).round(12)
        known = ((load > 0) & (weights[index] > 0)).sum(axis=1)
        # most classes that the fold lacks, then least of the classes, then fewest speakers
        fold = int(np.lexsort((load.sum(axis=1), sizes, growth, known))[0])
        load[fold] += weights[index]
        sizes[fold] += 1
        dealt[names[index]] = fold
    return {name: dealt[name] for name in names}


def _count(speakers: Sequence[str], labels: Sequence[str]) -> tuple[list[str], _Counts]:
    """Return the sorted speakers and their rows per class, ``(speakers, classes)``."""
    names, rows = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    classes, columns = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (rows, columns), 1)
    return [str(name) for name in names], counts


def _score(counts: _Counts, held: NDArray[np.bool_], share: float) -> tuple[float, ...]:
    """Return classes lost from training, classes not held out, and the distance from the share."""
    total, out = counts.sum(axis=0), counts[held].sum(axis=0)
    if held.all() or not held.any():
        return (float("inf"),)
    distance = np.abs(out / total - share).sum() + abs(out.sum() / total.sum() - share)
    return float((out == total).sum()), float((out == 0).sum()), round(float(distance), 9)


def _improve(counts: _Counts, order: NDArray[Any], share: float) -> NDArray[np.bool_]:
    """Move one speaker after another across the line while that makes the draw better."""
    held = np.zeros(len(counts), dtype=np.bool_)
    score, changed = _score(counts, held, share), True
    while changed:
        changed = False
        for index in order:
            held[index] = not held[index]
            found = _score(counts, held, share)
            if found < score:
                score, changed = found, True
            else:
                held[index] = not held[index]
    return held
