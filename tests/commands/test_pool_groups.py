"""Folds of a table of one's own, from training to the pooled run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from affectrep.commands import evaluate, pool, sweep, train
from affectrep.config import load_config
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.stored_run import StoredRun
from tests.tiny import tiny_config

FOLDS = ["folds fold=0 folds=2", "folds fold=1 folds=2"]


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


def test_values_are_chosen_fold_by_fold_and_only_what_is_chosen_is_read(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    config, runs = tiny_config(tmp_path), tmp_path / "runs"
    sets = ["optimizer.encoder_lr=0.0,0.01", f"data.protocol={'|'.join(FOLDS)}"]
    words = ["recipe=null", "training.epochs=1"]
    sweep.run([config], words, sets=sets, output=runs, split="")
    folds = sorted(runs.glob("tiny_*.fold?-0"))
    assert len(folds) == 4
    with pytest.raises(FileNotFoundError, match="2 chosen runs were not evaluated") as error:
        pool.run(folds, choose="nested")
    chosen = [path for path in folds if f"affectrep evaluate {path}" in str(error.value)]
    assert len(chosen) == 2
    for path in chosen:
        evaluate.run(path)
    capsys.readouterr()
    (one,) = pool.run(folds, choose="nested").runs
    printed = capsys.readouterr().out
    assert one.path == runs / "nested.folds-0"
    assert one.scorecard("test")["n"] == 90
    for fold, told in enumerate(one.environment["chosen"]):
        best = {path.name: StoredRun(path).environment["best"] for path in folds[fold::2]}
        assert best[told["run"]] == max(best.values()) == max(told["among"].values())
        name = told["run"].removesuffix(f".fold{fold}-0")
        assert f"seed 0, fold {fold}/2: {name} (optimizer.encoder_lr=" in printed
    assert {path for path in folds if readings(path, "test")} == set(chosen)
    assert load_config(one.path / "config.yaml").name == "nested"


def test_a_name_that_is_no_name_of_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a name of letters"):
        pool.run([tmp_path], choose="a/b")
