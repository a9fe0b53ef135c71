"""Records: what the repository keeps of a run, so that its figures can be computed again.

A record is a small run folder without weights and without text: the configuration (data folder
left out), what is known of machine and data, the ledger, what mining found, and per split a CSV
of ids, labels and predictions. `affectrep compare` reads it like a run. In the repository the
records of all seeds lie in one file (:mod:`affectrep.evaluation.record_sets`).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from affectrep.evaluation.ledger import readings
from affectrep.evaluation.predictions import table_probabilities, table_targets
from affectrep.evaluation.record_origin import told_path
from affectrep.evaluation.stored_yaml import read_configuration
from affectrep.evaluation.strong_weak import RADIUS

__all__ = [
    "margin_probabilities",
    "read_compact",
    "read_json",
    "write_compact",
    "write_record",
]

# these hold ids, names of classes and numbers only
FINDINGS = ("mined_pairs", "recurring_positives", "adversary")
_NUMBERS = ("valence", "arousal", "predicted_valence", "predicted_arousal", "margin")


def write_record(run: Path, split: str, table: pd.DataFrame, folder: Path) -> Path:
    """Write the record of a run's split below ``folder``; return the record's folder.

    Args:
        run: folder of the run.
        split: train, validation or test.
        table: its predictions.
        folder: of all records.

    Raises:
        ValueError: if a file of the run is damaged; it is named.
    """
    record = folder / run.name
    (record / "predictions").mkdir(parents=True, exist_ok=True)
    values = read_configuration(run / "config.yaml")
    if isinstance(values.get("data"), dict):
        values["data"]["root"] = None  # a folder of somebody's machine
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    (record / "config.yaml").write_text(text, encoding="utf-8")
    environment = read_json(run / "environment.json")
    environment.pop("command", None)
    (record / "environment.json").write_text(json.dumps(environment, indent=1) + "\n")
    if (run / "data.json").is_file():
        read_json(run / "data.json")  # damage is found here, where the run's own file can be named
        shutil.copyfile(run / "data.json", record / "data.json")
    _write_ledger(run, record)
    for name in FINDINGS:
        found = run / "findings" / f"{name}.csv"
        if found.is_file():
            (record / "findings").mkdir(exist_ok=True)
            shutil.copyfile(found, record / "findings" / found.name)
    write_compact(record / "predictions" / f"{split}.csv", table)
    return record


def write_compact(path: Path, table: pd.DataFrame) -> None:
    """Write ids, targets, predictions and domains as CSV, classes as numbers, without texts.

    The first line is a comment with task, classes and thresholds as JSON. Of the probabilities of
    a single-label task a column ``margin`` is kept: by how much the predicted class was the more
    probable one than the true class, 0 where that is the same class.
    """
    attrs = {key: table.attrs.get(key) for key in ("task", "classes", "threshold", "split")}
    attrs |= {key: table.attrs[key] for key in (RADIUS,) if key in table.attrs}
    codes = {name: code for code, name in enumerate(attrs["classes"] or [])}
    columns = [name for name in table if not str(name).startswith("prob_")]
    small = table[columns].copy()
    if attrs["task"] == "classification" and "prob_0" in table:
        small["margin"] = [f"{margin:.9g}" for margin in _margins(table)]
    for name in ("label", "labels", "predicted"):
        if name in small:
            small[name] = [_encode(value, codes) for value in small[name]]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"# {json.dumps(attrs)}\n")
        small.to_csv(file, index=False, lineterminator="\n", float_format="%.6g")


def read_compact(path: Path) -> pd.DataFrame:
    """Read what :func:`write_compact` wrote; probabilities are not in it, only margins.

    Raises:
        ValueError: if the file is something else, or damaged.
    """
    with path.open(encoding="utf-8") as file:
        first = file.readline()
        if not first.startswith("# {"):
            raise ValueError(f"{told_path(path)} is not a record of predictions.")
        try:
            attrs: dict[str, Any] = json.loads(first[2:])
            table = pd.read_csv(file, dtype={"id": str, "labels": str}, keep_default_na=False)
            _decode_columns(table, attrs)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{told_path(path)} is damaged: {error}") from None
    table.attrs = attrs
    return table


def margin_probabilities(table: pd.DataFrame) -> pd.DataFrame:
    """Return a record's table with probabilities that have its margins, and are not the model's.

    A wrong row gives everything to its predicted and its true class, a right row to its class.
    This is enough to find the worst errors again (:mod:`affectrep.evaluation.worst_confusions`),
    and for nothing else. A table that has probabilities is returned as it is.

    Args:
        table: what :func:`read_compact` returns for a single-label task.

    Raises:
        ValueError: if the table has neither probabilities nor margins.

    Example:
        >>> table = pd.DataFrame({"label": ["joy"], "predicted": ["calm"], "margin": [0.5]})
        >>> table.attrs = {"task": "classification", "classes": ["calm", "joy"]}
        >>> margin_probabilities(table)[["prob_0", "prob_1"]].to_numpy().tolist()
        [[0.75, 0.25]]
    """
    if "prob_0" in table:
        return table
    if "margin" not in table:
        raise ValueError(
            "expected probabilities or margins beside the predictions, got neither: the record "
            "was written before margins were kept; evaluate the run again."
        )
    classes = table.attrs["classes"]
    true, said = table_targets(table)
    half = table["margin"].to_numpy(dtype=np.float64) / 2
    probabilities, rows = np.zeros((len(table), len(classes))), np.arange(len(table))
    probabilities[rows, true] = 0.5 - half
    probabilities[rows, said] += 0.5 + half
    columns = [f"prob_{i}" for i in range(len(classes))]
    whole = table.join(pd.DataFrame(probabilities, columns=columns, index=table.index))
    whole.attrs = table.attrs
    return whole


def _margins(table: pd.DataFrame) -> np.ndarray[Any, Any]:
    true, said = table_targets(table)
    probabilities, rows = table_probabilities(table), np.arange(len(table))
    return np.asarray(probabilities[rows, said] - probabilities[rows, true])


def _encode(value: Any, codes: dict[str, int]) -> str:
    names = [value] if isinstance(value, str) else list(value)
    return "|".join(str(codes[name]) for name in names)


def _decode_columns(table: pd.DataFrame, attrs: dict[str, Any]) -> None:
    """Put names of classes in place of their numbers, and refuse what is no number."""
    classes, several = attrs["classes"] or [], attrs["task"] == "multilabel"
    for name in ("label", "labels", "predicted"):
        if name in table:
            table[name] = [_decode(value, classes, several) for value in table[name]]
    for name in _NUMBERS:
        if name in table:
            pd.to_numeric(table[name])


def _decode(value: Any, classes: list[str], several: bool) -> Any:
    codes = [code for code in str(value).split("|") if code]
    known = all(code.isdecimal() and int(code) < len(classes) for code in codes)
    if not known or not (several or codes):
        raise ValueError(f"{str(value)!r} stands where one of {len(classes)} classes is expected")
    names = [classes[int(code)] for code in codes]
    return names if several else names[0]


def read_json(path: Path) -> dict[str, Any]:
    """Return the values of a JSON file of a run; none where there is no file.

    Raises:
        ValueError: if the file is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return values if isinstance(values, dict) else {}


def _write_ledger(run: Path, record: Path) -> None:
    """Copy the ledger; a line that was cut off becomes what the ledger still reads from it."""
    path = run / "reads.jsonl"
    if not path.is_file():
        return
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            json.loads(line)
    except ValueError:
        lines = [json.dumps(asdict(one)) + "\n" for one in readings(run)]
        (record / path.name).write_text("".join(lines), encoding="utf-8")
    else:
        shutil.copyfile(path, record / path.name)
