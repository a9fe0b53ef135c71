"""The pre-flight check of a manifest: every problem at once, with the rows at fault."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import pandas as pd

from affectrep.data.keys import text_keys
from affectrep.data.leaks import find_leaks, leak_keys
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.data.problems import Problem, counted_rows, require_clean, row_names

__all__ = ["Problem", "check_manifest", "count_leaks", "leaked_ids", "require_clean"]


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
        error leak ('4 = 2',)
        warning class_not_tested ()
    """
    problems = [
        *manifest.info.problems,
        *_check_rows(manifest.rows),
        *_check_texts(manifest.rows),
        *_check_targets(manifest),
        *_check_classes(manifest),
        *find_leaks(manifest),
        *_check_contradictions(manifest),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(problems, key=lambda problem: order[problem.severity])


def leaked_ids(manifest: Manifest, split: str = "test") -> list[str]:
    """Return the ids of the rows of ``split`` whose key also occurs in the training rows.

    Reports give a result with and without these rows.
    """
    found: set[str] = set()
    rows = manifest.rows
    for keys in leak_keys(rows, manifest.info.modality).values():
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


def _check_rows(rows: pd.DataFrame) -> list[Problem]:
    problems = []
    unknown = ~rows["split"].isin(SPLITS)
    if unknown.any():
        words = ", ".join(sorted({repr(value) for value in rows.loc[unknown, "split"]})[:5])
        message = f"the split {words} is unknown: use {', '.join(SPLITS)}"
        problems.append(Problem("unknown_split", message, row_names(rows, unknown)))
    repeated = rows["id"].duplicated(keep=False)
    if repeated.any():
        message = "ids occur more than once: give each row its own"
        problems.append(Problem("duplicate_id", message, row_names(rows, repeated)))
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
    return [Problem("empty_text", message, row_names(rows, empty))]


def _check_targets(manifest: Manifest) -> list[Problem]:
    rows, task = manifest.rows, manifest.info.task
    if task == "regression":
        return _check_numbers(rows)
    column = "label" if task == "classification" else "labels"
    problems = []
    empty = pd.Series([_is_blank(value) for value in rows[column]], index=rows.index)
    if empty.any():
        message = (
            "rows have no label (nan, none and null are none; map one in data.labels if it is a "
            "class): remove them or fill in the label"
        )
        problems.append(Problem("no_label", message, row_names(rows, empty)))
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
        problems.append(Problem("unknown_label", message, row_names(rows, wrong)))
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
            problems.append(Problem("bad_value", message, row_names(rows, wrong)))
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


def _check_contradictions(manifest: Manifest) -> list[Problem]:
    """Warn of training texts that occur under several labels; blank ones are named elsewhere."""
    rows, info = manifest.rows.reset_index(drop=True), manifest.info
    if info.modality != "text" or info.task == "regression":
        return []
    column = "label" if info.task == "classification" else "labels"
    labels = pd.Series(
        [
            "" if _is_blank(value) else ",".join(sorted(map(str, _as_list(value))))
            for value in rows[column]
        ],
        index=rows.index,
    )
    keys = pd.Series(text_keys(rows["text"]), index=rows.index)
    used = (rows["split"] == "train") & (keys != "") & (labels != "")
    several = labels[used].groupby(keys[used]).nunique() > 1
    wrong = used & keys.isin(several.index[several])
    if not wrong.any():
        return []
    texts, held = int(several.sum()), counted_rows(int(wrong.sum()))
    what = "text of train occurs" if texts == 1 else "texts of train occur"
    message = f"{texts:,} {what} under several labels, {held} in all: correct them or keep one each"
    # equal texts side by side
    order = rows.assign(key=pd.factorize(keys)[0]).sort_values("key", kind="stable").index
    named = row_names(rows.loc[order], wrong.loc[order])
    return [Problem("contradicting_labels", message, named, "warning")]
