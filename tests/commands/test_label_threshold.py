"""The threshold of a multi-label run: chosen on validation, and the same for all commands."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from affectrep.commands import evaluate, predict, train
from affectrep.evaluation.stored_run import StoredRun
from affectrep.inference.predictor import Predictor
from affectrep.model import AffectModel
from tests.tiny import tiny_config


def several_labels(folder: Path) -> Path:
    """Write a configuration whose rows have one class, or fear beside it; return its path."""
    config = tiny_config(folder)
    table = pd.read_csv(folder / "table.csv")
    table["labels"] = [
        name if row % 4 or name == "fear" else f"{name}|fear"
        for row, name in enumerate(table["label"])
    ]
    table.drop(columns="label").to_csv(folder / "table.csv", index=False)
    config.write_text(config.read_text() + "task: multilabel\n")
    return config


def test_predict_names_the_classes_that_evaluate_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = several_labels(tmp_path), tmp_path / "runs" / "tiny-0"
    words = ["training.select=macro_f1", "training.epochs=1", "optimizer.head_lr=0.0001"]
    train.run(config, words, output=run.parent)
    stored = AffectModel.from_pretrained(run).meta["threshold"]
    card = evaluate.run(run)
    assert card["threshold"] == stored == StoredRun(run).table("validation").attrs["threshold"]
    assert Predictor.load(run).threshold == stored != 0.5
    capsys.readouterr()
    table = pd.read_csv(tmp_path / "table.csv")
    texts = table.loc[table["split"] == "test", "text"]
    predict.run(str(run), list(texts), as_json=True)
    for line in capsys.readouterr().out.splitlines():
        row = json.loads(line)
        assert row["labels"] == [k for k, p in row["probabilities"].items() if p >= stored]


def test_one_class_a_row_has_no_threshold(tmp_path: Path) -> None:
    train.run(tiny_config(tmp_path), ["training.epochs=1"], output=tmp_path / "runs")
    assert "threshold" not in AffectModel.from_pretrained(tmp_path / "runs" / "tiny-0").meta
