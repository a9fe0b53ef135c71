"""Folds of a table of one's own, from training to the pooled run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from affectrep.commands import evaluate, pool, train
from tests.tiny import tiny_config


def test_folds_of_a_table_are_trained_evaluated_and_pooled(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config, runs = tiny_config(tmp_path), tmp_path / "runs"
    table = pd.read_csv(tmp_path / "table.csv").assign(author=[f"a{n // 6}" for n in range(90)])
    table.loc[0, "text"] = table.loc[80, "text"]  # of two people: left out where it is tested
    table.to_csv(tmp_path / "table.csv", index=False)
    for fold in range(2):
        words = [f"data.protocol=folds fold={fold} folds=2", "recipe=null", "training.epochs=1"]
        train.run(config, words, output=runs)
        evaluate.run(runs / f"tiny.fold{fold}-0")
    assert sorted(path.name for path in runs.glob("tiny*")) == ["tiny.fold0-0", "tiny.fold1-0"]
    (one,) = pool.run(sorted(runs.glob("tiny.fold*"))).runs
    assert one.path.name == "tiny.folds-0"
    assert one.setting == "folds pooled"
    assert sorted(one.table("test")["id"]) == sorted(f"table.csv:{row}" for row in range(2, 92))
    assert one.scorecard("test")["n"] == 90
