"""One file per corpus; CORPORA is the only table of their names."""

from __future__ import annotations

from collections.abc import Callable

from affectrep.data.corpora import demo_text, empathetic, goemotions, table
from affectrep.data.manifest import Manifest

__all__ = ["CORPORA"]

CORPORA: dict[str, Callable[..., Manifest]] = {
    "demo_text": demo_text.prepare,
    "empathetic": empathetic.prepare,
    "goemotions": goemotions.prepare,
    "table": table.prepare,
}
