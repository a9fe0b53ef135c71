"""IEMOCAP: English dialogues of 10 actors in 5 sessions (Busso et al., 2008).

Official download https://sail.usc.edu/iemocap (on request), 16 kHz: the labels are in
``Session1/dialog/EmoEvaluation/Ses01F_impro01.txt``, the sound in
``Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav``. A label line is
``[start - end] <tab> turn <tab> label <tab> [valence, activation, dominance]`` with the majority of
the raters, xxx where there is none. The letter before the turn's number is the speaker's sex:
session and sex make the speaker. Turns are no fixed sentences, so text_id is not known.

Excitement counts as happy, as in the usual four classes with 5,531 rows; ``labels={"excitement":
""}`` leaves it out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.speech_files import Clip, SpeechCorpus, build_manifest
from affectrep.data.corpora.speech_labels import CODES
from affectrep.data.decoding import decode
from affectrep.data.manifest import Manifest

__all__ = ["IEMOCAP", "prepare"]

IEMOCAP = SpeechCorpus(
    name="iemocap",
    title="IEMOCAP",
    language="en",
    licence="research only, on request",
    source="https://sail.usc.edu/iemocap",
    layout="Session1/dialog/EmoEvaluation/*.txt and Session1/sentences/wav/*/*.wav",
    files=10039,
)
_TABLES = "Session[1-5]/dialog/EmoEvaluation/Ses*.txt"
_LINE = re.compile(
    r"\[[\d.]+ - [\d.]+\]\t(?P<turn>Ses0\d[FM]_\w+_(?P<sex>[FM])\w*)\t(?P<code>\w+)\t"
)


def prepare(root: Path | str | None, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """Read the folder of the official download; no official splits.

    Args:
        root: the folder that holds ``Session1`` to ``Session5``, or the one above it.
        labels: emotion word -> class on top of the written-out map.

    Raises:
        ValueError: if the folder holds something else, a label is unknown, or files cannot be
            read.
        FileNotFoundError: if there is no such folder.
    """
    folder = corpus_folder(root, IEMOCAP)
    tables = [
        path
        for path in sorted(folder.glob(_TABLES)) or sorted(folder.glob(f"*/{_TABLES}"))
        if not path.name.startswith("._")
    ]
    clips = [clip for table in tables for clip in _clips(table)]
    if not clips:
        raise ValueError(
            f"{folder} is not IEMOCAP: expected {IEMOCAP.layout}, found "
            f"{len(tables)} label files with no turn in them"
        )
    return build_manifest(IEMOCAP, clips, labels)


def _clips(table: Path) -> list[Clip]:
    session = table.parents[2]
    clips = []
    for match in map(_LINE.match, decode(table).splitlines()):
        if match is None:
            continue
        turn, code = match["turn"], match["code"]
        if code not in CODES["iemocap"]:
            known = ", ".join(CODES["iemocap"])
            raise ValueError(f"{table}: the turn {turn} has the label {code!r}, known are {known}")
        path = session / "sentences" / "wav" / turn.rpartition("_")[0] / f"{turn}.wav"
        speaker = f"{turn[:5]}{match['sex']}"
        word = CODES["iemocap"][code]
        clips.append(Clip(path if path.is_file() else None, turn, word, speaker))
    return clips
