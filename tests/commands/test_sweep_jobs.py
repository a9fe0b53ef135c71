from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
import torch

from affectrep.commands import sweep, train
from affectrep.commands.sweep_jobs import Share, jobs_of, shares_of
from affectrep.evaluation.ledger import how_often
from affectrep.evaluation.stored_run import StoredRun
from affectrep.model import AffectModel
from tests.tiny import tiny_config


@pytest.mark.parametrize(("gpus", "jobs"), [(0, 1), (1, 1), (8, 8)])
def test_there_is_a_job_for_each_gpu(monkeypatch, gpus, jobs):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert jobs_of(None) == jobs
    assert jobs_of(3) == 3


def test_no_job_at_all_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--jobs is 0"):
        sweep.run([tiny_config(tmp_path)], output=tmp_path / "runs", jobs=0)


def test_gpus_are_taken_in_turn_and_cores_shared_out():
    assert [share.gpu for share in shares_of(5, ["2", "3"], 8)] == ["2", "3", "2", "3", "2"]
    assert shares_of(3, [], 8) == [Share(threads=2)] * 3
    assert shares_of(3, [], 2) == [Share(threads=1)] * 3


@pytest.mark.parametrize(("visible", "names"), [(None, ["0", "1"]), ("4, 7", ["4", "7"])])
def test_a_gpu_has_the_name_by_which_it_is_visible(monkeypatch, visible, names):
    from affectrep.commands.sweep_jobs import _gpus

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert _gpus() == names


@pytest.mark.processes
def test_jobs_end_with_the_models_of_single_runs(tmp_path, capfd):
    config, words = tiny_config(tmp_path), ["training.epochs=1", "training.threads=1"]
    broken = tmp_path / "broken.yaml"
    broken.write_text(config.read_text().replace("name: tiny", "name: broken"))
    runs = tmp_path / "swept"
    with pytest.raises(ValueError, match="2 of 4 cells failed: broken seed=0"):
        sweep.run(
            [config, broken],
            [*words, "broken:data.root=/no/such/table.csv"],
            seeds="0-1",
            output=runs,
            jobs=2,
        )
    told = capfd.readouterr().out
    assert "[2/4] tiny seed=1: begun" in told
    assert "[4/4] broken seed=1: failed" in told
    train.run(config, [*words, "seed=1"], output=tmp_path / "single")
    single = AffectModel.from_pretrained(str(tmp_path / "single/tiny-1/model")).state_dict()
    swept = AffectModel.from_pretrained(str(runs / "tiny-1/model")).state_dict()
    assert all(torch.equal(value, swept[name]) for name, value in single.items())
    assert [how_often(runs / f"tiny-{seed}") for seed in range(2)] == [1, 1]


@pytest.mark.processes
def test_a_signal_to_the_sweep_stops_every_job_and_each_has_saved(tmp_path):
    config, runs = tiny_config(tmp_path), tmp_path / "runs"
    words = ["training.epochs=400", "training.checkpoint_steps=1", "training.threads=1"]
    command = [sys.executable, "-m", "affectrep", "sweep", str(config), *words]
    command += ["--seeds", "0-1", "--output", str(runs), "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    saved = [runs / f"tiny-{seed}" / "checkpoints" / "last.pt" for seed in range(2)]
    _wait_for(lambda: all(path.is_file() for path in saved))
    process.send_signal(signal.SIGTERM)  # to this process alone
    out, _ = process.communicate(timeout=60)
    assert "The same command goes on from here." in out
    assert not any(StoredRun(path.parents[1]).environment.get("finished") for path in saved)
    for path in saved:
        state = torch.load(path, weights_only=True)["state"]
        assert state["step"] > 0
    before = [path.stat().st_mtime for path in saved]
    time.sleep(1.5)  # nobody trains any more
    assert [path.stat().st_mtime for path in saved] == before


def _wait_for(there, seconds: float = 90) -> None:
    started = time.monotonic()
    while not there():
        assert time.monotonic() - started < seconds
        time.sleep(0.1)
