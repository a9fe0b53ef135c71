"""Invented cross-lingual run folders, as training and evaluation would leave them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from affectrep.config import parse_config, to_yaml
from affectrep.data.setting import setting_name, setting_slug
from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.ledger import record_read
from affectrep.evaluation.predictions import predictions_table, write_predictions
from affectrep.evaluation.scorecard import Resampling, scorecard

CLASSES = ["angry", "happy", "neutral", "sad"]


def make_setting(
    runs: Path,
    protocol: str,
    *,
    name: str = "upper",
    seed: int = 0,
    rows: Sequence[int] = range(40),
    total: int = 0,
    skill: float = 0.7,
    recipe: str | None = "ser_crosslingual",
    words: Sequence[str] = (),
) -> Path:
    """Write a run that was tested on ``rows``; return its folder.

    Args:
        runs: folder of all runs.
        protocol: words of ``data.protocol``.
        name: of the configuration.
        seed: of the run.
        rows: numbers of the tested rows; four follow one another with one speaker.
        total: rows of the target, where the rest of them was trained on.
        skill: share of rows that are right.
        recipe: of the configuration.
        words: overrides.
    """
    config = parse_config(
        {
            "name": name,
            "recipe": recipe,
            "data": {"corpus": "speech_set", "protocol": protocol},
            "encoder": {"name": "functionals"},
            "training": {"select": "uar"},
            "evaluation": {"resamples": 100, "cluster": "speaker"},
        },
        [f"seed={seed}", *words],
    )
    slug = setting_slug(setting_name(protocol, config.data.speech.standardise))
    run = runs / f"{config.name}.{slug}-{seed}"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(to_yaml(config))
    prints = {"test": {"rows": len(rows), "content": f"c{min(rows)}", "targets": f"t{min(rows)}"}}
    prints["train"] = {"rows": max(total - len(rows), 0), "content": "c", "targets": "t"}
    notes = ["Said by invented people.", f"Protocol: {protocol}.", "train: de, 10 clips."]
    info = {"title": "Invented", "notes": notes, "dropped": {f"not used by {protocol}": 3}}
    _write(run / "data.json", {"fingerprint": prints, "info": info})
    environment = {"commit": "abc1234", "device": "cpu", "minutes": 1.5, "finished": True}
    _write(run / "environment.json", {**environment, "started": "2026-01-01T10:00:00Z"})
    table = table_of(rows, seed, skill)
    write_predictions(run / "predictions" / "test.parquet", table)
    record_read(run, "test", config="c0ffee")
    card = scorecard(table, resampling=Resampling(100, 0.95, "speaker"))
    known = {"config": config.name, "seed": seed, "split": "test", "data": f"c{min(rows)}"}
    _write(run / "predictions" / "test.json", {**known, "readings": 1, **card})
    return run


def configure(run: Path) -> None:
    """Put the configuration of a run below ``configs/`` of the current folder."""
    config = parse_config(yaml.safe_load((run / "config.yaml").read_text()), [])
    folder = Path("configs") / str(config.recipe)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "config.yaml", folder / f"{config.name}.yaml")


def make_folds(runs: Path, *, folds: int = 3, target: str = "de", **more: object) -> list[Path]:
    """Write the runs of all folds; every third row is of one fold, 60 rows in all."""
    rows = 60
    return [
        make_setting(
            runs,
            f"folds target={target} fold={fold} folds={folds}",
            rows=[row for row in range(rows) if row // 4 % folds == fold],
            total=rows,
            **more,  # type: ignore[arg-type]
        )
        for fold in range(folds)
    ]


def table_of(rows: Sequence[int], seed: int, skill: float) -> pd.DataFrame:
    """Predictions of the rows, with their speakers and language."""
    random = np.random.default_rng(1000 * seed + min(rows))
    labels = np.array([row % 4 for row in rows])
    right = random.random(len(rows)) < skill
    said = np.where(right, labels, (labels + 1) % 4)
    scores = 3 * np.eye(4, dtype=np.float32)[said]
    domains = pd.DataFrame({"speaker": [f"s{row // 4}" for row in rows], "language": "de"})
    found = Predictions([f"r{row}" for row in rows], labels, scores)
    table = predictions_table(found, "classification", CLASSES, domains=domains)
    table.attrs |= {"model": f"weights{min(rows)}", "split": "test"}
    return table


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, allow_nan=False))
