"""How often the 95 % intervals of one system hold the true value, and what the naive one does.

    python -m tests.benchmarks.interval_coverage --studies 4000

"intervals": invented studies of G speakers. A speaker moves the chance of a right answer, of every
class and of single ones, and in a regression the offset, slope and spread of the errors. In the
"even" world all speakers have as many rows, in the "uneven" one 8 to 60 with shares of classes of
their own. The true value is the metric of a population of 200,000 speakers. Counted are the
intervals that ``affectrep.evaluation.intervals.bootstrap`` gives over speakers, and for comparison
the naive ones over rows and percentiles of resampled speakers. The method was chosen on the seeds
101 to 104; figures to be reported take others.

"paired": two systems that are equally good, and two that differ by what the test says it would
detect. "speed": processor time of 10,000 resamples of 10,000 rows.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from affectrep.evaluation.comparison import paired_difference
from affectrep.evaluation.intervals import Interval, bootstrap, cluster_sums, resampled_sums
from affectrep.evaluation.metrics import (
    Statistics,
    classification_statistics,
    regression_statistics,
)

__all__ = ["GROUPS", "WORLDS", "coverage", "draw_answers", "draw_values", "truth"]

Array = NDArray[np.float64]
GROUPS = (6, 10, 30, 80)
SEEDS = (1, 2, 3, 5, 10)
WORLDS = ("even", "uneven")
CLASSES = 4
OWN = {"row": 0.5, "speaker": 0.4, "seed": 0.12}  # what moves each system by itself
POPULATION = 200_000
METRICS = {
    "answers": ("accuracy", "uar", "weighted_f1", "macro_f1"),
    "values": ("ccc", "pcc", "rmse"),
}
_VALUES = classification_statistics(np.array([0]), np.array([0]), CLASSES).metrics
_BASE = np.array([0.9, 0.5, 0.3, 0.1])  # logit of a right answer
_SHARES = np.array([0.4, 0.3, 0.2, 0.1])  # of the classes in the uneven world
# where the errors of a class go; rows are true classes
_ERRORS = np.array([[0, 0.6, 0.3, 0.1], [0.5, 0, 0.4, 0.1], [0.3, 0.5, 0, 0.2], [0.2, 0.3, 0.5, 0]])


def draw_answers(rng: np.random.Generator, speakers: int, world: str) -> NDArray[np.int64]:
    """Return confusion counts ``(speakers, true, predicted)``."""
    counts, right = _people(rng, speakers, world)
    hits = rng.binomial(counts, right)
    found = rng.multinomial(counts - hits, _ERRORS)
    found[:, np.arange(CLASSES), np.arange(CLASSES)] = hits
    return found


def _people(rng: np.random.Generator, speakers: int, world: str) -> tuple[NDArray[np.int64], Array]:
    """Return rows and chances of a right answer, both ``(speakers, classes)``."""
    shape = (speakers, CLASSES)
    logits = _BASE + rng.normal(0, 0.7, (speakers, 1)) + rng.normal(0, 0.5, shape)
    right = 1 / (1 + np.exp(-logits))
    if world == "even":
        return np.full(shape, 6), right
    shares = rng.gamma(4 * _SHARES, 1.0, shape)
    shares /= shares.sum(1, keepdims=True)
    return rng.multinomial(rng.integers(8, 61, speakers), shares), right


def draw_values(
    rng: np.random.Generator, speakers: int, world: str
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return labels, predictions and speakers, each ``(rows,)``."""
    rows = np.full(speakers, 24) if world == "even" else rng.integers(8, 61, speakers)
    who = np.repeat(np.arange(speakers), rows)
    y = rng.normal(0, 0.15, speakers)[who] + rng.normal(0, 0.3, len(who))
    slope, offset = rng.normal(0.6, 0.15, speakers), rng.normal(0, 0.12, speakers)
    spread = 0.2 * np.exp(rng.normal(0, 0.2, speakers))
    return y, slope[who] * y + offset[who] + spread[who] * rng.normal(0, 1, len(who)), who


@cache
def truth(kind: str, world: str, *, speakers: int = POPULATION) -> dict[str, float]:
    """Return the metrics of a large population; answers by their chances, without rows' noise."""
    rng = np.random.default_rng(20)
    if kind == "values":
        return regression_statistics(*draw_values(rng, speakers, world)[:2]).values()
    counts, right = _people(rng, speakers, world)
    true, hits = counts.sum(0), (counts * right).sum(0)
    sums = np.concatenate([true, hits + (true - hits) @ _ERRORS, hits])
    return {name: float(value) for name, value in _VALUES(sums).items()}


def studies_of(
    kind: str, speakers: int, world: str, *, studies: int, seed: int
) -> Iterator[tuple[Statistics, NDArray[np.int64]]]:
    """Yield per-row statistics and the rows' speakers."""
    rng = np.random.default_rng([seed, speakers, WORLDS.index(world), len(kind)])
    eye = np.arange(CLASSES * CLASSES)
    for _ in range(studies):
        if kind == "values":
            y, said, who = draw_values(rng, speakers, world)
            yield regression_statistics(y, said), who
        else:
            counts = draw_answers(rng, speakers, world).reshape(speakers, -1)
            true, said = np.divmod(np.repeat(np.tile(eye, speakers), counts.ravel()), CLASSES)
            who = np.repeat(np.arange(speakers), counts.sum(1))
            yield classification_statistics(true, said, CLASSES), who


def coverage(
    kind: str,
    speakers: int,
    world: str,
    *,
    studies: int,
    naive: int | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Return the share of intervals that hold the truth, by way and metric.

    Args:
        kind: "answers" (classification) or "values" (regression).
        speakers: how many there are.
        world: "even" or "uneven".
        studies: how many are drawn.
        naive: in how many of them rows and speakers are resampled, too; None: in all.
        seed: of the studies.
    """
    true = truth(kind, world)
    held: dict[str, list[bool]] = defaultdict(list)
    drawn = studies_of(kind, speakers, world, studies=studies, seed=seed)
    for place, (statistics, who) in enumerate(drawn):
        ways = {"": bootstrap(statistics, clusters=who)}
        if naive is None or place < naive:
            ways["rows "] = bootstrap(statistics, resamples=1000, seed=place)
            ways["percentile "] = _percentiles(statistics, who, seed=place)
        for way, metric in product(ways, METRICS[kind]):
            one = ways[way][metric]
            held[way + metric].append(one.low <= true[metric] <= one.high)
    return {name: float(np.mean(values)) for name, values in held.items()}


def _percentiles(
    statistics: Statistics, who: NDArray[np.int64], *, seed: int
) -> dict[str, Interval]:
    """Return what most people do: percentiles over resampled speakers."""
    sums = resampled_sums(cluster_sums(statistics.columns, who), 1000, seed)
    drawn = statistics.metrics(np.concatenate(list(sums)))
    ends = {name: np.quantile(one, [0.025, 0.975]) for name, one in drawn.items()}
    return {name: Interval(v, *map(float, ends[name])) for name, v in statistics.values().items()}


def draw_pair(
    rng: np.random.Generator,
    speakers: int | None,
    *,
    seeds: int,
    gain: float = 0.0,
    apart: float = OWN["seed"],
) -> tuple[list[Statistics], list[Statistics], NDArray[np.int64] | None]:
    """Return the runs of two systems, and the rows' speakers; None are 400 rows without speakers.

    Speakers and rows move both systems alike and each by itself. Seeds differ, where there are
    several: the test of one seed speaks of the two trained models, so they are what is alike.
    ``apart`` is by how much.
    """
    who = np.arange(400)
    if speakers is not None:
        who = np.repeat(np.arange(speakers), rng.integers(8, 61, speakers))
    people, rows = (0 if speakers is None else speakers), len(who)
    y = rng.integers(0, 3, rows)
    skill = 0.4 + gain * np.array([1.0, 0.0])[:, None, None] + rng.normal(0, 0.8, rows)
    skill = skill + rng.normal(0, OWN["row"], (2, 1, rows))
    if people:
        skill = (
            skill
            + (rng.normal(0, 0.5, people) + rng.normal(0, OWN["speaker"], (2, 1, people)))[..., who]
        )
    if seeds > 1:
        skill = skill + rng.normal(0, apart, (2, seeds, 1))
    right = skill + rng.normal(0, 1, (2, seeds, rows)) > 0
    said = np.where(right, y, (y + rng.integers(1, 3, right.shape)) % 3)
    sides = [[classification_statistics(y, one, 3) for one in side] for side in said]
    return sides[0], sides[1], who if people else None


def gain_of(
    effect: float, speakers: int | None, seeds: int, *, apart: float = OWN["seed"]
) -> float:
    """Return how much better system A must be drawn for a true difference in accuracy."""
    variance = 1 + 0.8**2 + OWN["row"] ** 2 + (apart**2 if seeds > 1 else 0)
    variance += 0 if speakers is None else 0.5**2 + OWN["speaker"] ** 2
    scale = float(np.sqrt(variance))
    return float(norm.ppf(norm.cdf(0.4 / scale) + effect)) * scale - 0.4


def told_apart(
    speakers: int | None,
    *,
    seeds: int,
    studies: int,
    effect: float = 0.0,
    apart: float = OWN["seed"],
    seed: int = 0,
) -> dict[str, float]:
    """Return how often two systems are told apart, by metric, and the mean detectable effect.

    Args:
        speakers: how many, of 8 to 60 rows each; None: 400 rows without speakers.
        seeds: paired runs of each system.
        studies: how many are drawn.
        effect: true difference in accuracy; 0 counts false positives.
        apart: standard deviation of the seeds, where there are several, on the scale of skill.
        seed: of the studies.
    """
    rng = np.random.default_rng([seed, speakers or 0, seeds, effect > 0])
    gain = gain_of(effect, speakers, seeds, apart=apart)
    found: dict[str, list[float]] = defaultdict(list)
    for place in range(studies):
        a, b, who = draw_pair(rng, speakers, seeds=seeds, gain=gain, apart=apart)
        answers = paired_difference(a, b, clusters=who, resamples=400, seed=place)
        for metric in METRICS["answers"]:
            found[metric].append(answers[metric].told_apart)
        found["detectable"].append(answers["accuracy"].detectable)
    return {name: float(np.mean(values)) for name, values in found.items()}


def speed(*, resamples: int = 10_000, rows: int = 10_000, repeats: int = 3) -> dict[str, float]:
    """Return median seconds of processor time for an interval of every metric."""
    rng = np.random.default_rng(0)
    who, y = rng.integers(0, 80, rows), rng.integers(0, 27, rows)
    said = np.where(rng.random(rows) < 0.5, y, rng.integers(0, 27, rows))
    values = rng.uniform(-1, 1, (rows, 2))
    classes = classification_statistics(y, said, 27)
    axes = regression_statistics(values, 0.6 * values + rng.normal(0, 0.2, (rows, 2)))
    cases = {
        "27 classes, rows": (classes, None),
        "27 classes, 80 clusters": (classes, who),
        "valence and arousal, rows": (axes, None),
        "valence and arousal, 80 clusters": (axes, who),
    }
    found = {}
    for name, (statistics, clusters) in cases.items():
        times = []
        for _ in range(repeats):
            started = time.process_time()
            bootstrap(statistics, resamples=resamples, clusters=clusters)
            times.append(time.process_time() - started)
        found[name] = float(np.median(times))
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Print coverage, false positives and power, or processor time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=list(PARTS), nargs="*", default=list(PARTS))
    parser.add_argument(
        "--studies", type=int, default=4000, help="half as many pairs, a quarter for power"
    )
    parser.add_argument("--naive", type=int, default=500, help="of them resampled, too")
    parser.add_argument("--speakers", type=int, action="append", help="0: rows (paired)")
    parser.add_argument("--seeds", type=int, action="append", help="runs of a system (paired)")
    parser.add_argument(
        "--apart", type=float, default=OWN["seed"], help="how far seeds differ (paired)"
    )
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args(words)
    for part in asked.part:
        for line in PARTS[part](asked):
            print(line, flush=True)


def _coverage_lines(asked: argparse.Namespace) -> Iterator[str]:
    for kind, world, speakers in product(METRICS, WORLDS, asked.speakers or GROUPS):
        started = time.process_time()
        found = coverage(
            kind, speakers, world, studies=asked.studies, naive=asked.naive, seed=asked.seed
        )
        spent = time.process_time() - started
        yield f"{kind}, {world}, {speakers} speakers: {_told(found)} ({spent:.0f} s)"


def _paired_lines(asked: argparse.Namespace) -> Iterator[str]:
    for count, seeds in product(asked.speakers or (0, *GROUPS), asked.seeds or SEEDS):
        speakers = count or None
        started = time.process_time()
        null = told_apart(
            speakers,
            seeds=seeds,
            studies=asked.studies // 2,
            apart=asked.apart,
            seed=asked.seed,
        )
        effect = null.pop("detectable")
        power = told_apart(
            speakers,
            seeds=seeds,
            studies=asked.studies // 4,
            effect=effect,
            apart=asked.apart,
            seed=asked.seed,
        )
        del power["detectable"]
        spent = time.process_time() - started
        who = "400 rows" if speakers is None else f"{speakers} speakers"
        yield (
            f"{who}, {seeds} seeds: false {_told(null)}; power at {100 * effect:.1f} points of "
            f"accuracy {_told(power)} ({spent:.0f} s)"
        )


def _speed_lines(asked: argparse.Namespace) -> Iterator[str]:
    for name, seconds in speed().items():
        yield f"10,000 resamples of 10,000 rows, {name}: {seconds:.2f} s"


def _told(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {100 * value:.1f}" for name, value in found.items())


PARTS = {"intervals": _coverage_lines, "paired": _paired_lines, "speed": _speed_lines}

if __name__ == "__main__":
    main()
