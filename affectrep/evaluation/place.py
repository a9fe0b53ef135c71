"""Where a run was tested: its protocol, its condition, one fold or group, or all folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.group_protocol import GroupProtocol
from affectrep.data.setting import POOLED, AnyProtocol, in_condition, protocol_of, setting_name
from affectrep.evaluation.predictions import cluster_names

__all__ = ["Place"]


@dataclass(frozen=True)
class Place:
    """What a cross-lingual run, or one of folds or groups, was tested on, and how.

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
        >>> Place.of({"data": {"protocol": "folds fold=2 folds=5"}}).pooled_setting
        'folds pooled'
    """

    protocol: AnyProtocol
    standardise: str = "strict"
    pooled: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Place | None:
        """Return the place of a configuration's values; None where splits are the corpus' own."""
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
    def has_target(self) -> bool:
        """Whether something of its own was tested, which others are averaged with."""
        return bool(self.protocol.target)

    @property
    def target(self) -> str:
        """The language, corpus or group that was tested; all rows, where folds have no target."""
        return self.protocol.target or "all rows"

    @property
    def column(self) -> str:
        """Whose groups are tested, empty where the protocol is cross-lingual or says none."""
        return self.protocol.column if isinstance(self.protocol, GroupProtocol) else ""

    @property
    def of_groups(self) -> bool:
        """Whether folds or groups of one corpus were tested, and no language was unseen."""
        return isinstance(self.protocol, GroupProtocol)

    def in_condition(self, words: str) -> str:
        """Return words about several such runs behind their condition."""
        return in_condition(words, self.protocol, self.standardise)

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

    def clusters(self, table: pd.DataFrame) -> NDArray[Any] | None:
        """Return ``(rows,)`` what is resampled; None takes each row by itself.

        A group that is one person cannot be resampled by persons: there its rows are.

        Args:
            table: predictions, whose attribute ``cluster`` names a column, or None.
        """
        names = cluster_names(table, table.attrs.get("cluster"))
        few = names is not None and len(np.unique(names)) < 2
        return None if self.of_groups and few else names
