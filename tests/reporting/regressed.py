"""Invented run folders of a regression of valence and arousal from faces."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from affectrep.evaluation.embedding_map import embedding_map
from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.face_examples import choose_examples
from affectrep.evaluation.ledger import record_read
from affectrep.evaluation.persons import person_report
from affectrep.evaluation.predictions import predictions_table, write_predictions
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.evaluation.strong_weak import strong_weak_report

AXES = ("valence", "arousal")
# one grey pixel: the smallest JPEG is longer, and readers look at the address alone
PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c4944415408d763a8a8a80000033a019d5a8a1f8c0000000049454e44ae426082"
    )
).decode()
IMAGE = f"data:image/png;base64,{PIXEL}"


def regression_table(
    rows: int = 400, seed: int = 0, *, people: int = 20, error: float = 0.15, videos: int = 0
) -> pd.DataFrame:
    """Predictions with shifts of their own for each person; frames of videos where asked."""
    rng = np.random.default_rng(7)
    who = np.arange(rows) % people if people else np.zeros(rows, int)
    true = np.clip(rng.normal([0.05, 0.1], 0.42, (rows, 2)), -1, 1)
    domains = {}
    if people:
        domains["subject"] = [f"c/p{i:02d}" for i in who]
    domains["expression"] = np.where(true[:, 0] > 0, "happiness", "sadness").tolist()
    if videos:
        clip, frame = np.arange(rows) // (rows // videos), np.arange(rows) % (rows // videos)
        turn = frame[:, None] / 40 * np.array([1.0, 1.7]) + clip[:, None]
        true = np.clip(0.7 * np.sin(turn), -1, 1)
        domains |= {"video": [f"v{i}" for i in clip], "frame": frame, "time_s": frame / 25}
    noise = np.random.default_rng(100 + seed)
    shift = noise.normal(0, 0.1, (max(people, 1), 2))[who] if people else 0.0
    said = 0.75 * true + shift + noise.normal(0, error, (rows, 2))
    ids = [f"face_{i:04d}" for i in range(rows)]
    found = Predictions(ids, true.astype(np.float32), said.astype(np.float32))
    return predictions_table(found, "regression", domains=pd.DataFrame(domains))


def regression_run(
    folder: Path,
    name: str = "faces",
    seed: int = 0,
    *,
    table: pd.DataFrame | None = None,
    critic: bool = True,
    pictures: bool = True,
    mapped: bool = True,
    training_people: tuple[str, ...] = ("c/q1",),
) -> Path:
    """Write a whole run folder and return it."""
    run = folder / f"{name}-{seed}"
    (run / "model").mkdir(parents=True)
    (run / "model" / "model.safetensors").write_bytes(f"{name}{seed}".encode())
    config = {"name": name, "seed": seed, "task": "regression", "recipe": "fer_av"}
    config["training"] = {"select": "ccc"}
    config["objective"] = {"name": "caf"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    table = regression_table(seed=seed) if table is None else table
    _write(run / "data.json", {"fingerprint": _prints(len(table)), "info": _info()})
    words = ["affectrep", "train", f"configs/fer_av/{name}.yaml", f"seed={seed}"]
    _write(run / "environment.json", {"device": "cpu", "minutes": 5.0, "command": words})
    (run / "metrics.jsonl").write_text(history(seed, critic=critic))
    write_predictions(run / "predictions" / "test.parquet", table)
    record_read(run, "test", config="c0ffee")
    card = scorecard(table, resampling=Resampling(200))
    card["persons"] = person_report(table, training_subjects=training_people)
    card["strong_weak"] = strong_weak_report(table, 0.5, resampling=Resampling(100))
    _write(run / "predictions" / "test.json", {"split": "test", "readings": 1, **card})
    if pictures:
        _pictures(run / "predictions" / "test.faces.json", table)
    if mapped:
        write_predictions(run / "predictions" / "test.map.parquet", _map(table))
    return run


def history(seed: int, *, critic: bool) -> str:
    """Return metrics.jsonl as a run of three phases leaves it."""
    rng = np.random.default_rng(seed)
    lines = []
    for step in range(1, 401, 4):
        fall, place = float(np.exp(-step / 120)), {"step": step, "epoch": step // 100}
        numbers = {("main", "regression"): 0.4 + 1.2 * fall, ("main", "grad_norm"): 1.0}
        if critic:
            numbers |= {("critic", "critic"): 0.1 + 0.3 * fall, ("adversarial", "adversarial"): 0.2}
            parts = {"information": 0.2 + 0.7 * fall, "delta": 0.42 - 0.1 * fall}
            parts |= {"alpha": sum(parts.values()), "neighbours": 3 + 20 * fall}
            parts |= {"spread": 0.3 - 0.2 * fall, "auc": 0.9 - 0.4 * fall, "strong_fraction": 0.4}
            parts |= {"cross_distance": 0.6 - 0.5 * fall, "admissible": 0.95, "permuted": 0.8}
            parts["negatives_inside"] = 0.3 + 0.6 * fall
            numbers |= {("critic", key): value for key, value in parts.items()}
        for (phase, key), value in numbers.items():
            noisy = value + float(rng.normal(0, 0.01))
            lines.append({**place, "phase": phase, "name": key, "value": noisy})
    for epoch in range(4):
        place = {"step": 100 * (epoch + 1), "epoch": epoch, "phase": "validation"}
        numbers = {"ccc": 0.5 + 0.08 * epoch, "rmse": 0.4 - 0.04 * epoch}
        if critic:
            numbers |= {"critic_auc": 0.6 + 0.05 * epoch, "critic_spread": 0.1 + 0.03 * epoch}
        lines += [{**place, "name": key, "value": value} for key, value in numbers.items()]
    return "".join(json.dumps(line) + "\n" for line in lines)


def _pictures(path: Path, table: pd.DataFrame) -> None:
    chosen = choose_examples(table, count=12)
    rows = [{**row, "image": IMAGE} for row in chosen.to_dict("records")]
    path.write_text(json.dumps(rows))


def _map(table: pd.DataFrame) -> pd.DataFrame:
    """A map with half as many validation rows of other people."""
    others = table.iloc[::2].assign(split="validation")
    if "subject" in others:
        others["subject"] = "c/v" + others["subject"].str[-2:]
    rows = pd.concat([table.assign(split="test"), others], ignore_index=True)
    rng = np.random.default_rng(0)
    values = np.c_[rows[list(AXES)].to_numpy(), 0.2 * rng.normal(size=(len(rows), 3))]
    told = [*AXES, *(f"predicted_{axis}" for axis in AXES)]
    told += [name for name in ("subject", "expression", "split") if name in rows]
    ids = [f"{i}" for i in range(len(rows))]
    found = embedding_map(ids, values, {name: list(rows[name]) for name in told}, method="pca")
    found.attrs |= {"perplexity": 30.0, "model": "m", "split": "test", "of": len(rows)}
    return found


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, allow_nan=False))


def _prints(rows: int) -> dict[str, dict[str, object]]:
    return {
        name: {"rows": rows, "ids": "1f" * 32, "content": "2e" * 32}
        for name in ("train", "validation", "test")
    }


def _info() -> dict[str, object]:
    return {
        "name": "drawn",
        "title": "Drawn faces",
        "modality": "face",
        "task": "regression",
        "licence": "CC0",
        "source": "tests",
        "generated": True,
    }
