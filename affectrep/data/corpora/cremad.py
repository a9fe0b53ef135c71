"""CREMA-D: English acted speech, 91 speakers, 12 sentences, 6 emotions (Cao et al., 2014).

Official repository https://github.com/CheyneyComputerScience/CREMA-D, 16 kHz:
``AudioWAV/1001_DFA_ANG_XX.wav``. The name is speaker, sentence, emotion, level (LO, MD, HI, XX).
The label is the intended emotion, not the raters' vote.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.speech_files import SpeechCorpus, build_manifest, named_clips
from affectrep.data.manifest import Manifest

__all__ = ["CREMAD", "prepare"]

CREMAD = SpeechCorpus(
    name="cremad",
    title="CREMA-D",
    language="en",
    licence="Open Database License (ODbL) 1.0",
    source="https://github.com/CheyneyComputerScience/CREMA-D",
    layout="AudioWAV/1001_DFA_ANG_XX.wav and so on (speaker, sentence, emotion, level)",
    files=7442,
)
_PATTERN = (
    r"(?P<name>(?P<speaker>\d{4})_(?P<text>[A-Z]{3})_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_\w+)"
)


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds ``AudioWAV``.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    return build_manifest(CREMAD, named_clips(root, CREMAD, _PATTERN), labels)
