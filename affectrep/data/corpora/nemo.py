"""nEMO: Polish acted speech, 9 speakers, 90 sentences, 6 emotions (Christop, 2024).

Official repository https://github.com/amu-cai/nEMO, 24 kHz: ``samples/EB0_anger_12.wav``, and a
table ``data.tsv`` that repeats the names. The name is speaker, emotion, sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.speech_files import SpeechCorpus, build_manifest, named_clips
from affectrep.data.manifest import Manifest

__all__ = ["NEMO", "prepare"]

NEMO = SpeechCorpus(
    name="nemo",
    title="nEMO",
    language="pl",
    licence="CC BY-NC-SA 4.0",
    source="https://github.com/amu-cai/nEMO",
    layout="samples/EB0_anger_12.wav and so on (speaker, emotion, sentence)",
    files=4481,
)
_PATTERN = (
    r"(?P<name>(?P<speaker>[A-Z]{2}\d)"
    r"_(?P<emotion>anger|fear|happiness|neutral|sadness|surprised)_(?P<text>\d+))"
)


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds ``samples``.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    return build_manifest(NEMO, named_clips(root, NEMO, _PATTERN), labels)
