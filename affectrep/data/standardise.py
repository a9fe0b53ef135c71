"""Standardise features by training rows, or by the unlabelled rows of a corpus or a speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONDITIONS",
    "MAPPINGS",
    "GroupStatistics",
    "Ranks",
    "Statistics",
    "fit_statistics",
    "group_statistics",
    "standardise",
]

Features = NDArray[np.float32]

_NORMAL = NormalDist()
CONDITIONS = ("strict", "transductive_corpus", "transductive_speaker")
MAPPINGS = ("moments", "quantile", "shrunk")
PRIOR_CLIPS = 20.0  # shrunk: a speaker with as many clips is moved half of the way


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each feature or bin, each ``(dim,)`` float32.

    The population standard deviation (1/N) is meant; a feature that never varies has 1, so that it
    becomes 0 and not a division by zero.
    """

    mean: Features
    sd: Features

    def apply(self, features: Features) -> Features:
        """Return ``(dim,)`` or ``(frames, dim)`` features standardised.

        Raises:
            ValueError: if the last dimension is another one.
        """
        if features.ndim not in (1, 2) or features.shape[-1] != len(self.mean):
            raise ValueError(
                f"expected features ({len(self.mean)},) or (frames, {len(self.mean)}), "
                f"got {features.shape}"
            )
        return np.asarray((features - self.mean) / self.sd, dtype=np.float32)


@dataclass(frozen=True)
class Ranks(Statistics):
    """Statistics with the group's values, to map features to a normal distribution by their rank.

    Args:
        values: ``(rows, dim)``, each column sorted.

    Example:
        >>> ranks = Ranks(np.array([4.0]), np.array([3.6]), np.array([[1.0], [2.0], [9.0]]))
        >>> [round(float(ranks.apply(np.array([value]))[0]), 2) for value in (1.0, 2.0, 99.0)]
        [-0.97, 0.0, 0.97]
    """

    values: Features

    def apply(self, features: Features) -> Features:
        """Return the normal quantiles ``(dim,)`` of the features' mean ranks in the group.

        A value beyond those of the group gets the quantile of its smallest or largest.

        Raises:
            ValueError: if the features are no vector of this width.
        """
        count, dim = self.values.shape
        if features.shape != (dim,):
            raise ValueError(f"expected features ({dim},) to rank, got {features.shape}")
        ranks = ((self.values < features).sum(axis=0) + (self.values <= features).sum(axis=0)) / 2
        shares = np.clip(ranks / count, 0.5 / count, 1 - 0.5 / count)
        return np.array([_NORMAL.inv_cdf(float(share)) for share in shares], dtype=np.float32)


@dataclass(frozen=True)
class GroupStatistics:
    """Statistics of every corpus, and of every speaker where these are wanted.

    Args:
        condition: transductive_corpus or transductive_speaker.
        corpora: corpus -> statistics.
        speakers: speaker -> statistics; empty for transductive_corpus.
        fallbacks: speakers with too few clips; they get the statistics of their corpus.
    """

    condition: str
    corpora: Mapping[str, Statistics]
    speakers: Mapping[str, Statistics]
    fallbacks: tuple[str, ...] = ()

    def of(self, corpus: str, speaker: str | None) -> Statistics:
        """Return the statistics for a clip.

        Raises:
            ValueError: if nothing is known of its corpus.
        """
        if speaker is not None and speaker in self.speakers:
            return self.speakers[speaker]
        if corpus not in self.corpora:
            known = ", ".join(self.corpora)
            raise ValueError(f"there are no statistics of corpus {corpus!r}; known are {known}")
        return self.corpora[corpus]


def fit_statistics(features: Sequence[Features]) -> Statistics:
    """Return mean and standard deviation over rows, or over the frames of all rows.

    The condition "strict" is this over the training rows; the result belongs to the model and is
    stored with it.

    Args:
        features: each ``(dim,)``, or each ``(frames, dim)``: then every frame counts once.

    Raises:
        ValueError: if there are no rows, or their shapes differ in more than frames.

    Example:
        >>> found = fit_statistics([np.array([1.0, 5.0]), np.array([3.0, 5.0])])
        >>> found.mean.tolist(), found.sd.tolist()
        ([2.0, 5.0], [1.0, 1.0])
    """
    if not len(features):
        raise ValueError("expected at least one row to fit statistics")
    shapes = {(row.ndim, row.shape[-1] if row.ndim else 0) for row in features}
    if len(shapes) > 1 or next(iter(shapes))[0] not in (1, 2):
        raise ValueError(
            f"expected rows (dim,) or (frames, dim) of one dim, got {features[0].shape} and others"
        )
    frames = [np.atleast_2d(row).astype(np.float64) for row in features]
    count = sum(len(row) for row in frames)
    mean = sum((row.sum(axis=0) for row in frames), np.zeros(1)) / count
    # two passes: a sum of squares would lose a small spread beside a large mean
    squares = sum((((row - mean) ** 2).sum(axis=0) for row in frames), np.zeros(1))
    sd = np.sqrt(squares / count)
    constant = sd <= 1e-7 * np.maximum(np.abs(mean), 1.0)
    return Statistics(mean.astype(np.float32), np.where(constant, 1.0, sd).astype(np.float32))


def group_statistics(
    features: Sequence[Features],
    corpora: Sequence[str],
    speakers: Sequence[str | None] | None = None,
    *,
    clips: Sequence[str] | None = None,
    min_clips: int = 2,
    mapping: str = "moments",
) -> GroupStatistics:
    """Return statistics of unlabelled rows of any split: the transductive conditions.

    They see features of the target, never its labels; a result under them is never mixed with a
    strict one. Speakers that mostly have one emotion lose it by standardising per speaker.

    Args:
        features: each ``(dim,)``, or each ``(frames, dim)``.
        corpora: corpus of each row.
        speakers: speaker of each row, None where unknown; None standardises per corpus.
        clips: id of each row's clip, where rows are segments of clips; None: each is a clip.
        min_clips: a speaker with fewer falls back to the corpus, and is counted.
        mapping: moments (mean and standard deviation); quantile (`Ranks`, per corpus only); shrunk
            (per speaker: the standard deviation of the corpus, and a mean that is moved from that
            of the corpus to that of the speaker's n clips by n / (n + 20)).

    Raises:
        ValueError: if the columns differ in length, there are no rows, or the mapping does not
            belong to the condition.

    Example:
        >>> rows = [np.array([1.0]), np.array([3.0]), np.array([9.0])]
        >>> found = group_statistics(rows, ["x", "x", "x"], ["x/ann", "x/ann", "x/bo"])
        >>> found.condition, found.fallbacks, float(found.of("x", "x/ann").mean[0])
        ('transductive_speaker', ('x/bo',), 2.0)
    """
    names = range(len(features)) if clips is None else clips
    columns = (corpora, corpora if speakers is None else speakers, names)
    if {len(column) for column in columns} != {len(features)}:
        raise ValueError(f"expected one corpus, speaker and clip for each of {len(features)} rows")
    known = [name if isinstance(name, str) else None for name in speakers or []]
    by_speaker = _members(known)
    counts = {name: len({names[row] for row in rows}) for name, rows in by_speaker.items()}
    few = sorted(name for name, count in counts.items() if count < min_clips)
    wanted = {"quantile": True, "shrunk": False}.get(mapping, speakers is None)
    if mapping not in MAPPINGS or wanted != (speakers is None):
        raise ValueError(
            f"the mapping {mapping!r} does not fit: there is moments, quantile (per corpus only) "
            "and shrunk (per speaker only)"
        )
    if mapping == "quantile":
        ranks: dict[str, Statistics] = {}
        for name, rows in _members(corpora).items():
            values = np.sort(np.stack([features[row] for row in rows]), axis=0)
            known_of = fit_statistics([features[row] for row in rows])
            ranks[name] = Ranks(known_of.mean, known_of.sd, values)
        return GroupStatistics(CONDITIONS[1], ranks, {})
    if mapping == "shrunk":
        return _shrunk_speakers(features, corpora, by_speaker, counts)
    return GroupStatistics(
        CONDITIONS[1] if speakers is None else CONDITIONS[2],
        _fit_groups(features, _members(corpora)),
        _fit_groups(features, {name: by_speaker[name] for name in by_speaker if name not in few}),
        tuple(few),
    )


def standardise(
    features: Sequence[Features],
    corpora: Sequence[str],
    speakers: Sequence[str | None] | None,
    statistics: Statistics | GroupStatistics,
) -> list[Features]:
    """Return every row standardised by the statistics of the training rows, or of its group.

    Raises:
        ValueError: if nothing is known of a row's corpus, or its shape is another one.

    Example:
        >>> rows = [np.array([1.0]), np.array([3.0])]
        >>> [row.tolist() for row in standardise(rows, ["x", "x"], None, fit_statistics(rows))]
        [[-1.0], [1.0]]
    """
    if isinstance(statistics, Statistics):
        return [statistics.apply(row) for row in features]
    names = [None] * len(features) if speakers is None else speakers
    return [
        statistics.of(corpus, name).apply(row)
        for row, corpus, name in zip(features, corpora, names, strict=True)
    ]


def _shrunk_speakers(
    features: Sequence[Features],
    corpora: Sequence[str],
    by_speaker: Mapping[str, list[int]],
    clips: Mapping[str, int],
) -> GroupStatistics:
    of_corpora = _fit_groups(features, _members(corpora))
    found = {}
    for name, rows in by_speaker.items():
        corpus = of_corpora[corpora[rows[0]]]
        mean = np.mean([features[row] for row in rows], axis=0, dtype=np.float64)
        share = clips[name] / (clips[name] + PRIOR_CLIPS)
        moved = corpus.mean + share * (mean - corpus.mean)
        found[name] = Statistics(moved.astype(np.float32), corpus.sd)
    return GroupStatistics(CONDITIONS[2], of_corpora, found)


def _members(names: Sequence[str | None]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is not None:
            found.setdefault(name, []).append(row)
    return found


def _fit_groups(
    features: Sequence[Features], groups: Mapping[str, list[int]]
) -> dict[str, Statistics]:
    found: dict[str, Any] = {}
    for name, rows in groups.items():
        found[name] = fit_statistics([features[row] for row in rows])
    return found
