"""Speaker verification: can two utterances of speakers who were never seen be matched by cosine?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.attackers import known_rows
from affectrep.evaluation.intervals import Interval

__all__ = ["Verification", "compare_verification", "equal_error_rate", "verify_speakers"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Verification:
    """The equal error rate of the trials between utterances.

    Args:
        rate: in [0, 1] with its interval; 0 finds every speaker, 1/2 is chance.
        drawn: ``(resamples,)`` the rate over speakers drawn with replacement.
        speakers: how many, sorted by name.
        genuine: trials of one speaker.
        impostor: trials of two.
    """

    rate: Interval
    drawn: Array
    speakers: list[str]
    genuine: int
    impostor: int


def equal_error_rate(scores: Array, same: Array, weights: Array | None = None) -> float:
    """Return where as many genuine trials are refused as impostors are let in, in [0, 1].

    The two rates are steps; the crossing is found on the straight lines between them, as it is on
    the ROC curve. Trials with equal scores fall together.

    Args:
        scores: ``(trials,)``, higher for more alike.
        same: ``(trials,)`` bool, whether the trial is genuine.
        weights: ``(trials,)`` not negative; None counts each once.

    Raises:
        ValueError: if shapes do not fit, a score is not finite, or one of the two kinds is absent.

    Example:
        >>> round(equal_error_rate(np.array([0.9, 0.8, 0.4, 0.7, 0.2, 0.1]), np.arange(6) < 3), 6)
        0.333333
        >>> equal_error_rate(np.array([0.9, 0.1]), np.array([True, False]))
        0.0
    """
    scores, same = np.asarray(scores, np.float64), np.asarray(same, np.bool_)
    weights = np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64)
    if scores.ndim != 1 or not scores.shape == same.shape == weights.shape:
        raise ValueError(
            f"expected scores, same and weights (trials,), got {scores.shape}, {same.shape} and "
            f"{weights.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("expected finite scores, found NaN or infinity")
    if not (weights[same].sum() > 0 and weights[~same].sum() > 0):
        raise ValueError("expected genuine and impostor trials, one kind has none")
    trials = _Trials(scores, same)
    return trials.rate(weights[trials.genuine], weights[trials.impostor])


def verify_speakers(
    embeddings: Array,
    speakers: Sequence[Any] | Array,
    *,
    within: Sequence[Any] | Array | None = None,
    per_speaker: int | None = None,
    resamples: int = 500,
    seed: int = 0,
) -> Verification:
    """Return the equal error rate of all pairs of utterances, by the cosine of their embeddings.

    No attacker is trained, so the speakers should be ones that the encoder never saw. The interval
    comes from drawing whole speakers: a speaker drawn twice counts twice, and her copies are not
    compared with each other. It is the rate plus and minus Student's t (speakers - 1) times the
    standard error of the draws, widened by sqrt(G / (G - 1)) for G speakers.

    Args:
        embeddings: ``(rows, dim)``; lengths do not matter.
        speakers: ``(rows,)`` names or codes; None and -1 are left out.
        within: ``(rows,)`` groups such as languages: only pairs inside one are trials, else an
            impostor is told by the language. A speaker belongs to one group.
        per_speaker: at most so many utterances of each, drawn by the seed; time and memory grow
            with the square of the rows.
        resamples: of the speakers.
        seed: of all draws.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, there are fewer than three
            speakers, or trials of one kind are absent.

    Example:
        >>> speakers = np.repeat(np.arange(4), 3)
        >>> verify_speakers(np.eye(4)[speakers], speakers).rate.value
        0.0
    """
    embeddings, rows = np.asarray(embeddings), np.flatnonzero(known_rows(speakers))
    if embeddings.ndim != 2 or len(speakers) != len(embeddings):
        raise ValueError(
            f"expected embeddings (rows, dim) and one speaker per row, got {embeddings.shape} and "
            f"{len(speakers)}"
        )
    if within is not None and len(within) != len(embeddings):
        raise ValueError(f"expected one group per row, got {len(within)} for {len(embeddings)}")
    generator = np.random.default_rng(seed)
    rows = _at_most(rows, np.asarray(speakers).astype(str), per_speaker, generator)
    names, codes = np.unique(np.asarray(speakers)[rows].astype(str), return_inverse=True)
    if len(names) < 3:
        raise ValueError(f"an interval over speakers needs 3 of them, found {len(names)}")
    groups = None if within is None else np.asarray(within)[rows].astype(str)
    first, second, scores = _pairs(embeddings[rows], codes, groups)
    same = first == second
    rate = equal_error_rate(scores, same)
    drawn = _resample(_Trials(scores, same), first, second, len(names), (resamples, generator))
    return Verification(
        _student(rate, drawn, len(names), (0.0, 1.0)),
        drawn,
        [str(name) for name in names],
        int(same.sum()),
        int((~same).sum()),
    )


def compare_verification(side_a: Verification, side_b: Verification) -> Interval:
    """Return the rate of A minus that of B over the same draws of speakers.

    A positive difference says that encoder A hides the speaker better.

    Raises:
        ValueError: if the trials or the draws of the two are not the same.

    Example:
        >>> speakers = np.repeat(np.arange(4), 3)
        >>> one = verify_speakers(np.eye(4)[speakers], speakers)
        >>> compare_verification(one, one)
        Interval(value=0.0, low=0.0, high=0.0)
    """
    shapes = [(s.speakers, s.genuine, s.impostor, len(s.drawn)) for s in (side_a, side_b)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "the two were not verified on the same speakers, utterances, resamples and seed"
        )
    difference = side_a.rate.value - side_b.rate.value
    speakers = len(side_a.speakers)
    return _student(difference, side_a.drawn - side_b.drawn, speakers, (-1.0, 1.0))


class _Trials:
    """Trials sorted once, so that each set of weights costs one cumulative sum."""

    def __init__(self, scores: Array, same: Array) -> None:
        order = np.argsort(-scores, kind="stable")
        ordered, kinds = scores[order], same[order]
        self.genuine, self.impostor = order[kinds], order[~kinds]
        # the last trial of each run of equal scores, and the start before all
        ends = np.append(np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1, 0)
        self.ends = np.sort(ends)
        self.found = np.append(0, kinds.cumsum())[self.ends]

    def rate(self, genuine: Array, impostor: Array) -> float:
        """Return the equal error rate for weights of the sorted trials of each kind."""
        let_in, found = impostor.cumsum(), genuine.cumsum()

        def at(place: int) -> tuple[float, float]:
            """Return the share of impostors let in, and how far it lies above that refused."""
            hits = int(self.found[place])
            misses = int(self.ends[place]) - hits
            wrong = float(let_in[misses - 1] / let_in[-1]) if misses else 0.0
            right = float(found[hits - 1] / found[-1]) if hits else 0.0
            return wrong, wrong - (1 - right)

        low, high = 0, len(self.ends) - 1
        while high - low > 1:  # the gap rises from -1 to 1
            middle = (low + high) // 2
            low, high = (low, middle) if at(middle)[1] >= 0 else (middle, high)
        (before, gap_before), (after, gap_after) = at(low), at(high)
        return before + gap_before / (gap_before - gap_after) * (after - before)


def _at_most(rows: Array, names: Array, limit: int | None, generator: np.random.Generator) -> Array:
    if limit is None:
        return rows
    if limit < 2:
        raise ValueError(f"expected at least 2 utterances of a speaker, got {limit}")
    mixed = generator.permutation(rows)
    kept = [mixed[names[mixed] == name][:limit] for name in np.unique(names[rows])]
    return np.sort(np.concatenate(kept))


def _pairs(embeddings: Array, codes: Array, groups: Array | None) -> tuple[Array, Array, Array]:
    """Return the two speakers and the cosine of each trial."""
    if not np.isfinite(embeddings).all():
        raise ValueError("expected finite embeddings, found NaN or infinity")
    values = embeddings.astype(np.float64)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit = values / np.where(length > 0, length, 1)
    i, j = np.triu_indices(len(unit), 1)
    if groups is not None:
        inside = groups[i] == groups[j]
        i, j = i[inside], j[inside]
    return codes[i], codes[j], (unit @ unit.T)[i, j]


def _resample(
    trials: _Trials,
    first: Array,
    second: Array,
    speakers: int,
    draws: tuple[int, np.random.Generator],
) -> Array:
    resamples, generator = draws
    same = first[trials.genuine]
    pairs = first[trials.impostor], second[trials.impostor]
    found: list[float] = []
    while len(found) < resamples:
        counts = generator.multinomial(speakers, np.full(speakers, 1 / speakers))
        genuine, impostor = counts[same], counts[pairs[0]] * counts[pairs[1]]
        # a draw without one kind of trial has no rate: draw again
        if genuine.any() and impostor.any():
            found.append(trials.rate(genuine, impostor))
    return np.array(found)


def _student(value: float, drawn: Array, groups: int, bounds: tuple[float, float]) -> Interval:
    from scipy.stats import t

    error = float(drawn.std() * np.sqrt(groups / (groups - 1)))
    half = float(t.ppf(0.975, groups - 1)) * error
    return Interval(value, max(bounds[0], value - half), min(bounds[1], value + half))
