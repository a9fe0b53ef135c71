"""The protocols of cross-lingual speech emotion recognition: rows in, a split column out.

Every protocol but ``folds`` is zero-shot: the target occurs in the test split only, and everything
is chosen on held-out speakers of the sources. Nothing here reads a target's labels, except
``folds``, the supervised upper bound, which balances its folds over the classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import pandas as pd

from affectrep.data.crosslingual_notes import protocol_notes
from affectrep.data.group_protocol import check_fold
from affectrep.data.group_splits import in_fold
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.data.speaker_draw import draw_speakers_within

__all__ = ["PAPER_LANGUAGES", "Protocol", "apply_protocol", "assign_splits", "needs_speaker"]
__all__ += ["require_hygiene", "target_rows"]

Kind = Literal[
    "leave_language_out", "leave_corpus_out", "source_to_target", "paper", "folds", "speakers"
]
PAPER_LANGUAGES = ("en", "zh", "de", "fr")
_PAPER_TARGETS = ("de", "fr", "zh")
_NUMBERS = ("fold", "folds")
_LISTS = ("sources", "without")
_OF_CORPORA = ("leave_corpus_out", "folds")  # their target may be the name of a corpus
_WHOLE = "whole speakers are held out"


@dataclass(frozen=True)
class Protocol:
    """Which rows are trained on, chosen on and tested on.

    Args:
        kind: leave_language_out (train on all other languages); leave_corpus_out (train on all
            other corpora, those of the target's language among them); source_to_target (train on
            ``sources`` only: Baseline 1); paper (rows of leave_language_out, with the one source
            named whose encoder is taken: Baseline 2, Proposed and the ablations); folds
            (speaker-independent folds within a language or corpus: the upper bound); speakers
            (whole speakers of every language are held out for validation and test: no language
            is unseen, and there is no target).
        target: ISO 639-1 code of a language, in any case; a corpus for leave_corpus_out; either
            for folds.
        sources: languages, for source_to_target and paper; folds may name the one whose encoder
            is taken, and its rows are not used.
        without: languages that are left out altogether. Nested selection for a target needs it:
            each source language in turn is an inner target, the real one takes no part.
        fold: which fold is tested, from 0.
        folds: number of folds; every speaker is tested in exactly one of them.
        holdout: share of the rows of each training language that is held out for validation, as
            whole speakers, at least one per language, in (0, 0.5].
        seed: of the draw of speakers.

    Raises:
        ValueError: naming the setting that does not fit.

    Example:
        >>> Protocol("source_to_target", "de", ("en",)).name
        'source_to_target sources=en target=de'
        >>> Protocol.parse("folds target=emodb fold=2", seed=1).name
        'folds target=emodb fold=2 folds=5'
    """

    kind: Kind
    target: str
    sources: tuple[str, ...] = ()
    fold: int = 0
    folds: int = 5
    holdout: float = 0.1
    seed: int = 0
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # DE beside de would put the target into training
        for name in _LISTS:
            object.__setattr__(self, name, tuple(map(str.casefold, getattr(self, name))))
        if self.kind not in _OF_CORPORA:
            object.__setattr__(self, "target", self.target.casefold())
        if self.kind not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise ValueError(f"the protocol {self.kind!r} is unknown: use one of {kinds}")
        if self.kind == "speakers" and self.target:
            raise ValueError("the protocol speakers holds people of every language out: no target")
        if not self.target and self.kind != "speakers":
            raise ValueError(f"the protocol {self.kind} needs a target, such as target=de")
        if not 0 < self.holdout <= 0.5:
            raise ValueError(f"expected a holdout in (0, 0.5], got {self.holdout}")
        if self.kind == "folds":
            check_fold(self.fold, self.folds)
        self._check_sources()

    def _check_sources(self) -> None:
        named = self.kind in ("source_to_target", "paper")
        # folds may name the source whose encoder is taken, as the paper's upper bound does
        if named != bool(self.sources) and self.kind != "folds":
            what = "needs sources, such as sources=en" if named else "takes no sources"
            raise ValueError(f"the protocol {self.kind} {what}")
        both = {self.target, *self.sources} & set(self.without)
        if both:
            names = ", ".join(sorted(both))
            raise ValueError(f"{names} is used and left out: take it from without")
        if self.target in self.sources:
            raise ValueError(f"the target {self.target} is also a source: leave it out of sources")
        if self.kind == "paper":
            source = self.sources[0] if len(self.sources) == 1 else None
            if self.target not in _PAPER_TARGETS or source not in PAPER_LANGUAGES:
                raise ValueError(
                    f"the paper's settings have one source of {', '.join(PAPER_LANGUAGES)} and a "
                    f"target of {', '.join(_PAPER_TARGETS)}, got sources="
                    f"{','.join(self.sources)} target={self.target}"
                )

    @property
    def name(self) -> str:
        """The protocol in the words that `parse` reads, without holdout and seed."""
        words: list[str] = [self.kind]
        if self.sources:
            words.append(f"sources={','.join(self.sources)}")
        words += [f"target={self.target}"] if self.target else []
        if self.kind == "folds":
            words.append(f"fold={self.fold} folds={self.folds}")
        if self.without:
            words.append(f"without={','.join(self.without)}")
        return " ".join(words)

    @classmethod
    def parse(cls, words: str, *, holdout: float = 0.1, seed: int = 0) -> Protocol:
        """Read ``kind key=value ...``: target, sources and without (en,zh), fold and folds.

        Raises:
            ValueError: for a word that is none of these.
        """
        kind, *pairs = words.split() or [""]
        known: dict[str, Any] = {"target": ""}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            number = key in _NUMBERS and value.isdigit()
            if not equals or not (number or key in ("target", *_LISTS)):
                raise ValueError(
                    f"the protocol {words!r} has the word {pair!r}: expected target=de, "
                    "sources=en,zh, without=it, fold=0 or folds=5 after its kind"
                )
            several = tuple(filter(None, value.split(",")))
            known[key] = int(value) if number else several if key in _LISTS else value
        return cls(kind, **known, holdout=holdout, seed=seed)  # type: ignore[arg-type]


def target_rows(rows: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """Return a boolean per row: True where it belongs to the target language or corpus.

    Raises:
        ValueError: if no row does.
    """
    columns = {"leave_corpus_out": ["corpus"], "folds": ["language", "corpus"]}
    for column in columns.get(protocol.kind, ["language"]):
        is_language = column == "language"
        wanted = protocol.target.casefold() if is_language else protocol.target
        found: pd.Series = (_languages(rows) if is_language else rows[column]) == wanted
        if found.any():
            return found
    there = sorted({str(name) for name in rows[column]})
    raise ValueError(
        f"no row has the target {protocol.target} of {protocol.name}: the {column} column has "
        f"{', '.join(there)}"
    )


def assign_splits(rows: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """Return the split of every row: train, validation, test, or empty where it is not used.

    Not used are other languages than the sources of source_to_target, those of ``without``, and
    in zero-shot protocols the official test rows of a source corpus (MELD), so that nothing is
    ever trained on them.

    Args:
        rows: with label, speaker, language, corpus; ``official_split`` where a corpus has one.
        protocol: which rows go where.

    Raises:
        ValueError: if a language is missing, a row to train on has no speaker, or a split would
            be empty or break the protocol (`require_hygiene`).

    Example:
        >>> table = pd.DataFrame({"label": ["angry", "sad"] * 4, "corpus": list("aaaabbbb"),
        ...                       "language": ["de"] * 4 + ["en"] * 4,
        ...                       "speaker": [f"{name}/{n}" for name in "ab" for n in "1122"]})
        >>> assign_splits(table, Protocol("leave_language_out", "de", holdout=0.5)).tolist()
        ['test', 'test', 'test', 'test', 'validation', 'validation', 'train', 'train']
    """
    _require(rows, "language", "a row without one may be of the target")
    if protocol.kind == "speakers":
        return _by_speakers(rows, protocol)
    target = target_rows(rows, protocol)
    split = pd.Series("", index=rows.index, dtype=object)
    named = needs_speaker(rows, protocol)
    _require(rows[named], "speaker", _WHOLE)
    if protocol.kind == "folds":
        tested = target.copy()
        tested[target] = in_fold(
            rows.loc[target, "speaker"].tolist(),
            rows.loc[target, "label"].tolist(),
            fold=protocol.fold,
            folds=protocol.folds,
            seed=protocol.seed,
        )
        trained = target & ~tested
    else:
        tested, trained = target, named
    split[tested], split[trained] = "test", "train"
    split[trained & rows["speaker"].isin(_held(rows[trained], protocol))] = "validation"
    require_hygiene(rows, split, protocol)
    return split


def _by_speakers(rows: pd.DataFrame, protocol: Protocol) -> pd.Series:
    _require(rows, "speaker", _WHOLE)
    used = ~_languages(rows).isin(protocol.without)
    tested = rows["speaker"].isin(_held(rows[used], protocol)) & used
    chosen = rows["speaker"].isin(_held(rows[used & ~tested], protocol)) & used & ~tested
    split = pd.Series("", index=rows.index, dtype=object)
    split[used], split[chosen], split[tested] = "train", "validation", "test"
    require_hygiene(rows, split, protocol)
    return split


def require_hygiene(rows: pd.DataFrame, split: pd.Series, protocol: Protocol) -> None:
    """Pass where a split column keeps the protocol's promises; call it before training, too.

    Raises:
        ValueError: if a split is empty, a row of the target is outside the test split, a row of
            another language or corpus is inside it, a row is of no source, or two splits share a
            speaker.
    """
    for name in SPLITS:
        if not (split == name).any():
            mend = "add speakers or lower the holdout" if name != "test" else "check the target"
            raise ValueError(f"{protocol.name} leaves the split {name} empty: {mend}")
    if protocol.kind != "speakers":
        _require_target_apart(rows, split, protocol)
    speakers = {name: set(rows.loc[split == name, "speaker"].dropna()) for name in SPLITS}
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = sorted(speakers[first] & speakers[second])
        if shared:
            raise ValueError(
                f"{len(shared)} speakers are in {first} and in {second}: {', '.join(shared[:8])}"
            )


def _require_target_apart(rows: pd.DataFrame, split: pd.Series, protocol: Protocol) -> None:
    target = target_rows(rows, protocol)
    seen = split.isin(["train", "validation"])
    if protocol.kind != "folds" and (target & seen).any():
        count = int((target & seen).sum())
        raise ValueError(
            f"{count} rows of the target {protocol.target} are in train or validation: "
            "a zero-shot target is tested only"
        )
    foreign = ~target & (split.isin(SPLITS) if protocol.kind == "folds" else split == "test")
    foreign |= seen & _languages(rows).isin(protocol.without)
    if protocol.kind == "source_to_target":
        foreign |= seen & ~_languages(rows).isin(protocol.sources)
    if foreign.any():
        raise ValueError(f"{int(foreign.sum())} rows do not belong into {protocol.name}")


def apply_protocol(manifest: Manifest, protocol: Protocol) -> Manifest:
    """Return the manifest with its rows split, unused rows left out, and notes on the split.

    Raises:
        ValueError: see `assign_splits`.
    """
    split = assign_splits(manifest.rows, protocol)
    used = split != ""
    rows = manifest.rows.assign(split=split)[used].reset_index(drop=True)
    dropped = dict(manifest.info.dropped)
    if not used.all():
        dropped[f"not used by {protocol.name}"] = int((~used).sum())
    notes = [*manifest.info.notes, *protocol_notes(rows, protocol)]
    return Manifest(rows, replace(manifest.info, dropped=dropped, notes=notes))


def needs_speaker(rows: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """Return a boolean per row: True where whole speakers are divided, so that each needs a name.

    All do for ``speakers``, the target's for ``folds``, else those trained on or chosen on.

    Args:
        rows: each with a language.
        protocol: which rows go where.

    Raises:
        ValueError: if no row is of the target, or of a source.
    """
    if protocol.kind == "speakers":
        return pd.Series(True, index=rows.index)
    target = target_rows(rows, protocol)
    if protocol.kind == "folds":
        return target
    return _trained(rows, protocol, ~target & ~_languages(rows).isin(protocol.without))


def _trained(rows: pd.DataFrame, protocol: Protocol, allowed: pd.Series) -> pd.Series:
    wanted = protocol.sources
    languages = _languages(rows)
    missing = [name for name in wanted if not (languages == name).any()]
    if missing:
        there = ", ".join(sorted({str(name) for name in languages}))
        raise ValueError(f"no row has the source {', '.join(missing)}: there are {there}")
    if protocol.kind == "source_to_target":
        allowed = allowed & languages.isin(wanted)
    if "official_split" in rows:
        allowed = allowed & (rows["official_split"] != "test")
    return allowed


def _languages(rows: pd.DataFrame) -> pd.Series:
    found: pd.Series = rows["language"].str.casefold()
    return found


def _held(rows: pd.DataFrame, protocol: Protocol) -> set[str]:
    """Draw the validation speakers of each language; a language with one speaker gives none."""
    return draw_speakers_within(
        _languages(rows).tolist(),
        rows["speaker"].tolist(),
        rows["label"].tolist(),
        share=protocol.holdout,
        seed=protocol.seed,
    )


def _require(rows: pd.DataFrame, column: str, reason: str) -> None:
    unknown = rows[column].isna() | (rows[column] == "")
    if unknown.any():
        corpora = ", ".join(sorted({str(name) for name in rows.loc[unknown, "corpus"]}))
        raise ValueError(
            f"{int(unknown.sum())} rows of {corpora} have no {column}, and {reason}: "
            f"fill in the column {column} or leave the rows out"
        )
