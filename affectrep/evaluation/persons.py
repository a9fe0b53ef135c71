"""What is said by person about the predictions of a split: shares, spread, and independence.

The figures and their formulas are in :mod:`affectrep.evaluation.person_components`; what they say,
and do not, is in docs/persons.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.intervals import FEW_CLUSTERS
from affectrep.evaluation.metrics import AXES
from affectrep.evaluation.person_components import (
    FEW_ROWS,
    compare_persons,
    error_components,
    known_subjects,
    person_statistics,
    person_table,
)

__all__ = [
    "compare_persons",
    "independence",
    "person_report",
    "person_statistics",
    "person_table",
]

Array = NDArray[Any]


def person_report(
    table: pd.DataFrame,
    *,
    training_subjects: Iterable[Any] | None = None,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Return what is to be said by person about the predictions of a split, as JSON values.

    Args:
        table: predictions of a regression, with or without a column ``subject``.
        training_subjects: of the training rows, unknown ones (None, NaN) among them; None where
            nothing is known of them.
        confidence: of the intervals.

    Returns:
        Keys: ``independent`` and ``sentence`` (:func:`independence`); ``persons`` and
        ``unknown_rows`` (counts); ``metrics`` (name -> value, low, high, n with n persons);
        ``axes`` (axis -> between_sd, within_sd, ccc_sd, best, worst); ``table`` (one dictionary a
        person) and ``warnings``. Where no subject is known only the first two and ``warnings``.

    Raises:
        ValueError: if the table is no regression.

    Example:
        >>> rows = pd.DataFrame({"id": ["a"], "valence": 0.1, "arousal": 0.2})
        >>> rows["predicted_valence"], rows["predicted_arousal"] = 0.1, 0.1
        >>> rows.attrs = {"task": "regression", "classes": []}
        >>> person_report(rows)["sentence"]
        'Not person-independent: no row of this split names its subject.'
    """
    independent, sentence = independence(table, training_subjects)
    said: dict[str, Any] = {"independent": independent, "sentence": sentence, "warnings": []}
    if not known_subjects(table).any():
        return said
    own, statistics = person_table(table), person_statistics(table)
    said["persons"], said["unknown_rows"] = len(own), int((~known_subjects(table)).sum())
    said["metrics"], said["axes"] = {}, {}
    for axis in AXES:
        found = error_components(statistics, axis, confidence=confidence)
        said["axes"][axis] = {"between_sd": found.between_sd, "within_sd": found.within_sd}
        said["axes"][axis] |= _ends(own, axis)
        share = asdict(found.interval) if found.interval else _bare(found.share)
        said["metrics"][f"person_share_{axis}"] = {**share, "n": len(own)}
        ccc = own[f"ccc_{axis}"].dropna().to_numpy(np.float64)
        if len(ccc):
            said["metrics"][f"person_ccc_{axis}"] = {**_mean(ccc, confidence), "n": len(ccc)}
    lines = own.astype(object).where(own.notna(), None)
    said["table"] = lines.to_dict("records")
    said["warnings"] = _warnings(table, own)
    return said


def independence(table: pd.DataFrame, training_subjects: Iterable[Any] | None) -> tuple[bool, str]:
    """Return whether the split's people are known to be new to the model, and a sentence.

    Args:
        table: rows of the split, with or without a column ``subject``.
        training_subjects: as in :func:`person_report`.

    Example:
        >>> rows = pd.DataFrame({"subject": ["x", "y"]})
        >>> independence(rows, ["a", "b"])
        (True, 'Person-independent: none of the 2 people of this split occurs in training.')
        >>> independence(rows, ["a", "y"])[0]
        False
    """
    known = known_subjects(table)
    if not known.any():
        return False, "Not person-independent: no row of this split names its subject."
    if not known.all():
        missing = f"{int((~known).sum()):,} of {len(table):,} rows of this split name no subject"
        return False, f"Not person-independent: {missing}."
    if training_subjects is None:
        return False, "Not person-independent: the people of the training split are not known."
    people, trained = table["subject"].astype(str), pd.Series(list(training_subjects), dtype=object)
    unknown = int(trained.isna().sum())
    if unknown or not len(trained):
        rows = f"{unknown:,} of {len(trained):,} training rows name no subject"
        return False, f"Not person-independent: {rows}."
    shared = sorted(set(people) & set(trained.astype(str)))
    count = people.nunique()
    if shared:
        rows = f"{int(people.isin(shared).sum()):,} of {len(people):,} rows"
        told = ", ".join(shared[:5]) + (", ..." if len(shared) > 5 else "")
        verb = "occurs" if len(shared) == 1 else "occur"
        return False, (
            f"Not person-independent: {len(shared):,} of the {count:,} people of this split "
            f"({rows}) {verb} in training: {told}."
        )
    return True, (
        f"Person-independent: none of the {count:,} people of this split occurs in training."
    )


def _bare(value: float) -> dict[str, Any]:
    return {"value": value, "low": None, "high": None}


def _mean(values: Array, confidence: float) -> dict[str, Any]:
    """Return the mean of one value a person with Student's interval, inside [-1, 1]."""
    from scipy.stats import t

    mean = float(values.mean())
    if len(values) < 2:
        return _bare(mean)
    half = t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return {"value": mean, "low": float(max(-1, mean - half)), "high": float(min(1, mean + half))}


def _ends(own: pd.DataFrame, axis: str) -> dict[str, Any]:
    """Return the spread of the persons' CCC, and the best and the worst person."""
    column = f"ccc_{axis}"
    told = own[own[column].notna()].sort_values(column, kind="stable")
    said: dict[str, Any] = {"ccc_sd": None, "best": None, "worst": None}
    if len(told) > 1:
        said["ccc_sd"] = float(told[column].std(ddof=1))
        for name, place in (("worst", 0), ("best", -1)):
            line = told.iloc[place]
            person = {"subject": str(line["subject"]), "n": int(line["n"])}
            said[name] = {**person, "ccc": float(line[column])}
    return said


def _warnings(table: pd.DataFrame, own: pd.DataFrame) -> list[str]:
    said, few = [], int((own["n"] < FEW_ROWS).sum())
    if few:
        said.append(
            f"{few:,} of {len(own):,} people have fewer than {FEW_ROWS} rows: they have no CCC of "
            "their own, and their biases are mostly noise."
        )
    if len(own) < FEW_CLUSTERS:
        said.append(f"There are only {len(own)} people, so intervals over people are wide.")
    if not (own["n"] > 1).any():
        said.append(
            "Nobody has two rows, so errors between and within people cannot be told apart."
        )
    if "video" in table and table["video"].notna().any():
        said.append(
            "Rows are frames of videos, which resemble one another: the between-person share is "
            "too high and its interval too short."
        )
    return said
