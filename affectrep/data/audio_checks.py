"""The pre-flight check of sound: every problem at once, with the rows at fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from affectrep.data.audio_facts import audio_facts
from affectrep.data.clip_overlap import find_overlaps
from affectrep.data.leaks import leak_problems
from affectrep.data.problems import Problem, file_names, row_names
from affectrep.data.speaker_checks import check_speakers, text_column

__all__ = ["AudioLimits", "check_audio", "check_clips", "correlation_ratio", "short_or_silent"]


@dataclass(frozen=True)
class AudioLimits:
    """Beyond which a clip is named.

    Args:
        silent_dbfs: RMS level at or below which a clip is silent, dBFS (RAVDESS, a very quiet
            corpus, goes down to -64).
        clipped_share: share of samples at full scale above which a clip is clipped.
        clipped_run_ms: or a run of at least 4 equal samples at the clip's own largest or smallest
            value, ms, in a clip that reaches a quarter of full scale.
        min_seconds: shorter clips are too short, s.
        lowest_rate_hz: plausible rates start here, Hz (telephone speech has 8000).
        highest_rate_hz: and end here, Hz.
        overlap: correlation of a stretch that two clips of one speaker share; None skips the
            search, which takes about 1 ms per pair.
    """

    silent_dbfs: float = -70.0
    clipped_share: float = 1e-4
    clipped_run_ms: float = 0.25
    min_seconds: float = 0.1
    lowest_rate_hz: int = 8000
    highest_rate_hz: int = 192_000
    overlap: float | None = 0.7


def check_audio(
    rows: pd.DataFrame,
    *,
    cache_folder: Path | str | None = None,
    limits: AudioLimits | None = None,
    accept_leaks: str | None = None,
    shown: bool = True,
) -> list[Problem]:
    """Return every problem of speech rows and their files, errors first.

    Args:
        rows: of a speech manifest: ``id``, ``split``, ``path``, ``label``; where known
            ``speaker``, ``language``, ``corpus``, ``text_id``, ``duration_s`` and
            ``sample_rate_hz`` (what a table states of the file), or ``stated_s`` where
            ``duration_s`` was measured.
        cache_folder: keeps what was measured, by path, size and time of change; None does not.
        limits: beyond which a clip is named.
        accept_leaks: why rows that occur in two splits are accepted; a leak is then a note.
        shown: True shows progress bars on a terminal.

    Raises:
        ImportError: if soundfile or torchaudio is not installed.
    """
    limits = limits or AudioLimits()
    rows = rows.reset_index(drop=True)
    facts = audio_facts(rows["path"].astype(str).tolist(), cache_folder=cache_folder, shown=shown)
    problems = [
        *check_clips(rows, facts, limits),
        *check_speakers(rows, accept_leaks=accept_leaks),
        *_check_copies(rows, facts, accept_leaks),
        *_check_loudness(rows, facts),
    ]
    if limits.overlap is not None:
        problems += _check_overlaps(rows, facts, limits, cache_folder=cache_folder, shown=shown)
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(problems, key=lambda problem: order[problem.severity])


def check_clips(rows: pd.DataFrame, facts: pd.DataFrame, limits: AudioLimits) -> list[Problem]:
    """Return the problems of single files.

    Args:
        rows: of a speech manifest, numbered from 0.
        facts: of `audio_facts`, a line for each row.
        limits: beyond which a clip is named.
    """
    read = facts["error"] == ""
    sound = read & (facts["seconds"] > 0)
    rates = facts["rate_hz"]
    odd = sound & _odd_rates(facts, limits)
    short, silent = short_or_silent(facts, limits)
    run = facts["rail_run_ms"]
    # the crest of a slow tone is flat for one or two samples of a low rate
    flat = (run >= limits.clipped_run_ms) & (run * rates > 3500) & (facts["peak"] >= 0.25)
    clipped = sound & ~silent & ((facts["rail_share"] > limits.clipped_share) | flat)
    messages = {
        "empty_clip": "clips have no samples: remove them",
        "short_clip": f"clips are shorter than {limits.min_seconds:g} s: remove them",
        "silent_clip": f"clips are silent, {limits.silent_dbfs:g} dBFS or less: remove them",
        "implausible_rate": f"headers state a rate of {_listed(rates[odd])} Hz: correct the files",
        "clipped_clip": f"clips are clipped{_by_corpus(rows, clipped)}: over "
        f"{limits.clipped_share:.2%} of the samples at full scale, or flat at their extreme for "
        f"{limits.clipped_run_ms:g} ms",
    }
    masks = dict(zip(messages, (read & ~sound, short, silent, odd, clipped), strict=True))
    broken = zip(row_names(rows, ~read), facts["error"][~read], strict=True)
    return [
        *(Problem("unreadable_clip", reason, (name,)) for name, reason in broken),
        *(
            Problem(kind, messages[kind], file_names(rows, mask), _severity(kind))
            for kind, mask in masks.items()
            if mask.any()
        ),
        *_check_stated(rows, facts, sound),
    ]


def short_or_silent(facts: pd.DataFrame, limits: AudioLimits) -> tuple[pd.Series, pd.Series]:
    """Return two booleans per clip: too short to hold speech, and longer but silent.

    A file that cannot be read or holds no samples is neither.

    Args:
        facts: of `audio_facts`.
        limits: beyond which a clip is either.

    Example:
        >>> facts = pd.DataFrame({"error": "", "seconds": [0.01, 1.0], "rms_dbfs": [-20.0, -99.0]})
        >>> [found.tolist() for found in short_or_silent(facts, AudioLimits())]
        [[True, False], [False, True]]
    """
    sound = (facts["error"] == "") & (facts["seconds"] > 0)
    short = sound & (facts["seconds"] < limits.min_seconds)
    return short, sound & ~short & (facts["rms_dbfs"] <= limits.silent_dbfs)


def correlation_ratio(values: Iterable[float], groups: Iterable[object]) -> float:
    """Return the share of the variance that groups explain, eta squared, in [0, 1].

    Example:
        >>> round(correlation_ratio([1, 2, 3, 4], ["a", "a", "b", "b"]), 2)
        0.8
    """
    table = pd.DataFrame({"value": list(values), "group": list(groups)}).dropna()
    total = float(((table["value"] - table["value"].mean()) ** 2).sum())
    means = table.groupby("group")["value"].transform("mean")
    between = float(((means - table["value"].mean()) ** 2).sum())
    return between / total if total > 0 else 0.0


def _odd_rates(facts: pd.DataFrame, limits: AudioLimits) -> pd.Series:
    return ~facts["rate_hz"].between(limits.lowest_rate_hz, limits.highest_rate_hz)


def _severity(kind: str) -> Literal["error", "warning"]:
    return "warning" if kind == "clipped_clip" else "error"


def _check_stated(rows: pd.DataFrame, facts: pd.DataFrame, sound: pd.Series) -> list[Problem]:
    """Compare the headers with what the table says of rate and duration."""
    problems = []
    if "sample_rate_hz" in rows:
        stated = pd.to_numeric(rows["sample_rate_hz"], errors="coerce")
        wrong = sound & stated.notna() & (stated != facts["rate_hz"])
        if wrong.any():
            message = (
                f"headers state {_listed(facts['rate_hz'][wrong])} Hz where the table states "
                f"{_listed(stated[wrong].astype(int))} Hz: correct one of them"
            )
            problems.append(Problem("wrong_rate", message, file_names(rows, wrong)))
    column = "stated_s" if "stated_s" in rows else "duration_s"
    if column in rows:
        stated = pd.to_numeric(rows[column], errors="coerce")
        apart = (stated - facts["seconds"]).abs() > 0.05 + 0.05 * facts["seconds"]
        wrong = sound & stated.notna() & apart
        if wrong.any():
            ratio = float((stated[wrong] / facts["seconds"][wrong]).median())
            message = (
                f"clips last otherwise than the table states (stated / decoded {ratio:.2f} in the "
                "median): a wrong rate in the header, or a file that was cut"
            )
            problems.append(Problem("wrong_duration", message, file_names(rows, wrong), "warning"))
    return problems


def _check_copies(
    rows: pd.DataFrame, facts: pd.DataFrame, accept_leaks: str | None
) -> list[Problem]:
    contents = facts["content"].fillna("")
    problems = leak_problems(rows, contents, "audio", accept_leaks)
    repeated = (contents != "") & contents.duplicated(keep=False)
    if not repeated.any():
        return problems
    groups = rows.assign(content=contents)[repeated].groupby("content")
    labels = groups["label"].nunique() if "label" in rows else pd.Series(dtype=int)
    message = (
        f"clips are copies of one another ({groups.ngroups} sounds), "
        f"{int((labels > 1).sum())} of them under two labels: keep one of each"
    )
    return [*problems, Problem("copied_clip", message, file_names(rows, repeated), "warning")]


def _check_loudness(rows: pd.DataFrame, facts: pd.DataFrame) -> list[Problem]:
    if "label" not in rows:
        return []
    sound = facts["seconds"] > 0
    corpora = text_column(rows, "corpus")
    parts = []
    for corpus in sorted(set(corpora[sound])):
        chosen = sound & (corpora == corpus)
        share = correlation_ratio(facts["rms_dbfs"][chosen], rows["label"][chosen])
        levels = facts["rms_dbfs"][chosen].groupby(rows["label"][chosen]).mean()
        spread = float(levels.max() - levels.min()) if len(levels) else 0.0
        parts.append(f"{corpus or 'all clips'} {share:.2f} ({spread:.0f} dB)")
    if not parts or rows["label"].nunique() < 2:
        return []
    message = (
        "share of the variance of RMS level that the label explains (and the widest gap between "
        f"the mean levels of two labels): {', '.join(parts)}; normalise the level where it is high"
    )
    return [Problem("loudness", message, severity="note")]


def _check_overlaps(
    rows: pd.DataFrame,
    facts: pd.DataFrame,
    limits: AudioLimits,
    *,
    cache_folder: Path | str | None,
    shown: bool,
) -> list[Problem]:
    assert limits.overlap is not None
    # a clip of an odd rate is an error already, and its filter may take gigabytes
    good = (facts["seconds"] >= 0.5) & ~_odd_rates(facts, limits)
    names = dict(zip(rows["path"].astype(str), rows["id"].astype(str), strict=True))
    pairs = find_overlaps(
        rows["path"][good].astype(str).tolist(),
        text_column(rows, "speaker")[good].tolist(),
        threshold=limits.overlap,
        cache_folder=cache_folder,
        shown=shown,
    )
    copies = facts["content"][good].groupby(rows["path"][good].astype(str)).first()
    pairs = [pair for pair in pairs if copies[pair.first] != copies[pair.second]]
    if not pairs:
        return []
    chosen = rows["path"].isin({path for pair in pairs for path in (pair.first, pair.second)})
    message = (
        f"{len(pairs)} pairs of clips of one speaker share a stretch of sound"
        f"{_by_corpus(rows, chosen, 'clips')}: keep a pair in one split"
    )
    words = tuple(
        f"{names[pair.first]} + {names[pair.second]} ({pair.seconds:.1f} s)" for pair in pairs
    )
    return [Problem("overlapping_clips", message, words, "warning")]


def _listed(values: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(set(values.tolist()))[:4])


def _by_corpus(rows: pd.DataFrame, mask: pd.Series, noun: str = "") -> str:
    counts = text_column(rows, "corpus")[mask].replace("", "no corpus").value_counts()
    words = ", ".join(f"{name} {count}" for name, count in counts.items())
    return f" ({noun + ': ' if noun else ''}{words})"
