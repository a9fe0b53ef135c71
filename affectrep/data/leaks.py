"""What two splits share: texts, sounds and images, speakers and subjects, with the rows."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from affectrep.data.group_protocol import PEOPLE
from affectrep.data.keys import text_keys
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.data.problems import Problem, counted_rows, row_names

__all__ = ["find_leaks", "leak_keys", "leak_problems", "shared_people"]

_KEYS = {
    "text": {"text": "text"},
    "speech": {"speaker": "speaker", "content": "audio"},
    "face": {"subject": "subject", "content": "image"},
}
_NAMED = 5


def leak_keys(rows: pd.DataFrame, modality: str) -> dict[str, pd.Series]:
    """Return what may not be shared by two splits: its name -> a key per row, empty if unknown.

    Args:
        rows: of a manifest.
        modality: text (normalised text), speech (speaker, decoded audio) or face (subject,
            decoded image).
    """
    keys = {}
    for column, name in _KEYS[modality].items():
        if column == "text" and column in rows:
            keys[name] = pd.Series(text_keys(rows["text"]), index=rows.index)
        elif column in rows:
            keys[name] = _words(rows, column)
    return keys


def find_leaks(manifest: Manifest) -> list[Problem]:
    """Return one problem per key and pair of splits that share it; people of texts are a warning.

    An accepted leak is a note that carries the reason.
    """
    rows, info = manifest.rows, manifest.info
    problems = [
        problem
        for name, keys in leak_keys(rows, info.modality).items()
        for problem in leak_problems(rows, keys, name, info.accept_leaks)
    ]
    return problems + (shared_people(rows) if info.modality == "text" else [])


def leak_problems(
    rows: pd.DataFrame, keys: pd.Series, name: str, reason: str | None
) -> list[Problem]:
    """Return a problem for each pair of splits that share a key, each row with a partner.

    Args:
        rows: of a manifest.
        keys: of each row; an empty one is shared by nobody.
        name: what the key is: text, speaker, audio, subject or image.
        reason: why the leak is accepted, None where it is not.

    Example:
        >>> table = pd.DataFrame({"split": ["train", "test"], "row": [2, 3]})
        >>> (found,) = leak_problems(table, pd.Series(["anna", "anna"]), "speaker", None)
        >>> print(str(found)[:65], found.rows)
        1 row of test shares its speaker with train (anna): remove it, or ('3 = 2',)
    """
    problems = []
    for first, second in combinations(SPLITS, 2):
        pairs, shared = _shared(rows, keys, (first, second))
        if not pairs:
            continue
        verb = "shares its" if len(pairs) == 1 else "share their"
        message = f"{counted_rows(len(pairs))} of {second} {verb} {name} with {first}"
        if name in PEOPLE:
            message += f" ({_listed(shared)})"
        if reason:
            problems.append(Problem("leak", f"{message}; accepted: {reason}", pairs, "note"))
            continue
        what = "it" if len(pairs) == 1 else "them"
        mend = f"remove {what}, or accept {what} with a reason in data.accept_leaks"
        problems.append(Problem("leak", f"{message}: {mend}", pairs))
    return problems


def shared_people(rows: pd.DataFrame) -> list[Problem]:
    """Return a warning for each column of people and pair of splits that share some of them.

    Args:
        rows: of a manifest; columns judged are speaker, author and subject.
    """
    problems = []
    for column in PEOPLE:
        if column not in rows:
            continue
        keys = _words(rows, column)
        for first, second in combinations(SPLITS, 2):
            pairs, shared = _shared(rows, keys, (first, second))
            if not pairs:
                continue
            people = set(keys[rows["split"] == second]) - {""}
            message = (
                f"{len(shared)} of {len(people)} {column}s of {second} also occur in {first} "
                f"({_listed(shared)}): results on {second} say little about new people"
            )
            problems.append(Problem("shared_people", message, pairs, "warning"))
    return problems


def _shared(
    rows: pd.DataFrame, keys: pd.Series, pair: tuple[str, str]
) -> tuple[tuple[str, ...], list[str]]:
    """Return the rows of the second split, each with its first partner, and the shared keys."""
    first, second = (rows["split"] == split for split in pair)
    shared = (set(keys[first]) & set(keys[second])) - {""}
    if not shared:
        return (), []
    here, there = second & keys.isin(shared), first & keys.isin(shared)
    partners: dict[str, int | str] = {}
    for key, name in zip(keys[there], row_names(rows, there), strict=True):
        partners.setdefault(key, name)
    named = zip(row_names(rows, here), keys[here], strict=True)
    return tuple(f"{name} = {partners[key]}" for name, key in named), sorted(shared)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _words(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of names as text without spaces around, empty where there is none."""
    values = [value.strip() if isinstance(value, str) else "" for value in rows[column]]
    return pd.Series(values, index=rows.index, dtype=object)
