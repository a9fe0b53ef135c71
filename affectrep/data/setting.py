"""The setting of a cross-lingual run in a few words: what was unseen, and what was known of it.

It is the ``condition`` of results.csv and part of the run folder's name, so that one configuration
can be trained for every target language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from affectrep.data.crosslingual import Protocol

__all__ = ["POOLED", "common_condition", "protocol_of", "setting_name", "setting_slug"]

POOLED = "fold=all"  # of a run folder that holds the predictions of all folds
_FOLD = re.compile(r"^(?P<target>.+) fold (?P<fold>\d+)/\d+$")


def protocol_of(words: str | None) -> Protocol | None:
    """Return the cross-lingual protocol that the words name, or None where they name another one.

    Example:
        >>> protocol_of("leave_language_out target=de").target
        'de'
        >>> protocol_of("single_label") is None
        True
    """
    if not words or "target=" not in words:
        return None
    return Protocol.parse(words.replace(POOLED, ""))


def setting_name(protocol: str | None, standardise: str = "strict") -> str:
    """Return what was unseen under which condition; empty for other protocols.

    Args:
        protocol: the words of ``data.protocol``.
        standardise: strict, transductive_corpus or transductive_speaker.

    Raises:
        ValueError: if the words name a target but are no protocol.

    Example:
        >>> setting_name("leave_language_out target=de")
        'strict de'
        >>> setting_name("source_to_target sources=en,it target=de", "transductive_corpus")
        'transductive_corpus en+it>de'
        >>> setting_name("folds target=de fold=1 folds=5")
        'strict de fold 1/5'
        >>> setting_name("single_label")
        ''
    """
    found = protocol_of(protocol)
    if found is None:
        return ""
    place = found.target
    if found.sources:
        place = f"{'+'.join(found.sources)}>{place}"
    if found.kind == "folds" and POOLED not in str(protocol):
        place += f" fold {found.fold}/{found.folds}"
    if found.without:
        place += f" without {'+'.join(found.without)}"
    return f"{standardise} {place}"


def setting_slug(setting: str) -> str:
    """Return a setting as part of a folder's name; the strict condition is not said.

    Example:
        >>> [setting_slug(one) for one in ("strict de", "transductive_corpus en>de", "")]
        ['de', 'en-de.transductive_corpus', '']
        >>> setting_slug("strict de fold 1/5"), setting_slug("strict it without de")
        ('de.fold1', 'it-without-de')
    """
    condition, _, place = setting.partition(" ")
    fold = _FOLD.match(place)
    if fold is not None:
        place = f"{fold['target']}.fold{fold['fold']}"
    place = place.replace(">", "-").replace(" ", "-")
    return place if condition in ("", "strict") else f"{place}.{condition}"


def common_condition(settings: Sequence[str]) -> tuple[str, list[str]]:
    """Return the condition that all settings have, and the settings without it.

    Where there are several conditions, or a setting is empty, the first is empty and the settings
    stay as they are.

    Example:
        >>> common_condition(["strict de", "strict mean"])
        ('strict', ['de', 'mean'])
        >>> common_condition(["strict de", "transductive_corpus de"])
        ('', ['strict de', 'transductive_corpus de'])
    """
    conditions = {setting.partition(" ")[0] for setting in settings}
    if len(conditions) != 1 or "" in conditions:
        return "", list(settings)
    return conditions.pop(), [setting.partition(" ")[2] for setting in settings]
