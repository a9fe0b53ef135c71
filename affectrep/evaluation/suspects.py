"""How well a ranking of suspected rows finds labels that are known to be wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["SuspectPrecision", "suspect_precision"]


@dataclass(frozen=True)
class SuspectPrecision:
    """What a ranking of suspects found.

    Args:
        precision: cut -> share of wrong labels among the first so many rows.
        chance: cut -> share to be expected of as many rows drawn from the same classes.
        base_rate: share of wrong labels among all rows.
        average_precision: mean precision at the wrong rows' places; a random order has about the
            base rate.
    """

    precision: dict[int, float]
    chance: dict[int, float]
    base_rate: float
    average_precision: float


def suspect_precision(
    ranked_ids: Sequence[str],
    flipped_ids: Collection[str],
    *,
    at: Sequence[int] = (50, 100, 200, 500),
    labels: Mapping[str, str] | None = None,
) -> SuspectPrecision:
    """Compare a ranking of rows, most suspected first, with the rows whose label is wrong.

    Wrong labels are not spread evenly over the classes: a rare class receives as many as a
    frequent one, so that most of its rows may be wrong. A ranking that only prefers such a class
    looks good against the base rate. ``chance`` is the fair mark: it knows the classes of the
    ranked rows and nothing else. Without ``labels`` it is the base rate.

    Rows that are not ranked count as tied behind all others. The average precision is then what
    scikit-learn's ``average_precision_score`` gives for such scores.

    Args:
        ranked_ids: ids, each once.
        flipped_ids: ids of the rows with a wrong label.
        at: cuts, numbers of rows; a cut beyond the ranking is left out.
        labels: id -> label in training, of every row that could have been ranked. None: the
            ranking holds them all.

    Raises:
        ValueError: if the ranking is empty or names a row twice, no row is wrong, a cut is not
            positive, or a row is not among all rows.

    Example:
        >>> found = suspect_precision(["a", "b", "c", "d"], {"a", "c"}, at=[1, 2])
        >>> found.precision, found.base_rate, round(found.average_precision, 3)
        ({1: 1.0, 2: 0.5}, 0.5, 0.833)
    """
    everyone = set(ranked_ids if labels is None else labels)
    wrong = set(flipped_ids)
    _check(ranked_ids, wrong, everyone, at)
    base_rate = len(wrong) / len(everyone)
    hits = np.array([name in wrong for name in ranked_ids], dtype=np.float64)
    share = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    missed = len(wrong) - hits.sum()
    expected = _chance(ranked_ids, wrong, labels, base_rate)
    cuts = [cut for cut in at if cut <= len(hits)]
    return SuspectPrecision(
        precision={cut: float(share[cut - 1]) for cut in cuts},
        chance={cut: float(expected[cut - 1]) for cut in cuts},
        base_rate=base_rate,
        average_precision=float((hits @ share + missed * base_rate) / len(wrong)),
    )


def _chance(
    ranked_ids: Sequence[str], wrong: set[str], labels: Mapping[str, str] | None, base_rate: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return for each cut the mean share of wrong labels in the classes of the rows before it."""
    if labels is None:
        return np.full(len(ranked_ids), base_rate)
    rows = Counter(labels.values())
    bad = Counter(labels[name] for name in wrong)
    rates = np.array([bad[labels[name]] / rows[labels[name]] for name in ranked_ids])
    return np.cumsum(rates) / np.arange(1, len(rates) + 1)


def _check(
    ranked_ids: Sequence[str], wrong: set[str], everyone: set[str], at: Sequence[int]
) -> None:
    if not ranked_ids:
        raise ValueError("expected at least one ranked row, got none")
    if not wrong:
        raise ValueError("expected at least one row with a wrong label, got none")
    if len(set(ranked_ids)) < len(ranked_ids):
        twice = next(name for name, count in Counter(ranked_ids).items() if count > 1)
        raise ValueError(f"expected each row once in the ranking, got {twice!r} more than once")
    strange = sorted((wrong | set(ranked_ids)) - everyone)
    if strange:
        raise ValueError(
            f"{len(strange)} rows such as {strange[0]!r} are not among the {len(everyone)} rows "
            "that could be ranked: give labels of all training rows"
        )
    if any(cut < 1 for cut in at):
        raise ValueError(f"expected cuts of at least 1 row, got {min(at)}")
