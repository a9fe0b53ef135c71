"""URDU: Urdu talk shows, 29 speakers by file name, 4 emotions (Latif et al., 2018).

Official repository https://github.com/siddiquelatif/URDU-Dataset: ``Angry/SM1_F1_A01.wav`` in the
folders Angry, Happy, Neutral, Sad. The name is speaker (SF or SM and a number), the speaker's file,
emotion letter with a number. The authors speak of 38 speakers; the names tell 29 apart. 26 of them
have a single emotion: what is learned within this corpus may be the speakers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.speech_files import SpeechCorpus, build_manifest, named_clips
from affectrep.data.manifest import Manifest

__all__ = ["URDU", "prepare"]

URDU = SpeechCorpus(
    name="urdu",
    title="URDU",
    language="ur",
    licence="research only (cut from broadcast)",
    source="https://github.com/siddiquelatif/URDU-Dataset",
    layout="Angry/SM1_F1_A01.wav and so on (speaker, file, emotion letter and number)",
    files=400,
)
_PATTERN = r"(?P<name>(?P<speaker>S[FM]\d+)_F\d+_(?P<emotion>[AHNS])\d+)"


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds Angry, Happy, Neutral and Sad.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    return build_manifest(URDU, named_clips(root, URDU, _PATTERN), labels)
