"""Invented run folders, as training and evaluation would leave them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.families import families_from_confusion
from affectrep.evaluation.ledger import record_read
from affectrep.evaluation.metrics import confusion_matrix
from affectrep.evaluation.predictions import (
    predictions_table,
    table_targets,
    write_predictions,
)
from affectrep.evaluation.scorecard import Resampling, scorecard

CLASSES = ["annoyance", "anger", "rage", "joy", "delight", "fear", "worry", "calm"]
KIN = [0, 0, 0, 1, 1, 2, 2, 3]


def labels_of(rows: int) -> np.ndarray:
    """The same labels for every run: unequal class sizes."""
    weights = np.linspace(2, 1, len(CLASSES))
    return np.random.default_rng(7).choice(len(CLASSES), rows, p=weights / weights.sum())


def predictions_of(rows: int, seed: int, skill: float) -> Predictions:
    """Scores that are right with probability ``skill`` and err mostly inside the family."""
    rng = np.random.default_rng(100 + seed)
    labels = labels_of(rows)
    scores = rng.normal(0, 0.6, (rows, len(CLASSES)))
    kin = np.array(KIN)
    for row, label in enumerate(labels):
        near = [c for c in range(len(CLASSES)) if kin[c] == kin[label] and c != label]
        wrong = near if near and rng.random() < 0.7 else list(range(len(CLASSES)))
        said = label if rng.random() < skill else rng.choice(wrong)
        scores[row, said] += 4
    return Predictions([f"r{i}" for i in range(rows)], labels, scores.astype(np.float32))


def table_of(rows: int = 400, seed: int = 0, skill: float = 0.6) -> pd.DataFrame:
    """A predictions table with a speaker column."""
    people = pd.DataFrame({"speaker": [f"s{i % 40}" for i in range(rows)]})
    found = predictions_of(rows, seed, skill)
    return predictions_table(found, "classification", CLASSES, domains=people)


def make_run(
    folder: Path,
    name: str = "invented",
    seed: int = 0,
    *,
    skill: float = 0.6,
    rows: int = 400,
    generated: bool = True,
    families: bool = False,
    leaked: int = 0,
    evaluated: bool = True,
) -> Path:
    """Write a whole run folder and return it."""
    run = folder / f"{name}-{seed}"
    (run / "model").mkdir(parents=True)
    (run / "model" / "model.safetensors").write_bytes(f"{name}{seed}".encode())
    config = {"name": name, "seed": seed, "task": "classification", "recipe": "fec_text"}
    config["training"] = {"select": "weighted_f1"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    _write(run / "data.json", {"fingerprint": _prints(rows), "info": _info(generated)})
    _write(run / "environment.json", _environment(name, seed))
    (run / "metrics.jsonl").write_text(_history(seed, skill))
    if evaluated:
        _evaluate(run, table_of(rows, seed, skill), families, leaked)
    return run


def _evaluate(run: Path, table: pd.DataFrame, families: bool, leaked: int) -> None:
    write_predictions(run / "predictions" / "test.parquet", table)
    record_read(run, "test", config="c0ffee")
    confusion = confusion_matrix(*table_targets(table), len(CLASSES))
    groups = families_from_confusion(confusion, CLASSES) if families else None
    texts = {row: f"An invented sentence number {row[1:]}, with <b>marks</b>." for row in table.id}
    card = scorecard(
        table,
        families=groups,
        resampling=Resampling(300),
        texts=texts,
        leaked=list(table.id[:leaked]),
    )
    if _info(True)["generated"]:
        card["baselines"] = [
            {"system": "majority class", "accuracy": 0.15, "weighted_f1": 0.04, "macro_f1": 0.03},
            {"system": "TF-IDF", "accuracy": 0.5, "weighted_f1": 0.49, "macro_f1": 0.48},
            {"system": "Bayes ceiling", "accuracy": 0.8, "weighted_f1": 0.79, "macro_f1": 0.79},
        ]
    _write(run / "predictions" / "test.json", {"split": "test", "readings": 1, **card})


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, allow_nan=False))


def _prints(rows: int) -> dict[str, dict[str, object]]:
    sizes = {"train": 8 * rows, "validation": rows, "test": rows}
    return {k: {"rows": n, "ids": "1f" * 32, "content": "2e" * 32} for k, n in sizes.items()}


def _info(generated: bool) -> dict[str, object]:
    return {
        "name": "invented",
        "title": "Invented emotions",
        "modality": "text",
        "task": "classification",
        "classes": CLASSES,
        "licence": "CC0",
        "source": "tests",
        "generated": generated,
        "accept_leaks": None if generated else "the official split shares rows",
        "dropped": {"rows with several labels": 12},
        "notes": ["Templates of the test split do not occur in training."],
    }


def _environment(name: str, seed: int) -> dict[str, object]:
    return {
        "python": "3.11.7",
        "versions": {"torch": "2.11.0", "transformers": "5.1"},
        "device": "cpu",
        "cpu": "An invented processor",
        "threads": 2,
        "commit": "abc1234",
        "minutes": 4.2,
        "best_epoch": 3,
        "started": "2026-01-01T10:00:00Z",
        "command": ["affectrep", "train", f"configs/fec_text/{name}.yaml", f"seed={seed}"],
    }


def _history(seed: int, skill: float) -> str:
    rng = np.random.default_rng(seed)
    lines = []
    for step in range(1, 241, 4):
        loss = 0.5 + 1.6 * np.exp(-step / 60) + rng.normal(0, 0.06)
        lines.append({"step": step, "epoch": step // 60, "phase": "main", "name": "cross_entropy"})
        lines[-1]["value"] = float(loss)
    for epoch, share in enumerate((0.72, 0.92, 1.0, 0.985)):
        line = {"step": 60 * (epoch + 1), "epoch": epoch, "phase": "validation"}
        value = float(skill * share + rng.normal(0, 0.003))
        lines.append({**line, "name": "weighted_f1", "value": value})
    return "".join(json.dumps(line) + "\n" for line in lines)
