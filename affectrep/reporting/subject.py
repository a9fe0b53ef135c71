"""What a report is about: the runs of one configuration and setting, with their stored figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.alignment import align, clustered_table
from affectrep.evaluation.comparison import mean_over_seeds
from affectrep.evaluation.families import Families
from affectrep.evaluation.given_runs import listed
from affectrep.evaluation.intervals import Interval
from affectrep.evaluation.metrics import most_confused
from affectrep.evaluation.predictions import cluster_names, table_statistics, table_targets
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.figures import headline

__all__ = ["Subject", "by_corpus", "finite_rows", "gather", "one_of_each"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Subject:
    """Runs of one configuration in one setting, in the order of their seeds.

    Args:
        runs: one per seed.
        split: whose figures are shown; None where no run was evaluated.
        cards: scorecards of that split, of the runs that have one.
        place: among several subjects of one report; None where it is alone.
        says_setting: whether the setting is part of its name, as others have the configuration's.
    """

    runs: list[StoredRun]
    split: str | None
    cards: list[dict[str, Any]]
    place: int | None = None
    says_setting: bool = False

    def anchor(self, name: str) -> str:
        """Return the address of a section about this configuration."""
        return name if self.place is None else f"{name}-{self.place}"

    def heading(self, words: str) -> str:
        """Return the heading of a section about this configuration."""
        return words if self.place is None else f"{self.name.replace('_', ' ')}: {words.lower()}"

    @property
    def name(self) -> str:
        """The configuration's name, with setting or corpus where that tells it apart."""
        name = self.runs[0].name
        apart = self.setting or str(self.info.get("name", ""))
        return f"{name} ({apart})" if self.says_setting and apart else name

    @property
    def setting(self) -> str:
        """What was unseen, such as "strict de"; empty for text."""
        return self.runs[0].setting

    @property
    def info(self) -> dict[str, Any]:
        """The description of the corpus."""
        return self.runs[0].info

    @property
    def task(self) -> str:
        """The task: classification, multilabel or regression."""
        return str(self.runs[0].config.get("task", "classification"))

    @property
    def classes(self) -> list[str]:
        """Class names in declared order."""
        return list(self.cards[0]["classes"]) if self.cards else []

    @property
    def metric(self) -> str:
        """The figure that stands for all: the one that picked the epoch, else the task's own."""
        select = str((self.runs[0].config.get("training") or {}).get("select", ""))
        known = headline(self.task)
        default = known[1 if self.task == "classification" else 0]
        return select if select in known else default

    def figure(self, metric: str, *, part: str = "") -> dict[str, Any]:
        """Return the mean over seeds with an interval, the seeds' sd, and how many there are.

        Of several seeds the interval is that of :attr:`over_seeds`. Where there is none, it spans
        those of all seeds, from the lowest end to the highest (:attr:`spans`).

        Args:
            metric: its name.
            part: of the scorecard that has the metric, such as ``leakage``; empty for the figures.
        """
        cards = [card[part] if part else card for card in self.cards if not part or part in card]
        found = [card["metrics"][metric] for card in cards]
        values = [one["value"] for one in found]
        ends: dict[str, float | None] = {"low": None, "high": None}
        if not part and metric in self.over_seeds:
            whole = self.over_seeds[metric]
            ends = {"low": whole.low, "high": whole.high}
        elif all(one["low"] is not None and one["high"] is not None for one in found):
            ends = {"low": min(o["low"] for o in found), "high": max(o["high"] for o in found)}
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return {"value": float(np.mean(values)), **ends, "sd": spread, "seeds": len(values)}

    @cached_property
    def over_seeds(self) -> dict[str, Interval]:
        """Each metric's mean over several seeds, with its interval over rows and seeds.

        Empty for one seed, and where the stored predictions are not there or of different rows.
        """
        runs = [run for run in self.runs if self.split and run.scorecard(self.split)]
        if len(runs) < 2 or len(runs) != len(self.cards):
            return {}
        known = self.cards[0]["resampling"]
        try:
            first = clustered_table(runs[0], str(self.split))
            tables = [
                align(clustered_table(run, str(self.split)), run, first, runs[0]) for run in runs
            ]
            return mean_over_seeds(
                [table_statistics(table) for table in tables],
                resamples=int(known["resamples"]),
                confidence=float(known["confidence"]),
                clusters=cluster_names(first, known["cluster"]),
            )
        except (OSError, KeyError, ValueError):
            return {}

    @property
    def spans(self) -> str:
        """What intervals are that could not be made over rows and seeds; empty for one seed."""
        if len(self.cards) < 2:
            return ""
        return " Each interval spans those of all seeds, from the lowest end to the highest."

    def first_table(self) -> tuple[StoredRun, pd.DataFrame] | None:
        """Return the predictions of the shown split of the first run that has them, and the run."""
        for run in self.runs if self.split else []:
            try:
                return run, run.table(str(self.split))
            except FileNotFoundError:
                continue
        return None

    @cached_property
    def confusion(self) -> Array | None:
        """Counts ``(classes, classes)`` added up over seeds; None where there are none."""
        if not self.cards or "confusion" not in self.cards[0]:
            return None
        return np.asarray(np.sum([card["confusion"] for card in self.cards], axis=0))

    @property
    def families(self) -> Families | None:
        """The families that the figures used."""
        stored = self.cards[0].get("families") if self.cards else None
        return Families(**stored) if stored else None

    def per_class(self) -> list[dict[str, Any]]:
        """Return per class the mean F1, precision and recall over seeds, best F1 first."""
        tables = [card["per_class"] for card in self.cards if "per_class" in card]
        rows = [
            {
                "class": group[0]["class"],
                "support": group[0]["support"],
                **{
                    key: float(np.mean([row[key] for row in group]))
                    for key in ("f1", "precision", "recall")
                },
            }
            for group in zip(*tables, strict=True)
        ]
        return sorted(rows, key=lambda row: -row["f1"])

    def confused(self, top: int = 8) -> list[dict[str, Any]]:
        """Return the most confused pairs over all seeds, with examples where a run has them."""
        if self.confusion is None:
            return []
        examples: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for card in self.cards:
            for pair in card.get("confused", []):
                examples.setdefault((pair["true"], pair["predicted"]), pair.get("examples", []))
        pairs = most_confused(self.confusion, self.classes, top)
        return [
            {**pair, "examples": examples.get((pair["true"], pair["predicted"]), [])}
            for pair in pairs
        ]


def finite_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a regression that can be drawn: all values are finite.

    A run that diverged has predictions that are not.

    Example:
        >>> table = pd.DataFrame({"valence": [0.1, 0.2], "arousal": 0.0, "predicted_arousal": 0.0})
        >>> table["predicted_valence"] = [0.3, float("nan")]
        >>> table.attrs = {"task": "regression", "classes": []}
        >>> len(finite_rows(table))
        1
    """
    kept = np.isfinite(np.hstack(table_targets(table))).all(axis=1)
    found = table[kept].reset_index(drop=True)
    found.attrs = table.attrs
    return found


def one_of_each(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return one run of each configuration, setting, corpus and seed, and what was left out.

    Of a run and its record the run stays, which holds more; else the one that was given first.

    Raises:
        FileNotFoundError: if a folder holds no run.
    """
    runs = [StoredRun(Path(path)) for path in paths]
    kept: dict[tuple[str, ...], StoredRun] = {}
    for run in sorted(runs, key=lambda run: run.is_record):
        kept.setdefault((*_group(run), str(run.seed)), run)
    chosen = {id(run) for run in kept.values()}
    odd = [run.path for run in runs if id(run) not in chosen]
    said = f"Left out, as the same seed of the same configuration is given, too: {listed(odd)}."
    return [run.path for run in runs if id(run) in chosen], [said] if odd else []


def _group(run: StoredRun) -> tuple[str, str, str]:
    return run.name, run.setting, str(run.info.get("title") or "")


def gather(paths: Sequence[Path]) -> list[Subject]:
    """Group run folders by configuration and setting; the test split is shown where all have it.

    A seed counts once, see :func:`one_of_each`.

    Raises:
        FileNotFoundError: if a folder holds no run.
        ValueError: if there is no run.
    """
    if not paths:
        raise ValueError("a report needs at least one run folder.")
    groups: dict[tuple[str, str, str], list[StoredRun]] = {}
    runs, _ = one_of_each(paths)
    for run in sorted((StoredRun(path) for path in runs), key=lambda run: run.seed):
        groups.setdefault(_group(run), []).append(run)
    names = [name for name, _, _ in groups]
    subjects = []
    for number, mine in enumerate(groups.values()):
        counts = {
            split: sum(bool(run.scorecard(split)) for run in mine)
            for split in ("test", "validation")
        }
        best = max(counts, key=lambda split: counts[split])
        split = best if counts[best] else None
        cards = [card for run in mine if split and (card := run.scorecard(split))]
        place = number if len(groups) > 1 else None
        several = names.count(mine[0].name) > 1
        subjects.append(Subject(mine, split, cards, place, says_setting=several))
    return subjects


def by_corpus(subjects: Sequence[Subject]) -> dict[str, list[Subject]]:
    """Return the subjects of each corpus by its title, in the order in which they come."""
    found: dict[str, list[Subject]] = {}
    for subject in subjects:
        title = str(subject.info.get("title") or "affectrep report")
        found.setdefault(title, []).append(subject)
    return found
