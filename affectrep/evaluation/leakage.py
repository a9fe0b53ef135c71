"""Leakage of one encoder: identity, language and emotion probes, and verification on the unseen.

The probes know the rows that the encoder knew; verification asks about speakers that it never saw.
What each figure says, and does not, is in docs/leakage.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.attackers import Attacker, utterance_split
from affectrep.evaluation.identities import EQUAL_ERROR_RATES, identity_column, in_words
from affectrep.evaluation.intervals import Interval
from affectrep.evaluation.leakage_answers import (
    ANSWERS,
    answers_of,
    probes_of,
    read_answers,
    write_answers,
)
from affectrep.evaluation.probes import (
    Probe,
    compare_probes,
    leakage,
    mean_probe,
    probe,
    probe_within,
)
from affectrep.evaluation.quadrants import quadrants
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.verification import Verification, compare_verification, verify_speakers

__all__ = ["ATTACKERS", "Leakage", "compare_leakage", "leakage_path", "measure_leakage"]

Array = NDArray[Any]
Part = tuple[Array, pd.DataFrame]  # embeddings (rows, dim) and what is known of the rows
# one width and one decay: a fresh encoder's probes stay below 20 s for 2,000 rows of 128 values
ATTACKERS = {"linear": Attacker(), "mlp": Attacker("mlp", units=(64,), decays=(1.0,))}
EER = EQUAL_ERROR_RATES["speaker"]
_PROBED, _VERIFIED = 8000, 1500  # rows at most; of more, each speaker gives equally many
# figure -> (what is asked, by which attacker); the speaker inside each language
_OF_SPEECH = {
    "speaker_linear": ("speaker", "linear"),
    "speaker_mlp": ("speaker", "mlp"),
    "language_linear": ("language", "linear"),
    "language_mlp": ("language", "mlp"),
    "emotion_probe": ("label", "linear"),
}
# faces have no language; where they have valence and arousal, the emotion is their quadrant
_OF_FACES = {
    "subject_linear": ("subject", "linear"),
    "subject_mlp": ("subject", "mlp"),
    "emotion_probe": ("label", "linear"),
    "quadrant_probe": ("quadrant", "linear"),
}
_PROBES = {"speaker": _OF_SPEECH, "subject": _OF_FACES}
_NAMES = tuple(dict.fromkeys([*_OF_SPEECH, *_OF_FACES]))


@dataclass(frozen=True, eq=False)
class Leakage:
    """What attackers read off the embeddings of one encoder.

    Args:
        answers: of the probes, see :mod:`affectrep.evaluation.leakage_answers`.
        verification: on speakers that the encoder never saw; None where it was not possible.
        about: rows, chance and settings of the probes, and what was left out.
    """

    answers: pd.DataFrame
    verification: Verification | None
    about: dict[str, Any]

    @cached_property
    def probes(self) -> dict[str, Probe]:
        """The probes by name."""
        return probes_of(self.answers) if len(self.answers) else {}

    @property
    def rate_name(self) -> str:
        """The name of the equal error rate, which says whether speakers or subjects are meant."""
        return EQUAL_ERROR_RATES[str(self.about.get("identity", "speaker"))]

    def figures(self) -> dict[str, dict[str, Any]]:
        """Return ``name -> value, low, high, n``: shares above chance, nats, and the error rate."""
        found: dict[str, dict[str, Any]] = {}
        for name, one in self.probes.items():
            intervals, rows = leakage(one), len(one.rows)
            found[name] = {**asdict(intervals["above_chance"]), "n": rows}
            found[f"{name}_nats"] = {**asdict(intervals["information"]), "n": rows}
        if self.verification is not None:
            rows = self.about["verification"]["rows"]
            found[self.rate_name] = {**asdict(self.verification.rate), "n": rows}
        return found

    def save(self, path: Path, **attrs: Any) -> None:
        """Write one Parquet file; ``attrs`` are kept beside it (model, split)."""
        trials = self.verification
        stored = None if trials is None else {**asdict(trials), "drawn": trials.drawn.tolist()}
        write_answers(path, self.answers, {**attrs, "about": self.about, "verification": stored})

    @classmethod
    def load(cls, path: Path) -> Leakage:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: if it was not written yet.
            ValueError: if the file is something else.
        """
        table = read_answers(path)
        known, trials = table.attrs["verification"], None
        if known is not None:
            rate, drawn = Interval(**known["rate"]), np.array(known["drawn"])
            trials = Verification(**{**known, "rate": rate, "drawn": drawn})
        return cls(table, trials, table.attrs["about"])


def leakage_path(run: StoredRun, split: str) -> Path:
    """Where the answers behind a split's leakage figures lie."""
    return run.table_path(split).with_name(f"{split}.leakage.parquet")


def measure_leakage(known: Part, unseen: Part, *, seed: int = 0) -> Leakage:
    """Attack the embeddings of an encoder.

    A figure that the rows cannot give (one language only, no speaker names) is left out, and
    ``about["left_out"]`` says why.

    Args:
        known: embeddings ``(rows, dim)`` and a table with ``id`` and, where they are known,
            ``speaker``, ``language`` and ``label``: the training and validation rows. Of faces
            ``subject``, and ``label`` or else ``valence`` and ``arousal``, whose quadrant is asked.
        unseen: the same of the rows whose speakers are verified; a speaker who also occurs in
            ``known`` as one of the training rows (``split`` is ``train``) is left out.
        seed: of the held-out utterances and all draws.

    Raises:
        ValueError: if the known rows name no speaker and no subject, none of them has two rows, or
            a value is not finite.

    Example:
        >>> who = np.repeat(np.arange(4), 10)
        >>> rows = pd.DataFrame({"id": [f"r{i}" for i in range(40)], "split": "train"})
        >>> rows["speaker"] = [f"s{i}" for i in who]
        >>> others = rows.assign(speaker=[f"t{i}" for i in who])
        >>> found = measure_leakage((np.eye(4)[who], rows), (np.eye(4)[who], others))
        >>> {name: round(one["value"], 2) for name, one in found.figures().items()}
        {'speaker_linear': 0.75, 'speaker_linear_nats': 1.38, 'speaker_mlp': 0.75,
         'speaker_mlp_nats': 1.38, 'eer_unseen': 0.0}
        >>> found.about["left_out"]["language_mlp"]
        'the rows name no language'
    """
    values, rows = known
    identity = identity_column(rows)
    if identity is None:
        raise ValueError(
            "leakage is measured by speaker or subject, but the training rows name none"
        )
    chosen = _evenly(rows[identity], _PROBED, seed)
    values, rows = values[chosen], rows.iloc[chosen].reset_index(drop=True)
    if not (np.isfinite(values).all() and np.isfinite(unseen[0]).all()):
        raise ValueError("expected finite embeddings, found NaN or infinity")
    try:
        held = utterance_split(rows[identity].to_numpy(dtype=object), seed=seed)
    except ValueError as error:
        raise ValueError(in_words(str(error), identity)) from None
    found, left_out = _probed((values, rows), held, identity)
    verification: Verification | None = None
    verified: dict[str, Any] = {}
    try:
        seen = set(rows[identity][rows["split"] == "train"])
        verification, verified = _verified(unseen, seen, identity)
    except ValueError as error:
        left_out[EQUAL_ERROR_RATES[identity]] = in_words(str(error), identity)
    tables = [answers_of(name, parts, list(rows["id"])) for name, parts in found.items()]
    about = {
        **({} if identity == "speaker" else {"identity": identity}),
        "rows": len(rows),
        "asked": int(held.sum()),
        "seed": seed,
        "probes": {name: _about(parts) for name, parts in found.items()},
        "verification": verified,
        "left_out": left_out,
    }
    answers = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*ANSWERS])
    return Leakage(answers, verification, about)


def compare_leakage(side_a: Sequence[Leakage], side_b: Sequence[Leakage]) -> dict[str, Interval]:
    """Return each figure of encoder A minus that of B with a 95 % interval, on the same rows.

    Of the probes a negative difference says that A leaks less, of the error rate a positive one.
    The i-th of both sides share a seed. The interval of the error rate covers other speakers, not
    other seeds; those of the probes cover other rows and, where there are several, seeds.

    Args:
        side_a: one per seed.
        side_b: as many.

    Raises:
        ValueError: if there is no pair, or the two were not asked about the same rows.

    Example:
        >>> who = np.repeat(np.arange(4), 10)
        >>> rows = pd.DataFrame({"id": [f"r{i}" for i in range(40)], "split": "train"})
        >>> rows["speaker"] = [f"s{i}" for i in who]
        >>> noise = np.random.default_rng(0).normal(size=(40, 4))
        >>> sides = [measure_leakage((x, rows), (x, rows)) for x in (noise, np.eye(4)[who])]
        >>> compare_leakage(sides[:1], sides[1:])["speaker_linear"].high < 0
        True
    """
    runs = [*side_a, *side_b]
    if not side_a or len(side_a) != len(side_b):
        raise ValueError(f"expected as many runs on both sides, got {len(side_a)}, {len(side_b)}")
    found: dict[str, Interval] = {}
    for name in _NAMES:
        if not all(name in run.probes for run in runs):
            continue
        if any(_ids(run, name) != _ids(runs[0], name) for run in runs):
            raise ValueError(f"{name} was asked about different rows: the data are not the same")
        sides = ([run.probes[name] for run in side] for side in (side_a, side_b))
        differences = compare_probes(*sides, resamples=2000)
        for metric, suffix in (("above_chance", ""), ("information", "_nats")):
            one = differences[metric]
            found[f"{name}{suffix}"] = Interval(one.effect, one.low, one.high)
    means = [_mean([run.verification for run in side]) for side in (side_a, side_b)]
    if means[0] is not None and means[1] is not None:
        if len({run.rate_name for run in runs}) > 1:
            raise ValueError("one was verified on speakers, the other on subjects")
        found[runs[0].rate_name] = compare_verification(means[0], means[1])
    return found


def _probed(
    known: Part, held: Array, identity: str
) -> tuple[dict[str, dict[str, Probe]], dict[str, str]]:
    """Return the probes of rows that name speakers or subjects, and why others were left out."""
    values, rows = known
    asked = dict(_PROBES[identity])
    if identity == "subject" and "label" not in rows and {"valence", "arousal"} <= set(rows):
        rows = rows.assign(quadrant=_quadrants(rows))
        del asked["emotion_probe"]
    elif identity == "subject":
        del asked["quadrant_probe"]
    found: dict[str, dict[str, Probe]] = {}
    left_out: dict[str, str] = {}
    for name, (column, attacker) in asked.items():
        try:
            found[name] = _parts((values, rows), held, column, attacker)
        except ValueError as error:
            left_out[name] = in_words(str(error), identity)
    return found, left_out


def _quadrants(rows: pd.DataFrame) -> list[str | None]:
    values = rows[["valence", "arousal"]].to_numpy(np.float64)
    known = np.isfinite(values).all(axis=1)
    words = iter(quadrants(values[known]))
    return [next(words) if one else None for one in known]


def _parts(known: Part, held: Array, column: str, attacker: str) -> dict[str, Probe]:
    """Return the probes of a column by group: inside each language for the speaker, else one."""
    values, rows = known
    if column not in rows:
        raise ValueError(f"the rows name no {'single emotion' if column == 'label' else column}")
    labels, attack = rows[column].to_numpy(dtype=object), ATTACKERS[attacker]
    if column != "speaker" or "language" not in rows:
        return {"": probe(values, labels, held, attacker=attack)}
    within = rows["language"].to_numpy(dtype=object)
    return probe_within(values, labels, held, within=within, attacker=attack)


def _verified(unseen: Part, seen: set[str], identity: str) -> tuple[Verification, dict[str, Any]]:
    values, rows = unseen
    if identity not in rows:
        raise ValueError("the split names no speaker")
    new = ~rows[identity].isin(seen).to_numpy()
    if not new.any():
        raise ValueError("all speakers of the split were seen in training")
    values, rows = values[new], rows[new]
    limit = max(2, _VERIFIED // max(1, rows[identity].nunique()))
    found = verify_speakers(
        values,
        rows[identity].to_numpy(dtype=object),
        within=rows["language"].to_numpy(dtype=object) if "language" in rows else None,
        per_speaker=limit,
    )
    counts = {"rows": int(np.minimum(rows[identity].value_counts(), limit).sum())}
    counts[in_words("speakers", identity)] = len(found.speakers)
    counts["seen_left_out"] = int((~new).sum())
    return found, {**counts, "genuine": found.genuine, "impostor": found.impostor}


def _evenly(speakers: pd.Series, most: int, seed: int) -> Array:
    """Return places of at most ``most`` rows: all, or equally many of each speaker by the seed."""
    if len(speakers) <= most:
        return np.arange(len(speakers))
    order = np.random.default_rng(seed).permutation(len(speakers))
    limit = max(2, most // speakers.nunique())
    rank = speakers.iloc[order].groupby(speakers.iloc[order], dropna=False).cumcount()
    return np.sort(order[(rank < limit).to_numpy()])


def _about(parts: dict[str, Probe]) -> dict[str, Any]:
    """Return chance, the most that a share above it can be, how many were asked, and settings."""
    whole = mean_probe(parts)
    return {
        "chance": whole.chance,
        "rows": len(whole.rows),
        "groups": [name for name in parts if name],
        "names": sum(len(np.unique(part.labels.astype(str))) for part in parts.values()),
        "left_out": whole.left_out,
        "chosen": {name or "all": part.chosen for name, part in parts.items()},
    }


def _ids(run: Leakage, name: str) -> list[str]:
    mine = run.answers[run.answers["probe"] == name]
    return sorted(mine["id"])


def _mean(runs: Sequence[Verification | None]) -> Verification | None:
    """Return the mean over seeds, draw by draw."""
    there = [run for run in runs if run is not None]
    if len(there) < len(runs):
        return None
    first = there[0]
    if any(run.speakers != first.speakers for run in there):
        raise ValueError("the seeds were not verified on the same speakers")
    rate = float(np.mean([run.rate.value for run in there]))
    drawn = np.mean([run.drawn for run in there], axis=0)
    return replace(first, rate=Interval(rate, first.rate.low, first.rate.high), drawn=drawn)
