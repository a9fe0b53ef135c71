"""Read the files of a run folder, with a sentence for each that is missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.setting import setting_name
from affectrep.evaluation.predictions import read_predictions
from affectrep.evaluation.records import read_compact
from affectrep.evaluation.stored_yaml import read_configuration

__all__ = ["StoredRun"]


@dataclass(frozen=True)
class StoredRun:
    """A folder ``runs/<name>[.<setting>]-<seed>`` that training wrote.

    Raises:
        FileNotFoundError: if the folder is missing, or holds no run.
    """

    path: Path

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise FileNotFoundError(f"{self.path}: no such run folder.")
        if not (self.path / "config.yaml").is_file():
            raise FileNotFoundError(
                f"{self.path} holds no config.yaml, so it is not a run; "
                "give a folder such as runs/<name>-<seed>."
            )

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration as plain values."""
        return read_configuration(self.path / "config.yaml")

    @property
    def name(self) -> str:
        """The configuration's name."""
        return str(self.config["name"])

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.config.get("seed", 0))

    @property
    def setting(self) -> str:
        """What was unseen and how much was known of it, such as "strict de"; empty for text."""
        data = self.config.get("data") or {}
        standardise = (data.get("speech") or {}).get("standardise") or "strict"
        return setting_name(data.get("protocol"), standardise)

    @property
    def is_record(self) -> bool:
        """Whether only its record is here: predictions as text, no model."""
        kept = any((self.path / "predictions").glob("*.csv"))
        return kept and not (self.path / "model").is_dir()

    @property
    def shown_path(self) -> Path:
        """Its folder, for commands; of a record the one in which the run would lie again."""
        return Path("runs") / self.path.name if self.is_record else self.path

    @property
    def gives_rankings(self) -> bool:
        """Whether its scores are an order of the classes, and no probabilities."""
        objective = self.config.get("objective") or {}
        return objective.get("name") == "fitted" and objective.get("classifier") == "svm"

    @property
    def config_hash(self) -> str:
        """Short SHA-256 of the resolved configuration."""
        return hashlib.sha256((self.path / "config.yaml").read_bytes()).hexdigest()[:12]

    @property
    def model_hash(self) -> str:
        """Short SHA-256 of the weights.

        Raises:
            FileNotFoundError: if training has not saved a model yet.
        """
        weights = self.path / "model" / "model.safetensors"
        if not weights.is_file():
            raise FileNotFoundError(
                f"{weights} is not there: the run is not finished. "
                "Give the same `affectrep train` command again to go on."
            )
        with weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]

    @property
    def environment(self) -> dict[str, Any]:
        """What is known of the machine and the training time; empty where nothing is."""
        return self._json("environment.json")

    @property
    def data(self) -> dict[str, Any]:
        """The fingerprint and the description of the corpus; empty where nothing is."""
        return self._json("data.json")

    @property
    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """Rows and digests per split, as they were in training."""
        data = self.data
        return dict(data.get("fingerprint") or {k: v for k, v in data.items() if k in _SPLITS})

    @property
    def boxes(self) -> dict[str, str]:
        """A digest of the face boxes of each split, as they were in training; {} of older runs."""
        return dict(self.data.get("boxes") or {})

    @property
    def info(self) -> dict[str, Any]:
        """The description of the corpus."""
        return dict(self.data.get("info") or {})

    def table_path(self, split: str) -> Path:
        """Where the predictions of a split lie."""
        return self.path / "predictions" / f"{split}.parquet"

    def table(self, split: str) -> pd.DataFrame:
        """Return the stored predictions of a split; a record's where there is no table."""
        path = self.table_path(split)
        record = path.with_suffix(".csv")
        if record.is_file() and not path.is_file():
            return read_compact(record)
        return read_predictions(path)

    def scorecard(self, split: str) -> dict[str, Any]:
        """Return the stored figures of a split; empty where it was not evaluated."""
        return self._json(f"predictions/{split}.json")

    def findings(self, name: str) -> pd.DataFrame | None:
        """Return a table of what the objective found in training; None where there is none.

        Names of classes and rows are text, everything else is numbers.

        Args:
            name: of the table, such as ``mined_pairs`` or ``recurring_positives``.

        Raises:
            ValueError: if the file is no such table.
        """
        path = self.path / "findings" / f"{name}.csv"
        if not path.is_file():
            return None
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            for column in table:
                if column not in ("id", "label") and not str(column).startswith("class"):
                    table[column] = pd.to_numeric(table[column])
        except ValueError as error:
            raise ValueError(f"{path} is not a table of findings: {error}") from None
        return table

    def history(self) -> pd.DataFrame:
        """Return ``metrics.jsonl`` as a table: step, phase, name, value, epoch.

        Of a figure that was written twice (a run that went on after a stop) the last counts.
        """
        columns = ["step", "phase", "name", "value", "epoch"]
        path = self.path / "metrics.jsonl"
        if not path.is_file():
            return pd.DataFrame(columns=columns)
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [row for line in lines if (row := _line(line)) is not None]
        table = pd.DataFrame(rows, columns=columns)
        return table.drop_duplicates(["step", "phase", "name"], keep="last").reset_index(drop=True)

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        if not path.is_file():
            return {}
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not readable as JSON: {error}") from None
        return values if isinstance(values, dict) else {}


_SPLITS: Sequence[str] = ("train", "validation", "test")


def _line(text: str) -> dict[str, Any] | None:
    """Return a line of metrics.jsonl; None for one that was cut off when the run was killed."""
    try:
        row = json.loads(text)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
