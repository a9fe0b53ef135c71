"""One person twice, neutral and smiling: does the model see the smile, or the person?

No rating is needed: the smiling photo of a person should have the higher valence. The spread of
the shift over people says how far the reading depends on who smiles, and re-identification how
much of the person the embedding still holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.comparison import Difference, paired_difference
from affectrep.evaluation.intervals import Interval
from affectrep.evaluation.metrics import AXES, Statistics

__all__ = ["SMILES", "compare_smile_pairs", "smile_pairs", "smile_statistics", "wilson"]

Array = NDArray[Any]
SMILES = "smiles"  # the name of such photos where a split has train or test
NEUTRAL, SMILING = "neutral", "happiness"
_FEW = 3  # people below whom there are no intervals


def smile_pairs(
    table: pd.DataFrame, embeddings: Array | None = None, *, confidence: float = 0.95
) -> dict[str, Any]:
    """Return what predictions and embeddings say of smiles and of people, as JSON values.

    Only people with exactly one neutral and one smiling photo count. Intervals: Wilson's for the
    two shares (of persons taken as independent), Student's t for means, DeLong's for the order of
    all pairs with the two photos of a person taken together, and the jackknife of the logarithm
    for standard deviations.

    Args:
        table: a line a photo: ``id, subject, expression`` (neutral | happiness; others are left
            out), ``predicted_valence, predicted_arousal``.
        embeddings: ``(rows, dim)`` in the order of the table; None leaves re-identification out.
        confidence: of the intervals.

    Returns:
        Keys: ``people``, ``left_out`` (people without a pair), ``ties`` (equal valences), and
        ``metrics`` (name -> value, low, high, n, chance where there is one): ``smile_higher``,
        ``smile_order`` (chance that the smiling one of two photos, of anybody, has the higher
        valence: the AUC), ``smile_shift_<axis>`` and ``smile_shift_sd_<axis>``,
        ``reidentified`` (the nearest neutral photo of a smiling one, by cosine, is of the same
        person) and ``reidentified_rank`` (mean place of the right one, from 1).

    Raises:
        ValueError: if columns are missing, a value is not finite, shapes do not fit, a person has
            two photos of one expression, or fewer than two people have a pair.

    Source: Wilson 1927 (shares); DeLong, DeLong and Clarke-Pearson 1988 (order of pairs).

    Example:
        >>> table = pd.DataFrame({"id": list("abcd"), "subject": list("xxyy")})
        >>> table["expression"] = ["neutral", "happiness"] * 2
        >>> table["predicted_valence"] = [0.0, 0.6, 0.1, 0.5]
        >>> table["predicted_arousal"] = [0.0, 0.1, 0.2, 0.1]
        >>> found = smile_pairs(table, np.eye(2)[[0, 0, 1, 1]])["metrics"]
        >>> found["smile_higher"]["value"], round(found["smile_shift_valence"]["value"], 3)
        (1.0, 0.5)
        >>> found["reidentified"]["value"], found["reidentified"]["chance"]
        (1.0, 0.5)
    """
    statistics, pairs = smile_statistics(table, embeddings), _pairs(table)
    values, people = statistics.values(), len(statistics.columns)
    figures: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        column = _columns_of(statistics)[name.replace("_sd", "")]
        if name in ("smile_higher", "reidentified"):
            one = asdict(wilson(value * people, people, confidence=confidence))
        else:
            one = _interval(name, value, column, confidence)
        figures[name] = {**one, "n": people}
    chances = {"smile_higher": 0.5, "smile_order": 0.5, "reidentified": 1 / people}
    chances["reidentified_rank"] = (people + 1) / 2
    for name in figures.keys() & chances.keys():
        figures[name]["chance"] = chances[name]
    shift = table["predicted_valence"].to_numpy()[pairs].T
    known = table[table["expression"].isin([NEUTRAL, SMILING])]["subject"].dropna()
    return {
        "people": people,
        "left_out": int(known.nunique()) - people,
        "ties": int((shift[0] == shift[1]).sum()),
        "metrics": figures,
    }


def smile_statistics(table: pd.DataFrame, embeddings: Array | None = None) -> Statistics:
    """Return the figures of :func:`smile_pairs` as statistics, a row a person in order of name.

    Args:
        table: as there.
        embeddings: as there.

    Raises:
        ValueError: as there.
    """
    pairs = _pairs(table)
    shifts = [
        np.diff(table[f"predicted_{axis}"].to_numpy(np.float64)[pairs])[:, 0] for axis in AXES
    ]
    valence = table["predicted_valence"].to_numpy(np.float64)[pairs]
    named = {"smile_higher": (shifts[0] > 0).astype(np.float64), "smile_order": _order(valence)}
    named |= {f"smile_shift_{axis}": shift for axis, shift in zip(AXES, shifts, strict=True)}
    if embeddings is not None:
        values = np.asarray(embeddings)
        if values.ndim != 2 or len(values) != len(table) or not np.isfinite(values).all():
            raise ValueError(
                f"expected finite embeddings ({len(table)}, dim), got shape {values.shape}"
            )
        named["reidentified"], named["reidentified_rank"] = _found(values[pairs])
    names = list(named)
    squares = [shift**2 for shift in shifts]
    columns = np.stack([*named.values(), *squares, np.ones(len(pairs))], axis=1)
    return Statistics(columns, lambda sums: _values(sums, names))


def compare_smile_pairs(
    side_a: Sequence[Statistics], side_b: Sequence[Statistics], *, resamples: int = 10_000
) -> dict[str, Difference]:
    """Compare two systems on the same people, who are drawn anew; the i-th of both share a seed.

    Re-identification keeps the gallery of all people in each draw, as the order of pairs does.

    Args:
        side_a: of :func:`smile_statistics`, one per seed.
        side_b: as many, of the same photos.
        resamples: of the people.

    Raises:
        ValueError: if the sides differ in runs or people.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> table = pd.DataFrame({"id": [str(i) for i in range(80)]})
        >>> table["subject"] = np.repeat([f"p{i}" for i in range(40)], 2)
        >>> table["expression"] = ["neutral", "happiness"] * 40
        >>> table["predicted_valence"], table["predicted_arousal"] = rng.normal(size=(2, 80))
        >>> good = table.assign(predicted_valence=[0.0, 1.0] * 40)
        >>> sides = smile_statistics(good), smile_statistics(table)
        >>> compare_smile_pairs(sides[:1], sides[1:], resamples=500)["smile_higher"].told_apart
        True
    """
    runs = [*side_a, *side_b]
    people = np.arange(len(runs[0].columns)) if runs else None
    return paired_difference(side_a, side_b, resamples=resamples, clusters=people)


def wilson(hits: float, count: int, *, confidence: float = 0.95) -> Interval:
    """Return a share with Wilson's interval.

    Args:
        hits: how many; a part of one where a tie was shared out.
        count: of how many, at least 1.
        confidence: of the interval.

    Raises:
        ValueError: if the hits are not in [0, count].

    Example:
        >>> one = wilson(90, 100)
        >>> one.value, round(one.low, 4), round(one.high, 4)
        (0.9, 0.8256, 0.9448)
    """
    from scipy.stats import norm

    if count < 1 or not 0 <= hits <= count:
        raise ValueError(f"expected hits in [0, count] of at least 1, got {hits} of {count}")
    share, edge = hits / count, float(norm.ppf((1 + confidence) / 2))
    shrink = 1 + edge**2 / count
    centre = (share + edge**2 / (2 * count)) / shrink
    half = edge * (share * (1 - share) / count + edge**2 / (4 * count**2)) ** 0.5 / shrink
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def _pairs(table: pd.DataFrame) -> Array:
    """Return ``(people, 2)`` rows of the neutral and the smiling photo, people by name."""
    needed = ["subject", "expression", *(f"predicted_{axis}" for axis in AXES)]
    missing = [name for name in needed if name not in table]
    if missing:
        raise ValueError(f"smiles need the columns {', '.join(missing)}, which are missing")
    if not np.isfinite(table[needed[2:]].to_numpy(np.float64)).all():
        raise ValueError("expected finite predictions, found NaN or infinity")
    asked = table.assign(row=np.arange(len(table))).dropna(subset=["subject"])
    asked = asked[asked["expression"].isin([NEUTRAL, SMILING])]
    twice = asked.duplicated(["subject", "expression"])
    if twice.any():
        one = asked[twice].iloc[0]
        raise ValueError(f"{one['subject']} has more than one {one['expression']} photo")
    places = asked.pivot(index="subject", columns="expression", values="row")
    places = places.reindex(columns=[NEUTRAL, SMILING]).dropna().sort_index()
    if len(places) < 2:
        raise ValueError(
            f"expected two people or more with a {NEUTRAL} and a {SMILING} photo, "
            f"found {len(places)}"
        )
    return np.asarray(places.to_numpy().astype(np.int64))


def _order(valence: Array) -> Array:
    """Return what each person adds to the AUC: the mean is the AUC, the spread is DeLong's."""
    neutral, smiling = valence.T
    ahead = (np.sign(smiling[:, None] - neutral[None, :]) + 1) / 2
    return np.asarray(ahead.mean(axis=1) + ahead.mean(axis=0) - ahead.mean())


def _found(pairs: Array) -> tuple[Array, Array]:
    """Return whether each smiling photo's nearest neutral one is of the same person, and its place.

    Photos that are equally near share their places, so embeddings that coincide find nobody.
    """
    values = pairs.astype(np.float64)
    length = np.linalg.norm(values, axis=2, keepdims=True)
    unit = values / np.where(length > 0, length, 1)
    cosine = unit[:, 1] @ unit[:, 0].T
    own = np.diag(cosine)[:, None]
    # equal vectors may differ in the last digit of their cosines
    level = np.abs(cosine - own) <= 1e-12
    nearer = ((cosine > own) & ~level).sum(axis=1)
    ties = level.sum(axis=1)
    return np.where(nearer == 0, 1 / ties, 0.0), nearer + (ties + 1) / 2


def _values(sums: Array, names: Sequence[str]) -> dict[str, Array]:
    people = sums[..., -1]
    found = {name: sums[..., place] / people for place, name in enumerate(names)}
    for place, axis in enumerate(AXES):
        square = sums[..., len(names) + place] / people - found[f"smile_shift_{axis}"] ** 2
        apart = np.maximum(square, 0) * people / np.maximum(people - 1, 1)
        found[f"smile_shift_sd_{axis}"] = np.sqrt(apart)
    return found


def _columns_of(statistics: Statistics) -> dict[str, Array]:
    names = [name for name in statistics.values() if "_sd_" not in name]
    return {name: statistics.columns[:, place] for place, name in enumerate(names)}


def _interval(name: str, value: float, column: Array, confidence: float) -> dict[str, Any]:
    from scipy.stats import t

    count = len(column)
    if count < _FEW:
        return {"value": value, "low": None, "high": None}
    edge = float(t.ppf((1 + confidence) / 2, count - 1))
    if "_sd_" in name:
        return {"value": value, **_sd_ends(column, edge)}
    half = edge * float(column.std(ddof=1)) / count**0.5
    low, high = (0.0, 1.0) if name == "smile_order" else (-np.inf, np.inf)
    return asdict(Interval(value, max(low, value - half), min(high, value + half)))


def _sd_ends(column: Array, edge: float) -> dict[str, float | None]:
    """Return the interval of a standard deviation, by the jackknife of its logarithm."""
    count = len(column)
    parts = np.array([np.delete(column, place).std(ddof=1) for place in range(count)])
    if not (parts > 0).all():
        return {"low": None, "high": None}
    error = float(np.log(parts).std() * (count - 1) ** 0.5)
    middle = float(column.std(ddof=1))
    return {"low": middle * np.exp(-edge * error), "high": middle * np.exp(edge * error)}
