"""CaFE: Canadian French acted speech, 12 speakers, 6 sentences, 7 emotions (Gournay et al., 2018).

Official download https://zenodo.org/records/1478765 (CaFE_48k.zip or CaFE_192k): files such as
``Colère/Faible/01-C-1-1.wav``. The name is speaker, emotion letter (C anger, D disgust, J
happiness, N neutral, P fear, S surprise, T sadness), intensity (1 weak, 2 strong), sentence. Of
several copies of a name (48 and 192 kHz) the first is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.speech_files import SpeechCorpus, build_manifest, named_clips
from affectrep.data.manifest import Manifest

__all__ = ["CAFE", "prepare"]

CAFE = SpeechCorpus(
    name="cafe",
    title="CaFE",
    language="fr",
    licence="CC BY-NC-SA 4.0",
    source="https://zenodo.org/records/1478765",
    layout="Colère/Faible/01-C-1-1.wav and so on (speaker, emotion letter, intensity, sentence)",
    files=936,
)
_PATTERN = r"(?P<name>(?P<speaker>\d\d)-(?P<emotion>[CDJNPST])-[12]-(?P<text>[1-6]))"


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds the folders of the emotions.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    return build_manifest(CAFE, named_clips(root, CAFE, _PATTERN), labels)
