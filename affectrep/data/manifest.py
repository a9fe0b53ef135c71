"""The manifest: one table of all rows of a corpus, with what is known about the corpus."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from affectrep.data.keys import content_hashes, digest
from affectrep.data.problems import Problem

__all__ = ["DOMAINS", "SPLITS", "CorpusInfo", "Manifest"]

SPLITS = ("train", "validation", "test")
DOMAINS = ("speaker", "subject", "gender", "language", "corpus", "author", "expression")
_LISTS = ("labels", "posterior")


@dataclass(frozen=True)
class CorpusInfo:
    """What is known about a corpus beside its rows.

    Args:
        name: its name in CORPORA.
        title: the name that reports print.
        modality: text, speech or face.
        task: classification, multilabel or regression.
        classes: class names in the order of the model's outputs; None for regression.
        licence: the terms as their owner states them.
        source: where it can be had.
        generated: True for a corpus that a program wrote; reports say so.
        accept_leaks: why rows that occur in two splits are accepted; None refuses them.
        dropped: reason -> number of rows that preparation left out.
        notes: sentences that reports print.
        problems: rows that the reader had to leave out because something is wrong with them.
    """

    name: str
    title: str
    modality: Literal["text", "speech", "face"]
    task: Literal["classification", "multilabel", "regression"]
    classes: list[str] | None
    licence: str
    source: str
    generated: bool = False
    accept_leaks: str | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Manifest:
    """All rows of a corpus.

    Args:
        rows: one line per row. Columns: ``id`` (str), ``split`` (train, validation, test),
            ``text`` or ``path``; one of ``label`` (str), ``labels`` (list of str), ``valence``
            with ``arousal`` (float in [-1, 1]); where known ``speaker``, ``subject``,
            ``language``, ``corpus``, ``author``, ``expression`` (str or None), ``posterior`` (list
            of float over the classes), ``row`` (1-based in the source file), ``source_file``.
        info: what is known about the corpus.

    Raises:
        ValueError: if a column that every manifest needs is missing.

    Example:
        >>> info = CorpusInfo("x", "X", "text", "classification", ["calm", "glad"], "own", "own")
        >>> table = pd.DataFrame({"id": ["1", "2"], "split": ["train", "test"],
        ...                       "text": ["Yes!", "Hm."], "label": ["glad", "calm"]})
        >>> manifest = Manifest(table, info)
        >>> manifest.targets("train").tolist(), manifest.split("test")["text"].tolist()
        ([1], ['Hm.'])
    """

    rows: pd.DataFrame
    info: CorpusInfo

    def __post_init__(self) -> None:
        columns = {
            "classification": ["label"],
            "multilabel": ["labels"],
            "regression": ["valence", "arousal"],
        }
        needed = ["id", "split", *columns[self.info.task]]
        missing = [name for name in needed if name not in self.rows]
        if "text" not in self.rows and "path" not in self.rows:
            missing.append("text or path")
        if missing:
            raise ValueError(
                f"the manifest of {self.info.name} has no column {', '.join(missing)}; "
                f"it has {', '.join(map(str, self.rows.columns))}"
            )

    def split(self, name: str) -> pd.DataFrame:
        """Return the rows of a split, renumbered from 0.

        Raises:
            ValueError: if the split is unknown or has no rows.
        """
        if name not in SPLITS:
            raise ValueError(f"there is no split {name!r}; expected one of {', '.join(SPLITS)}")
        rows = self.rows[self.rows["split"] == name].reset_index(drop=True)
        if rows.empty:
            raise ValueError(f"the split {name} of {self.info.title} has no rows")
        return rows

    def targets(self, name: str) -> np.ndarray[Any, Any]:
        """Return the targets of a split.

        Returns:
            ``(rows,)`` int64 classes, ``(rows, classes)`` float32 in {0, 1}, or ``(rows, 2)``
            float32 valence and arousal in [-1, 1], by the corpus' task.

        Raises:
            ValueError: if a label is not among the classes.
        """
        rows = self.split(name)
        if self.info.task == "regression":
            return np.asarray(rows[["valence", "arousal"]], dtype=np.float32)
        if self.info.task == "classification":
            return np.array([self._code(label) for label in rows["label"]], dtype=np.int64)
        target = np.zeros((len(rows), len(self._codes)), dtype=np.float32)
        for index, labels in enumerate(rows["labels"]):
            target[index, [self._code(label) for label in labels]] = 1.0
        return target

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {label: code for code, label in enumerate(self.info.classes or [])}

    def _code(self, label: object) -> int:
        if not isinstance(label, str) or label not in self._codes:
            known = ", ".join(self._codes)
            raise ValueError(f"label {label!r} is not a class of {self.info.title}: {known}")
        return self._codes[label]

    def domains(self) -> dict[str, list[str]]:
        """Return the domain columns with the sorted names that occur in the training rows.

        The place of a name in its list is its code. A column without any name is left out.
        """
        train = self.rows[self.rows["split"] == "train"]
        names = {
            column: sorted({value for value in train[column] if isinstance(value, str)})
            for column in DOMAINS
            if column in train
        }
        return {column: values for column, values in names.items() if values}

    def fingerprint(self) -> dict[str, dict[str, int | str]]:
        """Return per split the number of rows and SHA-256 digests of ids, content and targets.

        Two manifests with one fingerprint hold the same rows in the same order.
        """
        found: dict[str, dict[str, int | str]] = {}
        for name in SPLITS:
            rows = self.rows[self.rows["split"] == name]
            found[name] = {
                "rows": len(rows),
                "ids": digest(map(str, rows["id"])),
                "content": digest(content_hashes(rows)),
                "targets": digest(self._target_words(rows)),
            }
        return found

    def box_digests(self) -> dict[str, str]:
        """Return a SHA-256 of the face boxes of each split that has any; {} for whole images.

        They stand apart from the fingerprint: rows stay the same rows when another version of a
        detector finds their faces in another place. Places count to a hundredth of a pixel.
        """
        columns = ["box_left", "box_top", "box_side"]
        if not set(columns) <= set(self.rows):
            return {}
        found = {}
        for name in SPLITS:
            boxes = self.rows.loc[self.rows["split"] == name, columns].astype(float)
            if boxes.notna().any(axis=None):
                lines = boxes.to_numpy().round(2) + 0.0  # no -0.00
                found[name] = digest(",".join(f"{value:.2f}" for value in line) for line in lines)
        return found

    def _target_words(self, rows: pd.DataFrame) -> list[str]:
        if self.info.task == "classification":
            return [str(label) for label in rows["label"]]
        if self.info.task == "multilabel":
            return [",".join(sorted(map(str, labels))) for labels in rows["labels"]]
        pairs = zip(rows["valence"], rows["arousal"], strict=True)
        return [f"{valence:.6f},{arousal:.6f}" for valence, arousal in pairs]

    def save(self, folder: Path | str) -> Path:
        """Write ``manifest.parquet`` and ``manifest.json`` into ``folder``; return the folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.rows.to_parquet(folder / "manifest.parquet", index=False)
        text = json.dumps(asdict(self.info), indent=2, ensure_ascii=False)
        (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: Path | str) -> Manifest:
        """Read a manifest that `save` wrote.

        Raises:
            FileNotFoundError: if the folder holds no manifest.
        """
        folder = Path(folder)
        for name in ("manifest.parquet", "manifest.json"):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} has no {name}: prepare the corpus first")
        known = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        found = [
            Problem(**{**one, "rows": tuple(one["rows"])}) for one in known.pop("problems", [])
        ]
        info = CorpusInfo(**known, problems=found)
        rows = pd.read_parquet(folder / "manifest.parquet")
        for column in _LISTS:
            if column in rows:
                rows[column] = pd.Series([list(value) for value in rows[column]], dtype=object)
        return cls(rows, info)
