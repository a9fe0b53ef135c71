"""Where a cross-lingual run was tested: its protocol, its condition, one fold or all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affectrep.data.crosslingual import Protocol
from affectrep.data.setting import POOLED, protocol_of, setting_name

__all__ = ["Place"]


@dataclass(frozen=True)
class Place:
    """What a cross-lingual run was tested on, and under which condition.

    Args:
        protocol: of the run; the first fold's where folds were pooled.
        standardise: strict, transductive_corpus or transductive_speaker.
        pooled: whether the run holds all folds.

    Example:
        >>> place = Place.of({"data": {"protocol": "folds target=de fold=all folds=5"}})
        >>> place.pooled, place.setting
        (True, 'strict de')
        >>> Place.of({"data": {"protocol": "folds target=de fold=2 folds=5"}}).setting
        'strict de fold 2/5'
    """

    protocol: Protocol
    standardise: str = "strict"
    pooled: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Place | None:
        """Return the place of a configuration's values; None where it is not cross-lingual."""
        data = config.get("data") or {}
        words = str(data.get("protocol") or "")
        pooled = POOLED in words.split()
        found = protocol_of(words)
        if found is None:
            return None
        return cls(found, (data.get("speech") or {}).get("standardise") or "strict", pooled)

    @property
    def is_fold(self) -> bool:
        """Whether only a part of the target was tested."""
        return self.protocol.kind == "folds" and not self.pooled

    @property
    def setting(self) -> str:
        """The setting in the words of results.csv."""
        words = self.pooled_protocol if self.pooled else self.protocol.name
        return setting_name(words, self.standardise)

    @property
    def pooled_setting(self) -> str:
        """The setting of all folds together."""
        return setting_name(self.pooled_protocol, self.standardise)

    @property
    def pooled_protocol(self) -> str:
        """The words of ``data.protocol`` of a pooled run; no command can train it."""
        return self.protocol.name.replace(f"fold={self.protocol.fold}", POOLED)
