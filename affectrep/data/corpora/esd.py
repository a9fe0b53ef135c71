"""ESD: acted Mandarin and English, 10 speakers each, 350 sentences, 5 emotions (Zhou et al., 2022).

Official download through https://github.com/HLTSingapore/Emotional-Speech-Data, 16 kHz:
``0001/Angry/0001_000351.wav``, in some releases with a folder evaluation, test or train above the
file. Speakers 0001 to 0010 speak Mandarin, 0011 to 0020 English. The number counts the 350
sentences through the five emotions, so that it tells the sentence. The folders evaluation, test and
train share all speakers and are not used.

`prepare` reads the Mandarin half, as the cross-lingual paper does, `prepare_english` the other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from affectrep.data.corpora.speech_files import Clip, SpeechCorpus, build_manifest, find_clips
from affectrep.data.corpora.speech_labels import CODES
from affectrep.data.manifest import Manifest

__all__ = ["ESD", "ESD_ENGLISH", "prepare", "prepare_english"]

ESD = SpeechCorpus(
    name="esd",
    title="ESD (Mandarin)",
    language="zh",
    licence="research only, on signing a licence",
    source="https://github.com/HLTSingapore/Emotional-Speech-Data",
    layout="0001/Angry/0001_000351.wav and so on (speaker, emotion, number)",
    files=17500,
)
ESD_ENGLISH = replace(ESD, name="esd_en", title="ESD (English)", language="en")
_PATTERN = (
    r"(?P<emotion>Angry|Happy|Neutral|Sad|Surprise)/(?:(?:evaluation|test|train)/)?"
    r"(?P<name>(?P<speaker>\d{4})_(?P<number>\d{6}))"
)
_SENTENCES = 350
_MANDARIN = 10


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the Mandarin half of the official download; no official splits.

    Args:
        root: the folder that holds ``0001`` and so on.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    return build_manifest(ESD, _clips(root, ESD, mandarin=True), labels)


def prepare_english(
    root: Path | str | None, *, labels: Mapping[str, str] | None = None
) -> Manifest:
    """Read the English half of the official download; see `prepare`."""
    return build_manifest(ESD_ENGLISH, _clips(root, ESD_ENGLISH, mandarin=False), labels)


def _clips(root: Path | str | None, corpus: SpeechCorpus, *, mandarin: bool) -> list[Clip]:
    clips = []
    for path, match in find_clips(root, corpus, _PATTERN):
        if (int(match["speaker"]) <= _MANDARIN) == mandarin:
            text = f"{(int(match['number']) - 1) % _SENTENCES + 1:03d}"
            word = CODES["esd"][match["emotion"]]
            clips.append(Clip(path, match["name"], word, match["speaker"], text))
    if not clips:
        span = "0001 to 0010" if mandarin else "0011 to 0020"
        raise ValueError(f"{root} holds no speaker {span} of {corpus.title}")
    return clips
