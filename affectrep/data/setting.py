"""The setting of a run in a few words: what was unseen, and what was known of it.

It is the ``condition`` of results.csv and part of the run folder's name, so that one configuration
can be trained for every target language, every fold and every group that is left out. What is
unseen in other runs (a corpus' own splits) is not said: their setting is empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from affectrep.data.crosslingual import Protocol
from affectrep.data.group_protocol import GroupProtocol, read_groups

__all__ = [
    "POOLED",
    "AnyProtocol",
    "common_condition",
    "in_condition",
    "protocol_of",
    "setting_name",
    "setting_slug",
]

AnyProtocol = Protocol | GroupProtocol
POOLED = "fold=all"  # of a run folder that holds the predictions of all folds
_STRICT = "strict"
_TRANSDUCTIVE = ("transductive_corpus", "transductive_speaker")
_FOLD = re.compile(r"^(?P<target>.+) fold (?P<fold>\d+)/\d+$")
_OF_GROUPS = re.compile(r"^(?:fold (?P<fold>\d+)/\d+|(?P<all>folds) pooled)(?P<by> by .+)?$")
_ODD = re.compile(r"[^\w.+-]+")


def protocol_of(words: str | None) -> AnyProtocol | None:
    """Return the cross-lingual protocol, or that of groups, which the words name.

    Args:
        words: of ``data.protocol``, those of a pooled run among them.

    Returns:
        None where they name neither: the splits are the corpus' own.

    Raises:
        ValueError: if the words are of such a protocol and do not fit.

    Example:
        >>> protocol_of("leave_language_out target=de").target
        'de'
        >>> protocol_of("folds fold=2 folds=5").name
        'folds fold=2 folds=5'
        >>> protocol_of("single_label") is None
        True
    """
    if not words:
        return None
    groups, _ = read_groups(words.replace(POOLED, ""))
    if groups is not None:
        return groups
    if "target=" not in words:
        return None
    return Protocol.parse(words.replace(POOLED, ""))


def setting_name(protocol: str | None, standardise: str = "strict") -> str:
    """Return what was unseen under which condition; empty for other protocols.

    Args:
        protocol: the words of ``data.protocol``.
        standardise: strict, transductive_corpus or transductive_speaker; strict is not said of
            folds and groups of one corpus.

    Raises:
        ValueError: if the words name a target but are no protocol.

    Example:
        >>> setting_name("leave_language_out target=de")
        'strict de'
        >>> setting_name("source_to_target sources=en,it target=de", "transductive_corpus")
        'transductive_corpus en+it>de'
        >>> setting_name("folds target=de fold=1 folds=5")
        'strict de fold 1/5'
        >>> setting_name("folds fold=1 folds=5"), setting_name("folds fold=all folds=5")
        ('fold 1/5', 'folds pooled')
        >>> setting_name("leave_group_out column=corpus value=savee")
        'corpus savee'
        >>> setting_name("single_label")
        ''
    """
    found = protocol_of(protocol)
    if found is None:
        return ""
    pooled = POOLED in str(protocol).split()
    place = _of_groups(found, pooled) if isinstance(found, GroupProtocol) else _of(found, pooled)
    return in_condition(place, found, standardise)


def in_condition(words: str, protocol: AnyProtocol, standardise: str) -> str:
    """Return words about a protocol behind its condition; strict is said of unseen targets only.

    Example:
        >>> in_condition("mean of speakers", GroupProtocol("folds"), "strict")
        'mean of speakers'
    """
    if isinstance(protocol, GroupProtocol) and standardise == _STRICT:
        return words
    return f"{standardise} {words}"


def setting_slug(setting: str) -> str:
    """Return a setting as part of a folder's name; the strict condition is not said.

    Example:
        >>> [setting_slug(one) for one in ("strict de", "transductive_corpus en>de", "")]
        ['de', 'en-de.transductive_corpus', '']
        >>> setting_slug("strict de fold 1/5"), setting_slug("strict it without de")
        ('de.fold1', 'it-without-de')
        >>> [setting_slug(one) for one in ("fold 1/5", "folds pooled", "speaker emodb/03")]
        ['fold1', 'folds', 'speaker-emodb-03']
    """
    condition, place = _parted(setting)
    groups, fold = _OF_GROUPS.match(place), _FOLD.match(place)
    if groups is not None:
        place = f"{groups['all'] or 'fold' + groups['fold']}{groups['by'] or ''}"
    elif fold is not None:
        place = f"{fold['target']}.fold{fold['fold']}"
    place = _ODD.sub("-", place)
    return place if condition in ("", _STRICT) else f"{place}.{condition}"


def common_condition(settings: Sequence[str]) -> tuple[str, list[str]]:
    """Return the condition that all settings have, and the settings without it.

    Where there are several conditions, or a setting has none, the first is empty and the settings
    stay as they are.

    Example:
        >>> common_condition(["strict de", "strict mean"])
        ('strict', ['de', 'mean'])
        >>> common_condition(["strict de", "transductive_corpus de"])
        ('', ['strict de', 'transductive_corpus de'])
        >>> common_condition(["fold 0/5", "fold 1/5"])
        ('', ['fold 0/5', 'fold 1/5'])
    """
    parts = [_parted(setting) for setting in settings]
    conditions = {condition for condition, _ in parts}
    if len(conditions) != 1 or "" in conditions:
        return "", list(settings)
    return conditions.pop(), [place for _, place in parts]


def _of(protocol: Protocol, pooled: bool) -> str:
    place = protocol.target
    if protocol.sources:
        place = f"{'+'.join(protocol.sources)}>{place}"
    if protocol.kind == "folds" and not pooled:
        place += f" fold {protocol.fold}/{protocol.folds}"
    if protocol.without:
        place += f" without {'+'.join(protocol.without)}"
    return place


def _of_groups(protocol: GroupProtocol, pooled: bool) -> str:
    if protocol.kind == "leave_group_out":
        return f"{protocol.column} {protocol.target}"
    by = f" by {protocol.column}" if protocol.column else ""
    return ("folds pooled" if pooled else f"fold {protocol.fold}/{protocol.folds}") + by


def _parted(setting: str) -> tuple[str, str]:
    """Return the condition, empty where none is said, and the place."""
    condition, _, place = setting.partition(" ")
    return (condition, place) if condition in (_STRICT, *_TRANSDUCTIVE) else ("", setting)
