"""EMOVO: Italian acted speech, 6 speakers, 14 sentences, 7 emotions (Costantini et al., 2014).

Official download http://voice.fub.it/activities/corpora/emovo: ``f1/gio-f1-b1.wav``, 48 kHz stereo.
The name is emotion (dis disgust, gio joy, neu neutral, pau fear, rab anger, sor surprise, tri
sadness), speaker (f1 ... m3), sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.speech_files import SpeechCorpus, build_manifest, named_clips
from affectrep.data.manifest import Manifest

__all__ = ["EMOVO", "prepare"]

EMOVO = SpeechCorpus(
    name="emovo",
    title="EMOVO",
    language="it",
    licence="none stated",
    source="http://voice.fub.it/activities/corpora/emovo/index.html",
    layout="f1/gio-f1-b1.wav and so on (emotion, speaker, sentence)",
    files=588,
)
_PATTERN = (
    r"(?P<name>(?P<emotion>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm][123])-(?P<text>[a-z]\d+))"
)


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds the speakers' folders.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    return build_manifest(EMOVO, named_clips(root, EMOVO, _PATTERN), labels)
