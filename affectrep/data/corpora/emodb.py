"""EmoDB: German acted speech, 10 speakers, 10 sentences, 7 emotions (Burkhardt et al., 2005).

Official download http://emodb.bilderbar.info (download.zip): ``wav/03a01Fa.wav``, 16 kHz. The name
is speaker (2 digits), sentence (a01 ... b10), emotion (first letter of the German word: W anger, L
boredom, E disgust, A fear, F happiness, T sadness, N neutral), version.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.speech_files import SpeechCorpus, build_manifest, named_clips
from affectrep.data.manifest import Manifest

__all__ = ["EMODB", "prepare"]

EMODB = SpeechCorpus(
    name="emodb",
    title="EmoDB",
    language="de",
    licence="none stated",
    source="http://emodb.bilderbar.info",
    layout="wav/03a01Fa.wav and so on (speaker, sentence, emotion letter, version)",
    files=535,
)
_PATTERN = r"(?P<name>(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[WLEAFTN])[a-z])"


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder with ``wav``, or ``wav`` itself.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    return build_manifest(EMODB, named_clips(root, EMODB, _PATTERN), labels)
