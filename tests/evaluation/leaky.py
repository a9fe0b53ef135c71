"""Invented runs of a speech corpus that were evaluated with ``--leakage``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.evaluation.attackers import Attacker
from affectrep.evaluation.embeddings import Embeddings
from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.predictions import predictions_table, write_predictions
from affectrep.evaluation.stored_run import StoredRun

EMOTIONS = ["angry", "calm"]
QUICK = {
    "linear": Attacker(strengths=(0.1, 1.0)),
    "mlp": Attacker("mlp", units=(8,), decays=(1.0,), steps=40),
}
_PLACES = {"train": "xy", "validation": "xy", "test": "z"}
_LETTERS = {"train": "abc", "validation": "def", "test": "abcd"}


def speech_rows(split: str, *, each: int = 12) -> pd.DataFrame:
    """Rows of speakers such as ``corpus/xa``: a language and a letter."""
    names = [f"corpus/{place}{one}" for place in _PLACES[split] for one in _LETTERS[split]]
    table = pd.DataFrame({"speaker": np.repeat(names, each)})
    table["id"] = [f"{split}-{i}" for i in range(len(table))]
    table["path"] = table["id"] + ".wav"
    table["language"] = [name[7] for name in table["speaker"]]
    table["label"] = [EMOTIONS[i % 2] for i in range(len(table))]
    return table.assign(split=split)


def speech_manifest() -> Manifest:
    """Two languages to train on and one that is unseen."""
    info = CorpusInfo(
        "leaky", "Invented speech", "speech", "classification", EMOTIONS, "CC0", "tests"
    )
    return Manifest(pd.concat(map(speech_rows, _PLACES), ignore_index=True), info)


def embedded(rows: pd.DataFrame, *, speaker: float, seed: int = 0) -> np.ndarray:
    """Emotion, then language, then the speaker as strongly as is asked for."""
    rng = np.random.default_rng([seed, len(rows)])
    values = rng.normal(size=(len(rows), 12))
    values[:, 0] += 3.0 * (rows["label"] == "calm")
    values[:, 1] += 4.0 * (rows["language"] == "x")
    letters = [name[-1] for name in rows["speaker"]]
    values[np.arange(len(rows)), [3 + "abcdef".index(one) for one in letters]] += speaker
    return values


class LeakyReader:
    """Stands for a SplitReader; ``seen`` lists the splits that were asked for."""

    def __init__(self, stored: StoredRun, *, speaker: float = 3.0) -> None:
        self.stored, self.speaker = stored, speaker
        self.manifest = speech_manifest()
        self.seen: list[str] = []

    def table(self, split: str) -> pd.DataFrame:
        self.seen.append(split)
        rows = self.manifest.split(split)
        labels = self.manifest.targets(split)
        scores = np.random.default_rng(3).normal(size=(len(rows), 2)) + 2 * np.eye(2)[labels]
        found = Predictions(list(rows["id"]), labels, scores.astype(np.float32))
        domains = rows[["speaker", "language"]]
        table = predictions_table(found, "classification", EMOTIONS, domains=domains)
        table.attrs |= {"split": split, "model": self.stored.model_hash}
        return table

    def embeddings(self, split: str) -> Embeddings:
        self.seen.append(split)
        rows = self.manifest.split(split)
        values = embedded(rows, speaker=self.speaker, seed=self.stored.seed)
        return Embeddings(list(rows["id"]), values, split, self.stored.model_hash)


def leaky_run(
    folder: Path, name: str = "leaky", seed: int = 0, *, hides: bool = False
) -> StoredRun:
    """Write a run folder, trained on two languages with the third unseen, and read it."""
    run = folder / f"{name}.z-{seed}"
    (run / "model").mkdir(parents=True)
    (run / "model" / "model.safetensors").write_bytes(f"{name}{seed}".encode())
    config = {"name": name, "seed": seed, "task": "classification", "recipe": "ser_crosslingual"}
    config["data"] = {"protocol": "leave_language_out target=z", "speech": {}}
    config["objective"] = {"domains": {"speaker": {"weight": 0.3 * hides}}}
    config["training"] = {"select": "uar"}
    config["evaluation"] = {"cluster": "speaker"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    manifest = speech_manifest()
    info = {"title": "Invented speech", "modality": "speech", "classes": EMOTIONS}
    data = {"fingerprint": manifest.fingerprint(), "info": info}
    (run / "data.json").write_text(json.dumps(data))
    stored = StoredRun(run)
    for split in ("validation", "test"):
        write_predictions(stored.table_path(split), LeakyReader(stored).table(split))
    return stored
