"""One file per corpus; CORPORA is the only table of their names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from affectrep.data.corpora import (
    demo_speech,
    demo_text,
    empathetic,
    goemotions,
    speech_set,
    table,
)
from affectrep.data.manifest import Manifest

__all__ = ["CORPORA"]

CORPORA: dict[str, Callable[..., Manifest]] = {
    "demo_speech": demo_speech.prepare,
    "demo_text": demo_text.prepare,
    "empathetic": empathetic.prepare,
    "goemotions": goemotions.prepare,
    "speech_set": speech_set.prepare,
    "table": table.prepare,
    **{name: partial(speech_set.prepare_corpus, name) for name in speech_set.READERS},
}
