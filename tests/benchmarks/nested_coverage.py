"""How often the intervals over target -> speaker -> seed hold the true value.

    python -m tests.benchmarks.nested_coverage --studies 4000

Invented studies: several targets with the numbers of speakers and rows of five real corpora, two
systems, five seeds. Speakers, targets and seeds move the logit of a right answer, of every class
and of single ones; what moves the two systems alike cancels in their difference, the rest does
not. The truth is known by quadrature. Beside the intervals of ``affectrep.evaluation.nested`` the
naive one is counted: a percentile bootstrap over the speakers of each target, on means over seeds.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.intervals import Interval, resampled_sums
from affectrep.evaluation.metrics import Statistics, classification_statistics
from affectrep.evaluation.nested import TargetRuns, nested_difference, nested_intervals

__all__ = ["LAYOUTS", "WORLDS", "Study", "World", "coverage", "draw_study", "naive_difference"]

Array = NDArray[np.float64]
CLASSES = 4
_METRICS = classification_statistics(np.array([0]), np.array([0]), CLASSES).metrics
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


def _one_emotion_each() -> Array:
    """29 speakers, 26 of them with a single class; one has 72 of the 100 rows of the last."""
    counts = np.zeros((29, CLASSES))
    rows = [
        [22, 28, 48],
        [12, 2, 2, 4, 4, 14, 6, 2, 2, 2, 2, 28],
        [2, 4, 6, 38, 40, 2, 4],
        [4, 10, 4, 2],
    ]
    speaker = 0
    for label, sizes in enumerate(rows):
        counts[speaker : speaker + len(sizes), label] = sizes
        speaker += len(sizes)
    counts[26:] = [[2, 2, 0, 8], [0, 8, 0, 72], [0, 10, 4, 0]]
    return counts


def _uneven(speakers: int, rows: int) -> Array:
    counts = np.random.default_rng(speakers).multinomial(
        rows, np.tile([0.37, 0.21, 0.18, 0.24], speakers) / speakers
    )
    return counts.reshape(speakers, CLASSES).astype(float)


# rows by speaker and class; sizes as in RAVDESS, EmoDB, the Urdu corpus, EMOVO and nEMO
_EN, _DE, _UR = np.tile([6.0, 6, 6, 4], (24, 1)), _uneven(10, 339), _one_emotion_each()
_IT, _PL = np.full((6, CLASSES), 14.0), np.full((9, CLASSES), 12.0)
LAYOUTS: dict[str, Sequence[Array]] = {
    "five corpora": (_EN, _DE, _UR, _IT, _PL),
    "5 x 6 speakers": (_IT,) * 5,
    "5 x one emotion each": (_UR,) * 5,
    "5 x 80 speakers": (_uneven(80, 800),) * 5,
    "2 targets": (_DE, _PL),
}


@dataclass(frozen=True)
class World:
    """Standard deviations of what moves the logits, and how much better system A is.

    Args:
        target: of a target, alike in both systems.
        own_target: of a target, by itself in each system: the targets' effects differ.
        speaker: of a speaker, alike in both systems; once for all classes and once for each.
        own_speaker: the same by itself in each system.
        seed: of a trained model.
        shared_seed: of a seed, in all targets.
        joint: of a speaker under a seed.
        gain: of system A, in logits.
    """

    target: float = 0.4
    own_target: float = 0.0
    speaker: float = 0.6
    own_speaker: float = 0.4
    seed: float = 0.15
    shared_seed: float = 0.0
    joint: float = 0.3
    gain: float = 0.0

    def rate(self, base: Array | float, *, targets: bool) -> Array:
        """Return the expected share of right answers over all that is drawn."""
        parts = 2 * self.speaker**2 + 2 * self.own_speaker**2 + 2 * self.seed**2
        parts += self.shared_seed**2 + self.joint**2
        parts += (self.target**2 + self.own_target**2) if targets else 0.0
        points = np.asarray(base)[..., None] + np.sqrt(parts) * _NODES
        return np.asarray((_sigmoid(points) * _WEIGHTS).sum(-1) / _WEIGHTS.sum())


WORLDS = {
    "alike targets": World(),
    "targets differ": World(own_target=0.15),
    "targets differ much": World(own_target=0.5, gain=0.4),
    "seeds differ": World(own_target=0.1, seed=0.4, joint=0.5),
    "seeds shared": World(own_target=0.1, seed=0.3, shared_seed=0.2),
    "calm seeds": World(own_target=0.1, seed=0.0, joint=0.0),
}


@dataclass(frozen=True)
class Study:
    """Two systems on the same targets, and what is true.

    Args:
        side_a: of system A.
        side_b: of system B.
        fixed: true accuracy and UAR of A and of B on these targets, by name of the metric.
        drawn: the same over all targets.
    """

    side_a: list[TargetRuns]
    side_b: list[TargetRuns]
    fixed: Mapping[str, tuple[float, float]]
    drawn: Mapping[str, tuple[float, float]]


@dataclass
class _Truth:
    """True shares per target, side and class, and the shares of the classes."""

    rates: list[Array] = field(default_factory=list)
    sizes: list[Array] = field(default_factory=list)

    def means(self) -> dict[str, tuple[float, float]]:
        uar = np.mean([rate.mean(1) for rate in self.rates], axis=0)
        pairs = zip(self.rates, self.sizes, strict=True)
        accuracy = np.mean([(rate * size).sum(1) for rate, size in pairs], axis=0)
        return {"uar": (uar[0], uar[1]), "accuracy": (accuracy[0], accuracy[1])}


def draw_study(
    rng: np.random.Generator, layout: Sequence[Array], world: World, *, seeds: int = 5
) -> Study:
    """Draw a study; its statistics are added up by speaker already."""
    sides: tuple[list[TargetRuns], list[TargetRuns]] = ([], [])
    fixed, drawn = _Truth(), _Truth()
    shared = rng.normal(0, world.shared_seed, (2, seeds))
    gains = np.array([world.gain, 0.0])
    for place, counts in enumerate(layout):
        shape = (len(counts), CLASSES)
        base = 0.4 + rng.normal(0, world.target) + gains + rng.normal(0, world.own_target, 2)
        people = _twice(rng, world.speaker, shape)
        for side in (0, 1):
            logits = base[side] + people + _twice(rng, world.own_speaker, shape)
            models = _twice(rng, world.seed, (seeds, CLASSES)) + shared[side][:, None]
            joint = rng.normal(0, world.joint, (seeds, *shape))
            right = _sigmoid(logits + models[:, None] + joint)
            runs = [[_answers(rng, counts, one)] for one in right]
            sides[side].append(TargetRuns(str(place), runs, np.arange(len(counts))))
        for truth, mean, targets in ((fixed, base, False), (drawn, 0.4 + gains, True)):
            rate = world.rate(mean, targets=targets)
            truth.rates.append(np.tile(rate[:, None], CLASSES))
            truth.sizes.append(counts.sum(0) / counts.sum())
    return Study(*sides, fixed.means(), drawn.means())


def _twice(rng: np.random.Generator, sd: float, shape: tuple[int, int]) -> Array:
    """Return effects of each first index, once for all classes and once for each."""
    return rng.normal(0, sd, (shape[0], 1)) + rng.normal(0, sd, shape)


def _answers(rng: np.random.Generator, counts: Array, right: Array) -> Statistics:
    """Return true, predicted and hit counts per speaker; errors fall on the other classes."""
    hits = rng.binomial(counts.astype(int), right)
    others = np.full(CLASSES - 1, 1 / (CLASSES - 1))
    wrong = rng.multinomial(counts.astype(int) - hits, others)  # (speakers, true, other)
    said = hits.astype(float)
    for label in range(CLASSES):
        said[:, np.arange(CLASSES) != label] += wrong[:, label]
    return Statistics(np.concatenate([counts, said, hits], axis=1), _METRICS)


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def naive_difference(study: Study, metric: str, *, resamples: int = 300) -> Interval:
    """Return the percentile bootstrap over the speakers of each target, on means over seeds."""
    drawn, value = np.zeros(resamples), 0.0
    for place, (a, b) in enumerate(zip(study.side_a, study.side_b, strict=True)):
        runs = [seed[0] for seed in [*a.runs, *b.runs]]
        columns = np.concatenate([run.columns for run in runs], axis=1)
        signs = np.repeat([1.0, -1.0], len(a.runs)) / len(a.runs) / len(study.side_a)

        def effect(sums: Array, signs: Array = signs, count: int = len(runs)) -> Array:
            stacked = np.stack(np.split(sums, count, axis=-1), axis=-2)
            return np.asarray(_METRICS(stacked)[metric] @ signs)

        sums = np.concatenate(list(resampled_sums(columns, resamples, seed=place)))
        drawn += effect(sums)
        value += float(effect(columns.sum(0)))
    return Interval(value, *map(float, np.quantile(drawn, [0.025, 0.975])))


def coverage(
    layout: Sequence[Array],
    world: World,
    *,
    studies: int,
    seeds: int = 5,
    seed: int = 0,
    naive: bool = True,
) -> dict[str, float]:
    """Return the share of 95 % intervals that hold the truth, by kind of interval and metric.

    ``a fixed uar`` is of system A by itself, ``a - b fixed uar`` of the difference.
    """
    rng = np.random.default_rng(seed)
    held: dict[str, list[bool]] = defaultdict(list)
    for _ in range(studies):
        study = draw_study(rng, layout, world, seeds=seeds)
        one, two = nested_intervals(study.side_a), nested_difference(study.side_a, study.side_b)
        plain = naive_difference(study, "uar") if naive else None
        for kind in ("fixed", "drawn"):
            alone, effects = _truths(study, world, kind)
            for metric, truth in alone.items():
                held[f"a {kind} {metric}"].append(_holds(getattr(one[metric], kind), truth))
            for metric, truth in effects.items():
                held[f"a - b {kind} {metric}"].append(_holds(getattr(two[metric], kind), truth))
            if plain is not None:
                held[f"a - b naive {kind} uar"].append(_holds(plain, effects["uar"]))
    return {name: float(np.mean(values)) for name, values in held.items()}


def _truths(study: Study, world: World, kind: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return the true values of A and of A - B.

    F1 has a truth only where the systems are equally good: their difference is 0 then, whatever
    the expected value of F1 is.
    """
    known = study.fixed if kind == "fixed" else study.drawn
    effects = {metric: a - b for metric, (a, b) in known.items()}
    if world.gain == 0 and (kind == "drawn" or world.own_target == 0):
        effects |= {"macro_f1": 0.0, "weighted_f1": 0.0}
    return {metric: a for metric, (a, _) in known.items()}, effects


def _holds(interval: Interval | Difference, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def main(words: Sequence[str] | None = None) -> None:
    """Print the coverage of every layout in every world."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--layout", choices=list(LAYOUTS), action="append")
    parser.add_argument("--world", choices=list(WORLDS), action="append")
    parser.add_argument("--without-naive", action="store_true", help="twice as fast")
    asked = parser.parse_args(words)
    for layout in asked.layout or LAYOUTS:
        for name in asked.world or WORLDS:
            started = time.perf_counter()
            found = coverage(
                LAYOUTS[layout],
                WORLDS[name],
                studies=asked.studies,
                seeds=asked.seeds,
                naive=not asked.without_naive,
            )
            print(f"{layout}, {name} ({time.perf_counter() - started:.0f} s)")
            for kind in ("a fixed", "a drawn", "a - b fixed", "a - b drawn", "a - b naive"):
                figures = {k: v for k, v in found.items() if k.startswith(kind)}
                if not figures:
                    continue
                line = ", ".join(f"{k[len(kind) + 1 :]} {100 * v:.1f}" for k, v in figures.items())
                print(f"  {kind}: {line}", flush=True)


if __name__ == "__main__":
    main()
