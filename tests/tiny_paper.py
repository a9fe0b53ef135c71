"""The paper's five corpora in their official layouts, a fraction of a second a clip."""

from __future__ import annotations

from pathlib import Path

from affectrep.data.crosslingual import PAPER_LANGUAGES, Protocol
from tests.data.corpora.clips import write_clip, write_clips

CORPORA = ("meld", "esd", "emodb", "cafe", "urdu")
_ESD = {"Angry": 351, "Happy": 701, "Neutral": 1, "Sad": 1051}
_MELD = ("anger", "joy", "neutral", "sadness")


def paper_settings(*, holdout: float = 0.1) -> list[Protocol]:
    """Return the nine settings {en, zh, fr} → de, {en, zh, de} → fr, {en, de, fr} → zh.

    The rest of the corpora, Urdu among them, is labelled non-target training data in each. The
    test is the whole target corpus: the paper tested on a tenth of it, whose files are not known.
    """
    return [
        Protocol("paper", target, (source,), holdout=holdout)
        for target in ("de", "fr", "zh")
        for source in PAPER_LANGUAGES
        if source != target
    ]


def paper_corpora(root: Path, *, speakers: int = 2, takes: int = 1) -> Path:
    """Write ``takes`` clips of each class by each speaker, MELD in each split; return the root."""
    who, which = range(1, speakers + 1), range(1, takes + 1)
    esd = [
        f"{n:04d}/{name}/{n:04d}_{first + take:06d}.wav"
        for n in who
        for take in range(takes)
        for name, first in _ESD.items()
    ]
    write_clips(root / "esd", esd)
    emodb = [f"wav/{n:02d}a{take:02d}{x}a.wav" for n in who for take in which for x in "WFNT"]
    write_clips(root / "emodb", emodb)
    cafe = [f"x/{n:02d}-{x}-1-{take}.wav" for n in who for take in which for x in "CJNT"]
    write_clips(root / "cafe", cafe)
    urdu = [f"{x}/SM{n}_F{take}_{x}0{n}.wav" for n in who for take in which for x in "AHNS"]
    write_clips(root / "urdu", urdu)
    for word in ("train", "dev", "test"):
        _meld(root / "meld", word, speakers, takes)
    return root


def _meld(folder: Path, word: str, speakers: int, takes: int) -> None:
    lines = ["Speaker,Emotion,Dialogue_ID,Utterance_ID"]
    for dialogue in range(speakers):
        for number, feeling in enumerate(_MELD * takes):
            lines.append(f"Friend {dialogue},{feeling},{dialogue},{number}")
            write_clip(folder / f"{word}_x" / f"dia{dialogue}_utt{number}.wav")
    table = folder / f"{word}_sent_emo.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
