"""Speech sets: several corpora at once, as one folder of tables or from their official downloads.

A speech set is a folder with one table ``<corpus>.csv`` per corpus (`speech_tables`), or with one
folder per official corpus, named as in READERS. Official corpora are read by their own readers, and
written as a speech set where that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.corpora import (
    cafe,
    cremad,
    emodb,
    emovo,
    esd,
    iemocap,
    meld,
    nemo,
    ravdess,
    savee,
    tess,
    urdu,
)
from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.speech_faults import named_speakers
from affectrep.data.corpora.speech_files import SpeechCorpus, rows_of
from affectrep.data.corpora.speech_groups import hold_groups_out
from affectrep.data.corpora.speech_tables import read_speech_table, write_speech_set
from affectrep.data.crosslingual import Protocol, apply_protocol, needs_speaker
from affectrep.data.group_protocol import GroupProtocol, read_groups
from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.data.problems import Problem, require_clean
from affectrep.data.sources import existing
from affectrep.data.speaker_traps import speaker_traps

__all__ = ["READERS", "prepare", "prepare_corpus", "write_speech_set"]

READERS: dict[str, Callable[..., Manifest]] = {
    "cafe": cafe.prepare,
    "cremad": cremad.prepare,
    "emodb": emodb.prepare,
    "emovo": emovo.prepare,
    "esd": esd.prepare,
    "esd_en": esd.prepare_english,
    "iemocap": iemocap.prepare,
    "meld": meld.prepare,
    "nemo": nemo.prepare,
    "ravdess": ravdess.prepare,
    "savee": savee.prepare,
    "tess": tess.prepare,
    "urdu": urdu.prepare,
}
"""Corpus -> reader of its official download."""

_KNOWN: dict[str, SpeechCorpus] = {
    corpus.name: corpus
    for corpus in (
        *(cafe.CAFE, cremad.CREMAD, emodb.EMODB, emovo.EMOVO, esd.ESD, esd.ESD_ENGLISH),
        *(iemocap.IEMOCAP, meld.MELD, nemo.NEMO, ravdess.RAVDESS, savee.SAVEE, tess.TESS),
        urdu.URDU,
    )
}
_HELP = (
    "Set data.root to a folder with <corpus>.csv files (path, emotion, speaker, language, ...), to "
    "one with official downloads in folders such as emodb, or map corpora to their folders, as "
    "{emodb: /data/emodb}"
)
_UNSPLIT = (
    "No protocol is set: name one in data.protocol, such as `leave_language_out target=de`, or "
    "`speakers`, which holds whole speakers of every language out."
)


def prepare(
    root: Path | str | Mapping[str, Path | str] | None,
    *,
    protocol: Protocol | str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read a speech set, or several official corpora, and split the rows by a protocol.

    Args:
        root: a folder with ``<corpus>.csv`` files or one such file; a folder without them whose
            folders are named as in READERS and hold official downloads; or corpus -> folder of
            its official download or its table.
        protocol: a `Protocol`, or the words that `Protocol.parse` or `read_groups` reads (folds
            without a target, or one speaker, corpus or language left out); None keeps official
            splits and puts all other rows into ``train``.
        columns: our column -> the tables', for tables of the user's own.
        labels: emotion word -> class on top of WORDS; an empty class leaves the word out.
        holdout: share of the rows of each training language for validation, as whole speakers;
            for a protocol in words, a `Protocol` has its own.
        seed: of the draw of speakers, likewise.

    Raises:
        ValueError: if something is missing or unknown, or the protocol does not fit the rows. What
            is wrong with single rows of a table is left to `check_manifest`, which names all such
            rows at once.
        FileNotFoundError: if there is no such file or folder.
    """
    if root is None:
        raise ValueError(f"the corpus speech_set needs its data. {_HELP}")
    sources = root if isinstance(root, Mapping) else _tables(existing(root))
    parts = [_read(name, Path(path), columns, labels) for name, path in sources.items()]
    if not parts:
        raise ValueError(f"data.root names no corpus. {_HELP}")
    joined = parts[0] if len(parts) == 1 else _join(parts, [Path(p).name for p in sources.values()])
    notes = [*joined.info.notes, *speaker_traps(joined.rows)]
    joined = Manifest(joined.rows, replace(joined.info, notes=notes))
    if protocol is None:
        if joined.rows["official_split"].notna().all():
            return joined
        return Manifest(joined.rows, replace(joined.info, notes=[*notes, _UNSPLIT]))
    # the reason to accept the leaks of official splits does not hold for a protocol's splits
    strict = Manifest(joined.rows, replace(joined.info, accept_leaks=None))
    groups, rest = read_groups(protocol) if isinstance(protocol, str) else (None, None)
    if groups is not None:
        refuse_unused("speech_set", protocol=rest)
        return _split(strict, groups, holdout=holdout, seed=seed)
    if isinstance(protocol, str):
        protocol = Protocol.parse(protocol, holdout=holdout, seed=seed)
    return _split(strict, protocol, holdout=holdout, seed=seed)


def prepare_corpus(name: str, root: Path | str | None, **settings: Any) -> Manifest:
    """Read one official corpus as a speech set of its own; ``settings`` are those of `prepare`.

    Raises:
        ValueError: if the corpus is unknown, or as `prepare` does.
        FileNotFoundError: if there is no such folder.
    """
    if root is None and name in READERS:
        return READERS[name](None)
    return prepare({name: root or ""}, **settings)


def _split(
    manifest: Manifest, protocol: Protocol | GroupProtocol, *, holdout: float, seed: int
) -> Manifest:
    """Split by a protocol; rows without a speaker that it needs become problems.

    Raises:
        ValueError: where the rows do not fit, with all that is wrong with rows before it.
    """
    rows, ready = manifest.rows, manifest
    try:
        if isinstance(protocol, GroupProtocol):
            ready = named_speakers(manifest, pd.Series(True, index=rows.index))
            return hold_groups_out(ready, protocol, holdout=holdout, seed=seed)
        ready = named_speakers(manifest, needs_speaker(rows, protocol))
        return apply_protocol(ready, protocol)
    except ValueError as error:
        if ready.info.problems:
            require_clean([*ready.info.problems, Problem("protocol", str(error))])
        raise


def _tables(path: Path) -> dict[str, Path]:
    files = [path] if path.is_file() else sorted(path.glob("*.csv"))
    tables = {file.stem: file for file in files if file.suffix.lower() == ".csv"}
    found = tables or {name: path / name for name in READERS if (path / name).is_dir()}
    if not found:
        raise ValueError(f"{path} holds no <corpus>.csv. {_HELP}")
    return found


def _read(
    name: str,
    path: Path,
    columns: Mapping[str, str] | None,
    labels: Mapping[str, str] | None,
) -> Manifest:
    if path.suffix.lower() == ".csv":
        return read_speech_table(
            name, existing(path), columns=columns, labels=labels, corpus=_KNOWN.get(name)
        )
    if name not in READERS:
        raise ValueError(
            f"there is no reader for the corpus {name}: use one of {', '.join(READERS)}, or name "
            "its table <corpus>.csv"
        )
    return READERS[name](path, labels=labels)


def _join(parts: list[Manifest], files: list[str]) -> Manifest:
    """Join manifests; ``files`` are the tables that their problems' rows belong to."""
    infos = [part.info for part in parts]
    # row numbers stay only where all parts come from tables
    columns = [name for name in parts[-1].rows if all(name in part.rows for part in parts)]
    records = [record for part in parts for record in part.rows.to_dict("records")]
    rows = rows_of(records, columns)
    dropped = {
        f"{info.title}: {reason}": count for info in infos for reason, count in info.dropped.items()
    }
    joined = CorpusInfo(
        name="speech_set",
        title=", ".join(info.title for info in infos),
        modality="speech",
        task="classification",
        classes=infos[0].classes,
        licence="; ".join(f"{info.title}: {info.licence}" for info in infos),
        source="; ".join(info.source for info in infos),
        dropped=dropped,
        accept_leaks=next((info.accept_leaks for info in infos if info.accept_leaks), None),
        notes=[note for info in infos for note in info.notes],
        problems=[
            replace(problem, rows=tuple(f"{file}:{row}" for row in problem.rows))
            for info, file in zip(infos, files, strict=True)
            for problem in info.problems
        ],
    )
    return Manifest(rows, joined)
