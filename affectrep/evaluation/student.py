"""Student's t for an estimate whose variance is a sum of parts, each known to some degrees.

With one part it is Student's t. With several, half the interval is the root of the sum of
``t_i^2 v_i``, where ``v_i`` is the variance of part i and ``t_i`` the edge of Student's t with its
degrees of freedom. For independent parts of normal data it holds the true value at least as often
as it says, whatever the parts' sizes, so the p that goes with it never claims too much. It pays for
that with length: it is for parts of which next to nothing is known, as seeds where there are two.

Source: Banerjee 1960, Approximate confidence interval for linear functions of means of k
populations when the population variances are not equal, Sankhya 22.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["POWER", "Part", "Spread", "over_seeds", "student"]

Part = tuple[float, float]  # a variance, and its degrees of freedom
POWER = 0.8
_LEAST_LOG_P = -600.0


@dataclass(frozen=True)
class Spread:
    """How far an estimate varies.

    Args:
        parts: of its variance.
        seed_sd: standard deviation from seed to seed, beyond that of rows or clusters.
        least: a variance whose Student's t interval is the shortest that is given.
    """

    parts: Sequence[Part]
    seed_sd: float = 0.0
    least: Part = (0.0, math.inf)


def student(effect: float, spread: Spread, confidence: float) -> tuple[float, float, float]:
    """Return half the interval, the two-sided p, and the smallest detectable effect.

    Args:
        effect: its estimate.
        spread: no variance at all gives a p of 1 for no effect and 0 for any other.
        confidence: of the interval.

    Returns:
        The three figures; NaN where the effect is.

    Example:
        >>> half, p, detectable = student(2.0, Spread([(1.0, float("inf"))]), 0.95)
        >>> round(half, 2), round(p, 3), round(detectable, 2)
        (1.96, 0.046, 2.8)
        >>> half, p, _ = student(2.0, Spread([(0.5, float("inf")), (0.5, 1.0)]), 0.95)
        >>> round(half, 2), round(p, 3)
        (9.09, 0.236)
    """
    if math.isnan(effect):
        return math.nan, math.nan, math.nan
    ways = [_told(effect, parts, confidence) for parts in (spread.parts, [spread.least])]
    half, p, detectable = (max(figures) for figures in zip(*ways, strict=True))
    return half, p, detectable


def over_seeds(rows: Part, *, between: float, within: float, seeds: int) -> Spread:
    """Return the spread of a mean over seeds: that of rows or clusters, and that of seeds.

    The degrees of freedom are the weighted harmonic mean of those of the two parts. With two seeds
    the parts stay apart: how far two seeds differ is one number, and two that agree by chance say
    nothing of a third.

    Args:
        rows: variance of the mean over the seeds as rows or clusters are drawn anew.
        between: variance of the effects from seed to seed.
        within: what the rows explain of that.
        seeds: two or more.

    Example:
        >>> over_seeds((1.0, 9.0), between=4.0, within=0.5, seeds=2).parts
        [(0.75, 9.0), (2.0, 1.0)]
        >>> over_seeds((1.0, float("inf")), between=3.0, within=0.0, seeds=3).parts
        [(2.0, 4.0)]
    """
    variance, freedom = rows
    extra = max(0.0, between - within)
    # what a row does to one seed alone is in both parts, and belongs to that of the seeds
    shared, own = max(0.0, variance - within / seeds), between / seeds
    if seeds == 2:
        return Spread([(shared, freedom), (own, 1.0)], math.sqrt(extra), rows)
    doubt = shared / freedom + own / (seeds - 1)
    known = (shared + own) / doubt if doubt > 0 else math.inf
    return Spread([(variance + extra / seeds, known)], math.sqrt(extra))


def _told(effect: float, parts: Sequence[Part], confidence: float) -> tuple[float, float, float]:
    known = [(variance, freedom) for variance, freedom in parts if variance > 0]
    if not known:
        return 0.0, 1.0 if effect == 0 else 0.0, 0.0
    half = _half(known, (1 - confidence) / 2)
    return half, _p(abs(effect), known), half + _half(known, 1 - POWER)


def _p(size: float, parts: Sequence[Part]) -> float:
    """Return the level at which the interval just reaches zero."""
    from scipy.optimize import brentq
    from scipy.stats import t

    if len(parts) == 1:
        ((variance, freedom),) = parts
        return float(2 * t.sf(size / math.sqrt(variance), freedom))
    if size == 0:
        return 1.0

    def beyond(log_p: float) -> float:
        return _half(parts, math.exp(log_p) / 2) - size

    return 0.0 if beyond(_LEAST_LOG_P) < 0 else math.exp(brentq(beyond, _LEAST_LOG_P, 0.0))


def _half(parts: Sequence[Part], tail: float) -> float:
    """Return half the interval that leaves out ``tail`` at either end."""
    from scipy.stats import t

    edges = t.isf(tail, [freedom for _, freedom in parts])
    return math.hypot(*(edges * [math.sqrt(variance) for variance, _ in parts]))
