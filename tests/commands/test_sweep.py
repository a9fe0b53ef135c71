from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from affectrep.commands import evaluate, sweep, train
from affectrep.commands.sweep_cells import cells_of
from affectrep.config import load_config, to_yaml
from affectrep.evaluation.ledger import how_often
from affectrep.evaluation.stored_run import StoredRun
from affectrep.model import AffectModel
from tests.commands.test_sweep_cells import config as speech_config
from tests.tiny import tiny_config


class Bench:
    """Stands in for training and evaluation: leaves the files that a sweep looks at."""

    def __init__(self) -> None:
        self.trained: list[str] = []
        self.evaluated: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.before = lambda folder: None

    def train(self, config: Path, overrides: list[str], *, output: Path) -> None:
        print("trainer's noise")
        settings = load_config(config, overrides)
        cell = next(
            cell
            for cell in cells_of(
                [config],
                [word for word in overrides if not word.startswith("seed=")],
                seeds=[settings.seed],
                sets=[],
                output=output,
            )
        )
        self.before(cell.folder)
        if cell.folder.name in self.broken:
            raise ValueError("no rows\nat all")
        self.trained.append(cell.folder.name)
        cell.folder.mkdir(parents=True, exist_ok=True)
        (cell.folder / "config.yaml").write_text(to_yaml(settings))
        known = {"finished": True, "best_epoch": 2}
        (cell.folder / "environment.json").write_text(json.dumps(known))
        lines = [
            {"step": step, "epoch": step, "phase": "validation", "name": "uar", "value": value}
            for step, value in enumerate((0.1, 0.2 + settings.seed / 10, 0.3))
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (cell.folder / "metrics.jsonl").write_text(text)

    def evaluate(self, run: Path, *, split: str) -> None:
        self.evaluated.append((run.name, split))
        value = 0.5 + StoredRun(run).seed / 10
        card = {"n": 10, "metrics": {"uar": {"value": value}, "macro_f1": {"value": 0.25}}}
        (run / "predictions").mkdir()
        (run / "predictions" / f"{split}.json").write_text(json.dumps(card))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    stand_in = Bench()
    monkeypatch.setattr(train, "run", stand_in.train)
    monkeypatch.setattr(evaluate, "run", stand_in.evaluate)
    return stand_in


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return speech_config(tmp_path)


def test_every_cell_is_trained_evaluated_and_shown(bench, config, tmp_path, capsys):
    runs, table = tmp_path / "runs", tmp_path / "table.md"
    grid = sweep.run([config], seeds="2", sets=["data.batch_size=8,16"], output=runs, table=table)
    names = [f"toy_batch_size{size}.de-{seed}" for size in (8, 16) for seed in (0, 1)]
    assert bench.trained == names
    assert bench.evaluated == [(name, "test") for name in names]
    assert grid is not None
    line = "toy data.batch_size=8"
    assert grid.values(line, "strict de") == [0.5, 0.6]
    assert grid.cell(line, "strict de") == f"55.0 ± {10 / math.sqrt(2):.1f}"
    assert "| toy data.batch_size=16 | 55.0 ± 7.1 |" in table.read_text(encoding="utf-8")
    words = capsys.readouterr().out
    assert "4 cells, 0 of them done already." in words
    assert "[1/4] toy data.batch_size=8 seed=0 … UAR 50.0, 0:00:00; 0:00:00 so far, about" in words
    assert "noise" not in words
    assert "trainer's noise" in (runs / ".sweep" / f"{names[0]}.log").read_text()


def test_what_is_there_is_left_alone(bench, config, tmp_path, capsys):
    runs = tmp_path / "runs"
    sweep.run([config], seeds="0-1", output=runs)
    sweep.run([config], seeds="3", output=runs)
    assert bench.trained == ["toy.de-0", "toy.de-1", "toy.de-2"]
    assert "3 cells, 2 of them done already." in capsys.readouterr().out


def test_training_only_shows_validation_at_the_chosen_epoch(bench, config, tmp_path):
    grid = sweep.run([config], seeds="2", output=tmp_path / "runs", split="")
    assert not bench.evaluated
    assert grid is not None
    assert grid.split == "validation"
    assert grid.values("toy", "strict de") == pytest.approx([0.2, 0.3])
    sweep.run([config], seeds="2", output=tmp_path / "runs", split="validation")
    assert bench.trained == ["toy.de-0", "toy.de-1"] * 2  # training is asked, and says "finished"
    assert bench.evaluated == [("toy.de-0", "validation"), ("toy.de-1", "validation")]


def test_a_cell_that_fails_does_not_stop_the_others(bench, config, tmp_path, capsys):
    bench.broken = {"toy.de-1"}
    table = tmp_path / "table.csv"
    with pytest.raises(ValueError, match="1 of 3 cells failed: toy seed=1: no rows at all"):
        sweep.run([config], seeds="3", output=tmp_path / "runs", table=table)
    assert bench.trained == ["toy.de-0", "toy.de-2"]
    words = capsys.readouterr().out
    assert "[2/3] toy seed=1 … failed: no rows at all\n" in words
    assert "60.0 ± 14.1 (2 of 3)" in words
    assert table.read_text().splitlines()[1].startswith("toy,strict de,test,uar,2,0.6,")
    log = (tmp_path / "runs" / ".sweep" / "toy.de-1.log").read_text()
    assert "Traceback" in log
    bench.broken = set()
    sweep.run([config], seeds="3", output=tmp_path / "runs")
    assert bench.trained[2:] == ["toy.de-1"]


def test_a_run_of_another_configuration_is_not_taken_for_the_cell(bench, config, tmp_path):
    sweep.run([config], output=tmp_path / "runs")
    with pytest.raises(ValueError, match=r"training\.epochs \(4 then, 5 now\)"):
        sweep.run([config], ["training.epochs=5"], output=tmp_path / "runs")
    assert bench.trained == ["toy.de-0"]


def test_a_cell_in_other_hands_is_passed_over_and_looked_at_again(
    bench, config, tmp_path, capsys, monkeypatch
):
    runs = tmp_path / "runs"
    held, trained = cells_of([config], [], seeds=[0, 1], sets=[], output=runs)
    held.file("lock").parent.mkdir(parents=True)
    trained.folder.mkdir()
    sweeping, training = FileLock(held.file("lock")), FileLock(trained.folder / ".lock")
    sweeping.acquire()
    training.acquire()

    def meanwhile(seconds: float) -> None:
        bench.train(config, ["seed=0"], output=runs)
        bench.evaluate(held.folder, split="test")
        sweeping.release()
        training.release()  # a training that was stopped

    monkeypatch.setattr(time, "sleep", meanwhile)
    sweep.run([config], seeds="3", output=runs)
    assert bench.trained == ["toy.de-2", "toy.de-0", "toy.de-1"]
    words = capsys.readouterr().out
    assert "Waiting for another process: toy.de-0, toy.de-1" in words
    assert "toy seed=0 … done by another process meanwhile" in words


def test_while_a_cell_is_worked_on_another_sweep_cannot_have_it(bench, config, tmp_path):
    cell = cells_of([config], [], seeds=[0], sets=[], output=tmp_path / "runs")[0]
    found = []
    bench.before = lambda folder: found.append(cell.is_held)
    sweep.run([config], output=tmp_path / "runs")
    assert found == [True]
    assert not cell.is_held


def test_an_interruption_stops_cleanly(bench, config, tmp_path, capsys):
    def stop(folder: Path) -> None:
        if folder.name == "toy.de-1":
            raise KeyboardInterrupt

    bench.before = stop
    with pytest.raises(KeyboardInterrupt):
        sweep.run([config], seeds="3", output=tmp_path / "runs")
    words = capsys.readouterr().out
    assert "Stopped: 1 of 3 cells are settled." in words
    assert "goes on from here" in words
    bench.before = lambda folder: None
    sweep.run([config], seeds="3", output=tmp_path / "runs")
    assert bench.trained == ["toy.de-0", "toy.de-1", "toy.de-2"]


def test_a_dry_run_lists_the_cells(bench, config, tmp_path, capsys):
    runs = tmp_path / "runs"
    sweep.run([config], output=runs)
    before = sorted(runs.rglob("*"))
    bench.trained.clear()
    assert sweep.run([config], seeds="2", output=runs, dry_run=True) is None
    words = " ".join(capsys.readouterr().out.split())
    assert f"done {runs}/toy.de-0 toy seed=0 not there {runs}/toy.de-1 toy seed=1" in words
    assert "2 cells: 1 done, 1 not there." in words
    sweep.run([config], ["training.epochs=9"], output=runs, dry_run=True)
    assert "training.epochs (4 then, 9 now)" in capsys.readouterr().out
    assert not bench.trained
    assert sorted(runs.rglob("*")) == before


def test_the_metric_can_be_chosen(bench, config, tmp_path):
    grid = sweep.run([config], output=tmp_path / "runs", metric="macro_f1")
    assert grid is not None
    assert grid.cell("toy", "strict de") == "25.0"
    with pytest.raises(ValueError, match="no metric 'f1' here; there are uar, macro_f1"):
        sweep.run([config], output=tmp_path / "runs", metric="f1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, "no split 'tset'"),
        ({"pool": True, "split": ""}, "--pool joins predictions of test"),
        ({"table": Path("t.html")}, r"\.md, \.tex, \.csv"),
    ],
)
def test_options_that_do_not_fit_are_refused_first(bench, config, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        sweep.run([config], output=tmp_path / "runs", **options)
    assert not bench.trained


def test_one_configuration_does_not_change_how_the_next_trains(bench, config, tmp_path):
    threads, seen = torch.get_num_threads(), []

    def look(folder: Path) -> None:
        seen.append((torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()))
        torch.set_num_threads(threads + 1)
        torch.use_deterministic_algorithms(not seen[0][1])

    bench.before = look
    sweep.run([config], seeds="2", output=tmp_path / "runs")
    assert seen[0] == seen[1]
    assert torch.get_num_threads() == threads


def test_a_sweep_trains_as_the_single_commands_do(tmp_path):
    config = tiny_config(tmp_path)
    words = ["training.epochs=1"]
    grid = sweep.run([config], words, seeds="2", output=tmp_path / "swept")
    train.run(config, [*words, "seed=1"], output=tmp_path / "single")
    card = evaluate.run(tmp_path / "single" / "tiny-1")
    swept = StoredRun(tmp_path / "swept" / "tiny-1")
    single = AffectModel.from_pretrained(str(tmp_path / "single" / "tiny-1" / "model"))
    model = AffectModel.from_pretrained(str(swept.path / "model"))
    for name, value in single.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    assert swept.scorecard("test")["metrics"] == card["metrics"]
    assert grid is not None
    assert grid.columns == [""]
    assert grid.values("tiny", "")[1] == card["metrics"]["weighted_f1"]["value"]
    sweep.run([config], words, seeds="2", output=tmp_path / "swept")
    assert how_often(swept.path) == 1


def test_systems_are_compared_and_what_does_not_apply_is_said(tmp_path, capsys, monkeypatch):
    """Two systems are trained, a third has no place on labels that are classes."""
    base = tiny_config(tmp_path)
    configs = [base]
    for name, objective in (("contrast", "supcon"), ("critic", "caf")):
        text = base.read_text().replace("name: tiny\n", f"name: {name}\n")
        path = tmp_path / f"{name}.yaml"
        path.write_text(text + f"objective: {{name: {objective}}}\n")
        configs.append(path)
    words, table = ["training.epochs=1"], tmp_path / "t.md"
    grid = sweep.run(configs, words, seeds="2", output=tmp_path / "runs", table=table)
    assert grid is not None
    assert grid.cell("critic", "") == "not applicable"
    out = capsys.readouterr().out
    reason = "objective caf needs continuous as labels, but task=classification gives classes"
    assert f"critic seed=0 … not applicable: {reason}" in out
    assert out.count(f"Not applicable: critic: {reason}") == 1
    assert "Each system minus tiny: Weighted F1 on test." in out
    assert "contrast and tiny" in out or "contrast lies" in out
    words = table.read_text(encoding="utf-8")
    assert "| critic | not applicable |" in words
    assert "| contrast | " in words.partition("Each system minus tiny")[0]
    assert f"- Not applicable: critic: {reason}" in words
    assert not (tmp_path / "runs" / "critic-0").exists()


def test_the_reference_can_be_named(bench, config, tmp_path, capsys):
    other = speech_config(tmp_path, "other")
    sweep.run([config, other], output=tmp_path / "runs", reference="other")
    words = capsys.readouterr().out
    assert "Each system minus other: UAR on test." in words
    assert "toy (A; B is the reference): not compared:" in words  # the stand-in stores no rows
    bench.trained.clear()
    with pytest.raises(ValueError, match="--reference third: expected one of toy, other"):
        sweep.run([config, other], output=tmp_path / "new", reference="third")
    assert not bench.trained


def test_several_corpora_are_columns_and_end_with_the_interquartile_mean(
    bench, config, tmp_path, capsys
):
    go = [tmp_path / f"go_{name}.yaml" for name in ("toy", "aml")]
    for path in go:
        text = f"name: {path.stem}\ndata: {{corpus: goemotions}}\nencoder: {{checkpoint: x}}\n"
        path.write_text(text + "training: {select: macro_f1}\n")
    runs, table = tmp_path / "runs", tmp_path / "t.csv"
    grid = sweep.run([config, *go], seeds="2", output=runs, table=table)
    assert grid is not None
    assert grid.columns == ["speech_set strict de", "goemotions"]
    assert grid.headings == ["speech_set strict de, UAR", "goemotions, Macro F1"]
    assert grid.lines == ["toy", "aml"]
    assert grid.cell("toy", "goemotions") == "25.0 ± 0.0"
    assert grid.cell("aml", "speech_set strict de") == "not run"
    last = capsys.readouterr().out.partition("Interquartile mean over 2 corpora")[2]
    assert "toy 2 of 2 37.5" in " ".join(last.split())
    assert f"Table: {table}, {tmp_path}/t_comparison.csv, {tmp_path}/t_interquartile.csv" in last


SCRIPT = """
import sys
import time
from pathlib import Path
from affectrep.commands import sweep
sweep.run([Path(sys.argv[1])], ["training.epochs=1"], seeds="3", output=Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_two_sweeps_side_by_side_share_the_work(tmp_path):
    config, runs = tiny_config(tmp_path), tmp_path / "runs"
    command = [sys.executable, "-c", SCRIPT, str(config), str(runs)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        assert "over 3 seeds" in out
    assert [how_often(runs / f"tiny-{seed}") for seed in range(3)] == [1, 1, 1]
