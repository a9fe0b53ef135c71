"""One file per corpus; CORPORA is the only table of their names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from affectrep.data.corpora import (
    afew_va,
    affectnet,
    affwild,
    demo_faces,
    demo_speech,
    demo_text,
    empathetic,
    face_table,
    ferplus,
    goemotions,
    london,
    speech_set,
    table,
)
from affectrep.data.manifest import Manifest

__all__ = ["CORPORA"]

CORPORA: dict[str, Callable[..., Manifest]] = {
    "affectnet": affectnet.prepare,
    "affwild": affwild.prepare,
    "affwild2": affwild.prepare_second,
    "afew_va": afew_va.prepare,
    "demo_faces": demo_faces.prepare,
    "demo_speech": demo_speech.prepare,
    "demo_text": demo_text.prepare,
    "empathetic": empathetic.prepare,
    "face_table": face_table.prepare,
    "ferplus": ferplus.prepare,
    "goemotions": goemotions.prepare,
    "london": london.prepare,
    "speech_set": speech_set.prepare,
    "table": table.prepare,
    **{name: partial(speech_set.prepare_corpus, name) for name in speech_set.READERS},
}
