"""SAVEE: English acted speech, 4 men, 7 emotions (Haq & Jackson, 2010).

Official download http://kahlan.eps.surrey.ac.uk/savee (on registration), 44.1 kHz:
``AudioData/DC/a01.wav``; copies also circulate as ``DC_a01.wav``. The name is speaker, emotion (a
anger, d disgust, f fear, h happiness, n neutral, sa sadness, su surprise), sentence. Sentences are
numbered inside an emotion; three of them are shared by all emotions under several numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.speech_files import SpeechCorpus, build_manifest, named_clips
from affectrep.data.manifest import Manifest

__all__ = ["SAVEE", "prepare"]

SAVEE = SpeechCorpus(
    name="savee",
    title="SAVEE",
    language="en",
    licence="research only, on registration",
    source="http://kahlan.eps.surrey.ac.uk/savee",
    layout="AudioData/DC/a01.wav and so on (speaker, emotion letters and sentence)",
    files=480,
)
_PATTERN = r"(?P<name>(?P<speaker>DC|JE|JK|KL)[/_](?P<text>(?P<emotion>sa|su|a|d|f|h|n)\d\d))"


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds ``AudioData`` or the speakers' folders.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    return build_manifest(SAVEE, named_clips(root, SAVEE, _PATTERN), labels)
