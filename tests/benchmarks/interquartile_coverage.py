"""How often the interval of the interquartile mean holds the true one, and plain percentiles do.

    python -m tests.benchmarks.interquartile_coverage --studies 1500

Invented scores of three tasks, normal with sd 1 about a task's own mean, which is normal, too: with
sd 0 ("alike": gains that are the same everywhere), 1 ("differ": gains) or 6 ("far apart": raw
figures). The true value is the mean of the middle half of the mixture of the three normals, which
is what very many seeds would give. Beside the interval of ``affectrep.evaluation.interquartile``
the plain percentiles of the same bootstrap are counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from affectrep.evaluation.interquartile import interquartile_interval

__all__ = ["SEEDS", "WORLDS", "coverage", "percentiles", "truth"]

Array = NDArray[np.float64]
SEEDS = (2, 3, 5, 10)
TASKS = 3
WORLDS = {"alike": 0.0, "differ": 1.0, "far apart": 6.0}  # sd of the tasks' means


def truth(means: Array) -> float:
    """Return the mean of the middle half of a mixture of normals of sd 1, ``means`` (tasks,).

    Example:
        >>> [round(abs(truth(np.array(means))), 6) for means in ([0.0, 0.0], [-9.0, 0.0, 9.0])]
        [0.0, 0.0]
    """
    ends = [
        brentq(lambda x, share=share: norm.cdf(x - means).mean() - share, *_span(means))
        for share in (0.25, 0.75)
    ]
    low, high = (end - means for end in ends)
    inside = norm.cdf(high) - norm.cdf(low)
    return float(2 * (means * inside - (norm.pdf(high) - norm.pdf(low))).mean())


def _span(means: Array) -> tuple[float, float]:
    return float(means.min() - 10), float(means.max() + 10)


def percentiles(scores: Array, *, resamples: int, seed: int) -> tuple[float, float]:
    """Return the percentile bootstrap of the interquartile mean, seeds drawn inside each task.

    Args:
        scores: ``(tasks, seeds)``.
        resamples: of the seeds.
        seed: of the draws.
    """
    tasks, seeds = scores.shape
    places = np.random.default_rng(seed).integers(0, seeds, (resamples, tasks, seeds))
    drawn = np.sort(scores[np.arange(tasks)[:, None], places].reshape(resamples, -1), axis=1)
    cut = drawn.shape[1] // 4
    low, high = np.quantile(drawn[:, cut : drawn.shape[1] - cut].mean(1), [0.025, 0.975])
    return float(low), float(high)


def coverage(
    world: str, seeds: int, *, studies: int, resamples: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Return the share of 95 % intervals that hold the true value, ours and plain percentiles.

    Args:
        world: one of :data:`WORLDS`.
        seeds: of each task.
        studies: how many are drawn, each with means of its own.
        resamples: of the seeds in a study.
        seed: of the studies.
    """
    rng = np.random.default_rng([seed, seeds, list(WORLDS).index(world)])
    held = np.zeros(2)
    for place in range(studies):
        means = rng.normal(0, WORLDS[world], TASKS)
        scores = means[:, None] + rng.normal(0, 1, (TASKS, seeds))
        true = truth(means)
        one = interquartile_interval(list(scores), resamples=resamples, seed=place)
        low, high = percentiles(scores, resamples=resamples, seed=place)
        held += [one.low <= true <= one.high, low <= true <= high]
    return dict(
        zip(("interval", "percentiles"), (float(one) for one in held / studies), strict=True)
    )


def main(words: Sequence[str] | None = None) -> None:
    """Print a line for each world and number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seeds", type=int, action="append")
    parser.add_argument("--world", choices=list(WORLDS), action="append")
    asked = parser.parse_args(words)
    for world in asked.world or WORLDS:
        for seeds in asked.seeds or SEEDS:
            found = coverage(world, seeds, studies=asked.studies)
            told = ", ".join(f"{name} {100 * value:.1f}" for name, value in found.items())
            print(f"{TASKS} tasks {world}, {seeds} seeds: {told}", flush=True)


if __name__ == "__main__":
    main()
