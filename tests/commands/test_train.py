"""``affectrep train`` on a tiny model and table: the files it leaves, and what it refuses."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
import yaml
from filelock import FileLock

from affectrep.commands.train import _only_one, run
from affectrep.model import AffectModel
from affectrep.training.run_folder import RunFolder
from tests.tiny import tiny_config


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    return tiny_config(tmp_path_factory.mktemp("tiny"))


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return AffectModel.from_pretrained(str(folder / "model")).state_dict()


def assert_same_run(one: Path, other: Path) -> None:
    assert lines(one) == lines(other)
    for name, value in weights(one).items():
        assert torch.equal(value, weights(other)[name]), name


def test_a_run_leaves_its_files(config, tmp_path):
    run(config, ["objective.name=supcon"], output=tmp_path)
    folder = tmp_path / "tiny-0"
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["finished"]
    assert environment["steps"] == 14
    assert yaml.safe_load((folder / "config.yaml").read_text())["objective"]["temperature"] == 0.1
    assert json.loads((folder / "data.json").read_text())["fingerprint"]["train"]["rows"] == 54
    names = {(line["phase"], line["name"]) for line in lines(folder)}
    assert {("main", "cross_entropy"), ("main", "supcon"), ("validation", "weighted_f1")} <= names
    model = AffectModel.from_pretrained(str(folder / "model"))
    assert model.classes == ["anger", "fear", "joy"]
    assert any((folder / "tensorboard").iterdir())


def test_a_finished_run_is_left_alone(config, tmp_path, capsys):
    for _ in range(2):
        run(config, [], output=tmp_path)
    assert "is finished" in capsys.readouterr().err


def test_another_configuration_in_the_same_folder_is_refused(config, tmp_path):
    run(config, ["training.epochs=1"], output=tmp_path)
    with pytest.raises(ValueError, match=r"training.epochs \(1 then, 2 now\)"):
        run(config, [], output=tmp_path)


def test_dry_run_and_show_config_write_nothing(config, tmp_path, capsys):
    run(config, [], output=tmp_path, dry_run=True)
    assert "s a step" in capsys.readouterr().err
    run(config, ["seed=7"], output=tmp_path, show_config=True)
    assert yaml.safe_load(capsys.readouterr().out)["seed"] == 7
    assert not any(tmp_path.iterdir())


def test_a_frozen_encoder_reads_each_row_once_and_trains_the_same(config, tmp_path):
    frozen = ["encoder.tuning=frozen", "encoder.dropout=0.0", "encoder.attention_dropout=0.0"]
    run(config, [*frozen], output=tmp_path / "cached")
    run(config, [*frozen, "training.cache_embeddings=false"], output=tmp_path / "read")
    assert list((tmp_path / "cached" / ".cache" / "embeddings").glob("*.safetensors"))
    cached, read = lines(tmp_path / "cached/tiny-0"), lines(tmp_path / "read/tiny-0")
    for one, other in zip(cached, read, strict=True):
        assert one["value"] == pytest.approx(other["value"], abs=1e-4), one


def test_lora_trains_and_stores_only_its_own_weights(config, tmp_path):
    run(config, ["encoder.tuning=lora", "encoder.lora.rank=2"], output=tmp_path)
    values = weights(tmp_path / "tiny-0")
    assert any("lora" in name for name in values)


def test_warm_start_with_other_labels_keeps_the_encoder(config, tmp_path):
    run(config, ["training.epochs=1"], output=tmp_path / "first")
    labels = "{anger: bad, fear: bad, joy: good}"
    options = [
        f"training.warm_start={tmp_path / 'first/tiny-0'}",
        f"data.labels={labels}",
        "training.epochs=1",
        "optimizer.encoder_lr=0.0",
    ]
    run(config, options, output=tmp_path / "second")
    before, after = weights(tmp_path / "first/tiny-0"), weights(tmp_path / "second/tiny-0")
    encoder = [name for name in before if name.startswith("encoder.")]
    assert encoder
    for name in encoder:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-3)
    assert AffectModel.from_pretrained(str(tmp_path / "second/tiny-0/model")).classes == [
        "bad",
        "good",
    ]


def test_changed_data_is_refused_on_resume(tmp_path):
    config = tiny_config(tmp_path)
    run(config, [], output=tmp_path / "runs")
    folder = tmp_path / "runs/tiny-0"
    environment = json.loads((folder / "environment.json").read_text())
    (folder / "environment.json").write_text(json.dumps({**environment, "finished": False}))
    table = tmp_path / "table.csv"
    table.write_text(table.read_text() + "really new glad,joy,train\n")
    with pytest.raises(ValueError, match="the rows of train are not those"):
        run(config, [], output=tmp_path / "runs")


def test_a_second_command_is_kept_out_of_a_run(config, tmp_path):
    (tmp_path / "tiny-0").mkdir()
    with FileLock(tmp_path / "tiny-0/.lock"), pytest.raises(ValueError, match="another process"):
        run(config, [], output=tmp_path)
    run(config, ["training.epochs=1"], output=tmp_path)


def test_a_command_that_only_looks_whether_the_run_is_held_does_not_stop_it(config, tmp_path):
    (tmp_path / "tiny-0").mkdir()
    lock = FileLock(tmp_path / "tiny-0/.lock", thread_local=False)
    lock.acquire()
    threading.Timer(0.2, lock.release).start()
    with _only_one(RunFolder(tmp_path / "tiny-0"), True):
        assert not lock.is_locked


@pytest.mark.parametrize("name", ["p[/old]", "p[old]", "runs ü"])
def test_folders_of_any_name_are_shown_as_the_shell_takes_them(config, tmp_path, capsys, name):
    words = ["training.epochs=1", "encoder.tuning=frozen"]
    run(config, words, output=tmp_path / name)
    said = capsys.readouterr().err
    folder = tmp_path / name / "tiny-0"
    assert f"Model: {folder / 'model'}\n" in said
    (line,) = [line for line in said.splitlines() if line.startswith("Next: ")]
    assert shlex.split(line)[1:4] == ["affectrep", "evaluate", str(folder)]
    run(config, words, output=tmp_path / name)
    assert f"{folder} is finished" in capsys.readouterr().err


def test_fp16_on_a_cpu_is_refused(config, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="needs a GPU"):
        run(config, ["training.precision=fp16"], output=tmp_path)


def test_bf16_without_the_instructions_is_noted(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": False})
    run(config, ["training.precision=bf16"], output=tmp_path, dry_run=True)
    assert "training.precision=auto is faster here" in capsys.readouterr().err


def test_auto_precision_is_settled_and_noted_in_the_run(config, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    words = ["training.precision=auto", "training.epochs=1"]
    run(config, words, output=tmp_path)
    run(config, words, output=tmp_path)  # the same command finds its run
    folder = tmp_path / "tiny-0"
    assert json.loads((folder / "environment.json").read_text())["precision"] == "fp32"
    assert "precision: auto" in (folder / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.corpus=nothing", "there are"),
        ("task=regression", "set task=classification"),
        ("encoder.checkpoint=/no/such/folder", "/no/such/folder"),
        ("data.root=/no/such/table.csv", "/no/such/table.csv"),
    ],
)
def test_a_mistake_is_said_before_anything_is_written(config, tmp_path, override, message):
    with pytest.raises((ValueError, OSError), match=message):
        run(config, [override], output=tmp_path)
    assert not any(tmp_path.iterdir())


FAMILIES = '{"groups": [["calm", "glad"]], "classes": ["calm", "glad", "sad"]}'


@pytest.mark.parametrize("dry_run", [True, False])
def test_settings_that_would_fail_after_training_are_refused_before_it(config, tmp_path, dry_run):
    (tmp_path / "families.json").write_text(FAMILIES)
    table = config.parent / "table.csv"
    header, *rows = table.read_text().splitlines()
    authors = [f"{row},a{i},w{i}" for i, row in enumerate(rows)]
    (tmp_path / "table.csv").write_text("\n".join([f"{header},who,empty", *authors]) + "\n")
    overrides = [
        f"data.root={tmp_path / 'table.csv'}",
        "data.columns={author: who}",
        "training.select=f1",
        "evaluation.cluster=nobody",
        f"evaluation.families={tmp_path / 'families.json'}",
    ]
    with pytest.raises(ValueError, match="the configuration has 3 problems:") as caught:
        run(config, overrides, output=tmp_path / "runs", dry_run=dry_run)
    lines = str(caught.value).splitlines()[1:]
    assert lines[0].startswith("- training.select=f1, but task=classification is scored")
    assert "accuracy, macro_f1, weighted_f1, uar, cross_entropy" in lines[0]
    assert lines[1].startswith("- evaluation.cluster=nobody, but ")
    assert lines[1].endswith("has no such column: set it to null or one of author")
    assert "made for other classes; they differ in anger, calm, fear" in lines[2]
    assert not (tmp_path / "runs").exists()


def test_a_families_file_that_is_missing_is_one_problem_beside_those_of_the_data(config, tmp_path):
    table = tmp_path / "table.csv"
    text = (config.parent / "table.csv").read_text()
    table.write_text(text + ",anger,train\n")
    overrides = [f"data.root={table}", "evaluation.families=nofile.json"]
    with pytest.raises(ValueError, match="problem") as caught:
        run(config, overrides, output=tmp_path / "runs", dry_run=True)
    first, *rest = str(caught.value).splitlines()
    assert first == "the data has 1 problem and the configuration has 1 problem:"
    assert "nofile.json: no such families file" in rest[0]
    assert "set it to null: `affectrep evaluate --families` takes one later" in rest[0]
    assert "texts are empty" in rest[1]


def command(config: Path, output: Path, *words: str) -> list[str]:
    train = ["-m", "affectrep", "train", str(config), *words, "--output", str(output)]
    return [sys.executable, *train]


ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_sigkill_at_ten_random_moments(config, tmp_path):
    words = ["training.checkpoint_steps=2", "training.epochs=6", "objective.name=supcon"]
    subprocess.run(command(config, tmp_path / "whole", *words), check=True, env=ENVIRONMENT)
    draw = random.Random(0)
    for trial in range(10):
        output = tmp_path / f"cut{trial}"
        process = subprocess.Popen(command(config, output, *words), env=ENVIRONMENT)
        target = draw.randint(1, 40)
        metrics = output / "tiny-0/metrics.jsonl"
        while process.poll() is None:
            if (output / "tiny-0/checkpoints").is_dir() and metrics.is_file():
                time.sleep(0.01 * target)
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        process.wait()
        subprocess.run(command(config, output, *words), check=True, env=ENVIRONMENT)
        assert_same_run(tmp_path / "whole/tiny-0", output / "tiny-0")


@pytest.mark.processes
def test_two_processes_train_as_one(config, tmp_path):
    """The same batches on two processes: the same numbers but for rounding and dropout."""
    still = ["encoder.dropout=0.0", "encoder.attention_dropout=0.0", "heads.dropout=0.0"]
    words = [*still, "objective.name=supcon", "training.epochs=1"]
    run(config, words, output=tmp_path / "one")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    train = [*launcher, *command(config, tmp_path / "two", *words)[1:]]
    subprocess.run(
        [sys.executable, *train],
        check=True,
        timeout=240,
        env={**ENVIRONMENT, "ACCELERATE_USE_CPU": "true"},
    )
    one, two = lines(tmp_path / "one/tiny-0"), lines(tmp_path / "two/tiny-0")
    for first, second in zip(one, two, strict=True):
        # a loss too is that of the whole batch, not the first process's share of it
        if first["phase"] == "validation" or first["name"] in ("supcon", "cross_entropy"):
            assert first["value"] == pytest.approx(second["value"], abs=1e-3), first
    assert {"supcon", "cross_entropy"} <= {line["name"] for line in two}
