"""Leakage probes: how well a fresh attacker reads a domain off frozen embeddings.

The attacker is trained on four fifths of the utterances of every speaker and asked about the rest
(:func:`utterance_split`). What each figure says, and does not, is in docs/leakage.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.evaluation.attackers import Attack, Attacker, known_rows, utterance_split
from affectrep.evaluation.comparison import Difference, paired_difference
from affectrep.evaluation.intervals import Interval, resampled_sums
from affectrep.evaluation.metrics import Statistics
from affectrep.evaluation.outcomes import outcome_statistics

__all__ = [
    "Probe",
    "compare_probes",
    "leakage",
    "mean_probe",
    "probe",
    "probe_within",
    "utterance_split",
]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Probe:
    """What an attacker reached on the rows that were held out from it.

    Args:
        statistics: per held-out row; gives ``balanced_accuracy`` in [0, 1], ``above_chance`` (the
            same minus chance) and ``information`` in nats, a lower bound on the mutual
            information of embedding and domain.
        rows: ``(held out,)`` places of these rows in what was given.
        labels: ``(held out,)`` their true names or codes.
        chance: balanced accuracy of a guess.
        left_out: rows of unknown domain, or of a name that only one of the two parts has.
        chosen: the settings that the attacker chose inside its training part.
    """

    statistics: Statistics
    rows: Array
    labels: Array
    chance: float
    left_out: int = 0
    chosen: dict[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        """The three figures, without intervals."""
        return self.statistics.values()


def probe(
    embeddings: Array,
    labels: Sequence[Any] | Array,
    held_out: Array,
    *,
    attacker: Attacker | None = None,
) -> Probe:
    """Train an attacker on the rows that are not held out and score it on those that are.

    Decisions are by posterior over prior, which is what balanced accuracy asks for; ``information``
    is H(S) - CE with the plain posterior, H(S) being the entropy of the held-out labels. It can be
    negative: then the attacker says less than the frequencies do.

    Args:
        embeddings: ``(rows, dim)`` of the frozen encoder.
        labels: ``(rows,)`` names or codes of the domain (speaker, language, corpus) or of the
            emotion; None and -1 are unknown.
        held_out: ``(rows,)`` bool, of :func:`utterance_split`.
        attacker: kind and the settings that it may choose from; None is logistic regression.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, or fewer than two names occur in
            both parts.

    Example:
        >>> speakers = np.repeat(np.arange(3), 10)
        >>> found = probe(np.eye(3)[speakers], speakers, utterance_split(speakers))
        >>> found.values["balanced_accuracy"], round(found.chance, 3)
        (1.0, 0.333)
    """
    embeddings, labels = np.asarray(embeddings), np.asarray(labels)
    held_out = np.asarray(held_out, dtype=np.bool_)
    _check(embeddings, labels, held_out)
    known = known_rows(labels)
    words = labels.astype(str)
    both = np.intersect1d(words[known & held_out], words[known & ~held_out])
    if len(both) < 2:
        raise ValueError(
            f"a probe needs two names that occur in both parts, found {len(both)} "
            f"among {len(np.unique(words[known]))}"
        )
    used = known & np.isin(words, both)
    train, test = np.flatnonzero(used & ~held_out), np.flatnonzero(used & held_out)
    codes = np.searchsorted(both, words)
    attack = (attacker or Attacker()).train(embeddings[train], codes[train], len(both))
    return Probe(
        _probe_statistics(attack, embeddings[test], codes[test]),
        test,
        labels[test],
        1 / len(both),
        int(len(words) - used.sum()),
        attack.chosen,
    )


def probe_within(
    embeddings: Array,
    labels: Sequence[Any] | Array,
    held_out: Array,
    *,
    within: Sequence[Any] | Array,
    attacker: Attacker | None = None,
) -> dict[str, Probe]:
    """Return one probe for each group, such as the speakers of each language.

    A speaker probe over all languages is partly solved by the language; this one is not. Groups
    with fewer than two names that can be asked about are left out.

    Args:
        embeddings: ``(rows, dim)``.
        labels: ``(rows,)``, as in :func:`probe`.
        held_out: ``(rows,)`` bool.
        within: ``(rows,)`` names of the groups; unknown ones are left out.
        attacker: as in :func:`probe`.

    Raises:
        ValueError: as :func:`probe`, and if no group is left.

    Example:
        >>> speakers = np.repeat(np.arange(4), 10)
        >>> language = np.where(speakers < 2, "de", "fr")
        >>> found = probe_within(np.eye(4)[speakers], speakers, utterance_split(speakers),
        ...                      within=language)
        >>> {name: one.chance for name, one in found.items()}
        {'de': 0.5, 'fr': 0.5}
    """
    embeddings, labels, groups = (np.asarray(value) for value in (embeddings, labels, within))
    held_out = np.asarray(held_out, dtype=np.bool_)
    _check(embeddings, labels, held_out)
    if groups.shape != labels.shape:
        raise ValueError(f"expected one group per row, got {groups.shape} for {labels.shape}")
    found: dict[str, Probe] = {}
    for name in sorted({str(value) for value in groups[known_rows(groups)]}):
        rows = np.flatnonzero(groups.astype(str) == name)
        words, held = labels[rows].astype(str), held_out[rows] & known_rows(labels[rows])
        if len(np.intersect1d(words[held], words[~held_out[rows]])) < 2:
            continue
        one = probe(embeddings[rows], labels[rows], held_out[rows], attacker=attacker)
        found[name] = replace(one, rows=rows[one.rows])
    if not found:
        raise ValueError("no group has two names with utterances in both parts")
    return found


def mean_probe(probes: Mapping[str, Probe]) -> Probe:
    """Return the mean of several probes, each of equal weight, as one that has intervals.

    Raises:
        ValueError: if there is none.

    Example:
        >>> speakers = np.repeat(np.arange(4), 10)
        >>> parts = probe_within(np.eye(4)[speakers], speakers, utterance_split(speakers),
        ...                      within=speakers // 2)
        >>> mean_probe(parts).values["above_chance"]
        0.5
    """
    parts = list(probes.values())
    if not parts:
        raise ValueError("a mean needs at least one probe")
    widths = [part.statistics.columns.shape[1] for part in parts]
    ends = np.cumsum(widths)
    columns = np.zeros((sum(len(part.rows) for part in parts), ends[-1]))
    row = 0
    for part, end, width in zip(parts, ends, widths, strict=True):
        columns[row : row + len(part.rows), end - width : end] = part.statistics.columns
        row += len(part.rows)

    def metrics(sums: Array) -> dict[str, Array]:
        found = [
            part.statistics.metrics(block)
            for part, block in zip(parts, np.split(sums, ends[:-1], axis=-1), strict=True)
        ]
        return {name: np.mean([one[name] for one in found], axis=0) for name in found[0]}

    return Probe(
        Statistics(columns, metrics),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.labels for part in parts]),
        float(np.mean([part.chance for part in parts])),
        sum(part.left_out for part in parts),
        {name: part.chosen for name, part in probes.items()},
    )


def leakage(found: Probe, *, resamples: int = 2000, seed: int = 0) -> dict[str, Interval]:
    """Return the three figures with 95 % intervals over the held-out rows.

    The attacker stays as it is; only the rows that it is asked about are drawn. So the interval
    does not cover another split or another encoder. It is symmetric and may leave [0, 1].

    Args:
        found: of one probe, or of :func:`mean_probe`.
        resamples: how many times the rows are drawn.
        seed: of the draws.

    Example:
        >>> speakers = np.repeat(np.arange(3), 10)
        >>> found = probe(np.eye(3)[speakers], speakers, utterance_split(speakers))
        >>> round(leakage(found)["above_chance"].value, 3)
        0.667
    """
    from scipy.stats import norm

    drawn: dict[str, list[Array]] = {name: [] for name in found.values}
    for sums in resampled_sums(found.statistics.columns, resamples, seed):
        for name, values in found.statistics.metrics(sums).items():
            drawn[name].append(values)
    edge = float(norm.ppf(0.975))
    half = {name: edge * float(np.concatenate(parts).std()) for name, parts in drawn.items()}
    # plus and minus: a percentile interval of balanced accuracy lies too high with few rows a class
    return {
        name: Interval(value, value - half[name], value + half[name])
        for name, value in found.values.items()
    }


def compare_probes(
    side_a: Sequence[Probe], side_b: Sequence[Probe], *, resamples: int = 10_000
) -> dict[str, Difference]:
    """Compare two encoders by probes on the same held-out rows; the i-th of both share a seed.

    A negative effect of ``above_chance`` or ``information`` says that side A leaks less.

    Args:
        side_a: one probe per seed.
        side_b: as many.
        resamples: of the rows.

    Raises:
        ValueError: if the probes were not asked about the same rows and names.

    Example:
        >>> speakers = np.repeat(np.arange(3), 20)
        >>> held = utterance_split(speakers)
        >>> noise = np.random.default_rng(0).normal(size=(60, 3))
        >>> pair = [probe(x, speakers, held) for x in (noise, np.eye(3)[speakers])]
        >>> compare_probes(pair[:1], pair[1:])["above_chance"].effect < 0
        True
    """
    runs = [*side_a, *side_b]
    for first, other in pairwise(runs):
        if not (
            np.array_equal(first.rows, other.rows) and np.array_equal(first.labels, other.labels)
        ):
            raise ValueError(
                "the probes were asked about different rows or names: split once, with one seed, "
                "and give every encoder the same rows"
            )
    return paired_difference(
        [one.statistics for one in side_a],
        [one.statistics for one in side_b],
        resamples=resamples,
    )


def _probe_statistics(attack: Attack, embeddings: Array, codes: Array) -> Statistics:
    log_posterior = attack.posterior(embeddings)
    hit = attack.decide(log_posterior) == codes
    loss = -log_posterior[np.arange(len(codes)), codes]
    return outcome_statistics(codes, hit, loss)


def _check(embeddings: Array, labels: Array, held_out: Array) -> None:
    if embeddings.ndim != 2 or not labels.shape == held_out.shape == embeddings.shape[:1]:
        raise ValueError(
            f"expected embeddings (rows, dim), labels (rows,) and held_out (rows,), got "
            f"{embeddings.shape}, {labels.shape} and {held_out.shape}"
        )
    if not np.isfinite(embeddings).all():
        raise ValueError("expected finite embeddings, found NaN or infinity")
