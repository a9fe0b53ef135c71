"""TESS: English acted speech, 2 speakers, 200 words, 7 emotions (Pichora-Fuller & Dupuis, 2020).

Official download https://doi.org/10.5683/SP2/E8H2MF: ``OAF_back_angry.wav``, mostly 24 kHz, in
folders such as ``OAF_angry``. The name is speaker (OAF older, YAF younger), the word after "Say the
word", emotion (ps is pleasant surprise). One file is misspelt ``OA_bite_neutral.wav``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.speech_files import Clip, SpeechCorpus, build_manifest, find_clips
from affectrep.data.corpora.speech_labels import CODES
from affectrep.data.manifest import Manifest

__all__ = ["TESS", "prepare"]

TESS = SpeechCorpus(
    name="tess",
    title="TESS",
    language="en",
    licence="CC BY-NC-ND 4.0",
    source="https://doi.org/10.5683/SP2/E8H2MF",
    layout="OAF_angry/OAF_back_angry.wav and so on (speaker, word, emotion)",
    files=2800,
)
_PATTERN = (
    r"(?P<name>(?P<speaker>OA|YA)F?_(?P<text>\w+)"
    r"_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad))"
)


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds ``OAF_angry`` and so on, or all files.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    codes = CODES["tess"]
    clips = [
        Clip(path, match["name"], codes[match["emotion"]], f"{match['speaker']}F", match["text"])
        for path, match in find_clips(root, TESS, _PATTERN)
    ]
    return build_manifest(TESS, clips, labels)
