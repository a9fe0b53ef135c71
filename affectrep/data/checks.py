"""The pre-flight check of a manifest: every problem at once, with the rows at fault."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import pandas as pd

from affectrep.data.keys import text_keys
from affectrep.data.manifest import SPLITS, Manifest

__all__ = ["Problem", "check_manifest", "count_leaks", "leaked_ids", "require_clean"]

_SHOWN = 8
_KEYS = {
    "text": {"text": "text"},
    "speech": {"speaker": "speaker", "content": "audio"},
    "face": {"subject": "subject", "content": "image"},
}


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, or worth knowing, about a manifest.

    Args:
        kind: a fixed word, such as empty_text, unknown_label or leak.
        message: one sentence with the mend where there is one.
        rows: the rows at fault: ``file:row``, the row number, or the row's id.
        severity: an error stops, a warning and a note are printed.
    """

    kind: str
    message: str
    rows: tuple[int | str, ...] = ()
    severity: Literal["error", "warning", "note"] = "error"

    def __str__(self) -> str:
        if not self.rows:
            return self.message
        shown = ", ".join(map(str, self.rows[:_SHOWN]))
        more = f" and {len(self.rows) - _SHOWN} more" if len(self.rows) > _SHOWN else ""
        return f"{self.message} (rows {shown}{more})"


def check_manifest(manifest: Manifest) -> list[Problem]:
    """Return every problem of a manifest, errors first; an empty list where there is none.

    Leaks are judged by the key of the modality: text by normalised text, speech by speaker or
    decoded audio, face by subject or decoded image. An accepted leak is a note that carries the
    reason.

    Example:
        >>> from affectrep.data.manifest import CorpusInfo
        >>> info = CorpusInfo("x", "X", "text", "classification", ["calm", "glad"], "own", "own")
        >>> table = pd.DataFrame({"id": ["1", "2", "3"], "split": list(SPLITS), "row": [2, 3, 4],
        ...                       "text": ["Yes!", "", "yes!"], "label": ["glad", "clam", "glad"]})
        >>> for problem in check_manifest(Manifest(table, info)):
        ...     print(problem.severity, problem.kind, problem.rows)
        error empty_text (3,)
        error unknown_label (3,)
        error one_class ()
        error no_training_rows ()
        error leak (4, 2)
        warning class_not_tested ()
    """
    problems = [
        *_check_rows(manifest.rows),
        *_check_texts(manifest.rows),
        *_check_targets(manifest),
        *_check_classes(manifest),
        *_check_leaks(manifest),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(problems, key=lambda problem: order[problem.severity])


def require_clean(problems: list[Problem], *, shown: bool = False) -> None:
    """Pass where no problem is an error.

    Args:
        problems: of the data, and of the configuration (kind ``setting``).
        shown: whether the user has seen them; the error then only counts them.

    Raises:
        ValueError: that lists every error with its rows.

    Example:
        >>> require_clean([Problem("empty_text", "texts are empty", (3,))])
        Traceback (most recent call last):
        ...
        ValueError: the data has 1 problem:
        - texts are empty (rows 3)
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    if not errors:
        return
    settings = sum(problem.kind == "setting" for problem in errors)
    counts = {"the data": len(errors) - settings, "the configuration": settings}
    told = " and ".join(
        f"{owner} has {count} problem{'s' if count > 1 else ''}"
        for owner, count in counts.items()
        if count
    )
    if shown:
        raise ValueError(f"{told}, see above")
    raise ValueError(told + ":" + "".join(f"\n- {problem}" for problem in errors))


def leaked_ids(manifest: Manifest, split: str = "test") -> list[str]:
    """Return the ids of the rows of ``split`` whose key also occurs in the training rows.

    Reports give a result with and without these rows.
    """
    found: set[str] = set()
    rows = manifest.rows
    for keys in _leak_keys(rows, manifest.info.modality).values():
        train = set(keys[rows["split"] == "train"]) - {""}
        there = (rows["split"] == split) & keys.isin(train)
        found.update(rows.loc[there, "id"].astype(str))
    return [name for name in rows["id"].astype(str) if name in found]


def count_leaks(rows: pd.DataFrame) -> str | None:
    """Return a sentence that counts the texts which two splits share; None where none does."""
    exact = rows["text"].astype(str)
    keys = pd.Series(text_keys(rows["text"]), index=rows.index)
    parts = []
    for first, second in combinations(SPLITS, 2):
        in_first, in_second = rows["split"] == first, rows["split"] == second
        shared = int(keys[in_second].isin(set(keys[in_first])).sum())
        if shared:
            letters = int(exact[in_second].isin(set(exact[in_first])).sum())
            parts.append(f"{shared} {second} texts occur in {first} ({letters} letter for letter)")
    return f"Shared texts: {'; '.join(parts)}." if parts else None


def _labels_of(rows: pd.DataFrame, chosen: pd.Series) -> tuple[int | str, ...]:
    """Name rows by file and row number where these are known, by id otherwise."""
    part = rows[chosen]
    if "row" not in part:
        return tuple(str(value) for value in part["id"])
    if "source_file" in part and rows["source_file"].nunique() > 1:
        pairs = zip(part["source_file"], part["row"], strict=True)
        return tuple(f"{file}:{row}" for file, row in pairs)
    return tuple(int(value) for value in part["row"])


def _check_rows(rows: pd.DataFrame) -> list[Problem]:
    problems = []
    unknown = ~rows["split"].isin(SPLITS)
    if unknown.any():
        words = ", ".join(sorted({repr(value) for value in rows.loc[unknown, "split"]})[:5])
        message = f"the split {words} is unknown: use {', '.join(SPLITS)}"
        problems.append(Problem("unknown_split", message, _labels_of(rows, unknown)))
    repeated = rows["id"].duplicated(keep=False)
    if repeated.any():
        message = "ids occur more than once: give each row its own"
        problems.append(Problem("duplicate_id", message, _labels_of(rows, repeated)))
    for name in SPLITS:
        if not (rows["split"] == name).any():
            message = f"the split {name} has no rows: name its rows in the split column"
            problems.append(Problem("empty_split", message))
    return problems


def _check_texts(rows: pd.DataFrame) -> list[Problem]:
    if "text" not in rows:
        return []
    empty = pd.Series([not key for key in text_keys(rows["text"])], index=rows.index)
    if not empty.any():
        return []
    message = "texts are empty: remove the rows or fill in the text"
    return [Problem("empty_text", message, _labels_of(rows, empty))]


def _check_targets(manifest: Manifest) -> list[Problem]:
    rows, task = manifest.rows, manifest.info.task
    if task == "regression":
        return _check_numbers(rows)
    column = "label" if task == "classification" else "labels"
    problems = []
    empty = pd.Series([_is_blank(value) for value in rows[column]], index=rows.index)
    if empty.any():
        message = "rows have no label: remove them or fill in the label"
        problems.append(Problem("no_label", message, _labels_of(rows, empty)))
    known = set(manifest.info.classes or [])
    unmapped = [
        [label for label in _as_list(value) if label not in known] if not blank else []
        for value, blank in zip(rows[column], empty, strict=True)
    ]
    wrong = pd.Series([bool(labels) for labels in unmapped], index=rows.index)
    if wrong.any():
        words = ", ".join(sorted({repr(label) for labels in unmapped for label in labels})[:8])
        message = (
            f"labels {words} are not among the {len(known)} classes: "
            "map them in data.labels or correct the rows"
        )
        problems.append(Problem("unknown_label", message, _labels_of(rows, wrong)))
    return problems


def _check_numbers(rows: pd.DataFrame) -> list[Problem]:
    problems: list[Problem] = []
    if rows[["valence", "arousal"]].isna().all(axis=None):
        message = "no row has a valence or arousal: there is nothing to train on"
        return [Problem("unlabelled", message, severity="note")]
    for column in ("valence", "arousal"):
        values = pd.to_numeric(rows[column], errors="coerce")
        wrong = ~values.between(-1.0, 1.0)
        if wrong.any():
            message = f"{column} is missing or not in [-1, 1]: rescale or remove the rows"
            problems.append(Problem("bad_value", message, _labels_of(rows, wrong)))
    return problems


def _is_blank(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value is pd.NA or not len(value)  # type: ignore[arg-type]


def _as_list(value: object) -> list[object]:
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def _check_classes(manifest: Manifest) -> list[Problem]:
    rows, info = manifest.rows, manifest.info
    if info.classes is None:
        return []
    column = "label" if info.task == "classification" else "labels"
    counts: dict[str, Counter[object]] = {
        split: Counter(
            label for value in rows.loc[rows["split"] == split, column] for label in _as_list(value)
        )
        for split in SPLITS
    }
    train = counts["train"]
    present = [name for name in info.classes if train[name]]
    problems = []
    if len(present) < 2 and train:
        message = f"the training rows have {len(present)} class: at least two are needed"
        problems.append(Problem("one_class", message))
    absent = [name for name in info.classes if not train[name]]
    if absent and train:
        message = f"no training row has the class {', '.join(absent)}: add rows or drop the class"
        problems.append(Problem("no_training_rows", message))
    for split in ("validation", "test"):
        lacking = [name for name in present if counts[split] and not counts[split][name]]
        if lacking:
            message = f"{split} has no row of {', '.join(lacking)}: their figures say nothing"
            problems.append(Problem("class_not_tested", message, severity="warning"))
    return problems


def _leak_keys(rows: pd.DataFrame, modality: str) -> dict[str, pd.Series]:
    keys = {}
    for column, name in _KEYS[modality].items():
        if column == "text" and column in rows:
            keys[name] = pd.Series(text_keys(rows["text"]), index=rows.index)
        elif column in rows:
            values = [value if isinstance(value, str) else "" for value in rows[column]]
            keys[name] = pd.Series(values, index=rows.index)
    return keys


def _check_leaks(manifest: Manifest) -> list[Problem]:
    rows, info = manifest.rows, manifest.info
    problems = [
        _leak(manifest, name, keys, (first, second))
        for name, keys in _leak_keys(rows, info.modality).items()
        for first, second in combinations(SPLITS, 2)
    ]
    if info.modality == "text":
        problems += [_shared_people(manifest, column) for column in ("speaker", "author")]
    return [problem for problem in problems if problem is not None]


def _leak(manifest: Manifest, name: str, keys: pd.Series, pair: tuple[str, str]) -> Problem | None:
    rows, reason = manifest.rows, manifest.info.accept_leaks
    first, second = (rows["split"] == split for split in pair)
    shared = (set(keys[first]) & set(keys[second])) - {""}
    if not shared:
        return None
    there = keys.isin(shared)
    count = int((there & second).sum())
    named = _labels_of(rows, there & second) + _labels_of(rows, there & first)
    message = f"{count} rows of {pair[1]} share their {name} with {pair[0]}"
    if reason:
        return Problem("leak", f"{message}; accepted: {reason}", named, "note")
    mend = "remove them, or accept them with a reason in data.accept_leaks"
    return Problem("leak", f"{message}: {mend}", named)


def _shared_people(manifest: Manifest, column: str) -> Problem | None:
    rows = manifest.rows
    if column not in rows:
        return None
    names = {
        split: {value for value in rows.loc[rows["split"] == split, column] if _is_name(value)}
        for split in ("train", "test")
    }
    shared = names["train"] & names["test"]
    if not shared:
        return None
    message = (
        f"{len(shared)} of {len(names['test'])} {column}s of test also occur in train: "
        "results say little about new people"
    )
    return Problem("shared_people", message, severity="warning")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
