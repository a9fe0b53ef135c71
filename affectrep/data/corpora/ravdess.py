"""RAVDESS: English acted speech, 24 speakers, 2 sentences, 8 emotions (Livingstone & Russo, 2018).

Official download https://zenodo.org/records/1188976 (Audio_Speech_Actors_01-24.zip), 48 kHz:
``Actor_01/03-01-05-02-01-01-01.wav``. The seven numbers are modality (03 sound only), channel (01
speech, 02 song), emotion (01 neutral, 02 calm, 03 happy, 04 sad, 05 angry, 06 fearful, 07 disgust,
08 surprised), intensity, sentence, repetition, speaker. Songs are left out and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from affectrep.data.corpora.speech_files import Clip, SpeechCorpus, build_manifest, find_clips
from affectrep.data.corpora.speech_labels import CODES
from affectrep.data.manifest import Manifest

__all__ = ["RAVDESS", "prepare"]

RAVDESS = SpeechCorpus(
    name="ravdess",
    title="RAVDESS",
    language="en",
    licence="CC BY-NC-SA 4.0",
    source="https://zenodo.org/records/1188976",
    layout="Actor_01/03-01-05-02-01-01-01.wav and so on (seven numbers, speech is 03-01)",
    files=1440,
)
_PATTERN = (
    r"(?P<name>03-(?P<channel>01|02)-(?P<emotion>0[1-8])-0[12]-(?P<text>0[12])-0[12]"
    r"-(?P<speaker>\d\d))"
)


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds ``Actor_01`` and so on.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, or files cannot be read.
        FileNotFoundError: if there is no such folder.
    """
    codes, found = CODES["ravdess"], find_clips(root, RAVDESS, _PATTERN)
    clips = [
        Clip(path, match["name"], codes[match["emotion"]], match["speaker"], f"s{match['text']}")
        for path, match in found
        if match["channel"] == "01"
    ]
    manifest = build_manifest(RAVDESS, clips, labels)
    songs = len(found) - len(clips)
    if not songs:
        return manifest
    dropped = {**manifest.info.dropped, "song": songs}
    return Manifest(manifest.rows, replace(manifest.info, dropped=dropped))
