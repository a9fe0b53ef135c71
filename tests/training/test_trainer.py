"""The loop: selection, early stopping, resume with the same numbers, signals."""

from __future__ import annotations

import json
import math
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from affectrep.training.checkpoints import load_latest, save_atomic, save_checkpoint
from affectrep.training.optimizers import OptimizerSettings, schedule_factor
from affectrep.training.run_folder import RunFolder
from affectrep.training.trainer import Interrupted, Trainer, TrainerSettings
from tests.training.toys import ThreePhases, ToyBatches, ToyModel, TwoPlayers, rows

OPTIMIZER = OptimizerSettings(encoder_lr=0.01, head_lr=0.02, adversary_lr=0.03)


class StopError(Exception):
    """Stands for SIGKILL: nothing gets a chance to tidy up."""


class Killed(ToyBatches):
    """Batches that kill the run before a given step (counted over all epochs)."""

    def __init__(self, at: int, **options) -> None:
        super().__init__(**options)
        self.at = at

    def epoch(self, epoch: int, start: int = 0):
        for step, micro in enumerate(super().epoch(epoch, start), start):
            if epoch * self.steps + step == self.at:
                raise StopError
            yield micro


def trainer(folder: Path, *, batches=None, toy=TwoPlayers, scores=None, **settings) -> Trainer:
    torch.manual_seed(0)
    model = ToyModel(dropout=0.3).double()
    objective = toy().double()
    values = iter(scores) if scores is not None else None

    def validate(trained):
        if values is not None:
            return {"f1": next(values)}
        output = trained(rows(30, seed=77).inputs)
        right = output.predictions.argmax(1) == rows(30, seed=77).labels
        return {"f1": float(right.double().mean()), "loss": float(output.embeddings.detach().sum())}

    options = {
        "epochs": 3,
        "select": "f1",
        "checkpoint_steps": 3,
        "log_every": 1,
        "optimizer": OPTIMIZER,
    }
    options |= settings
    return Trainer(
        model,
        objective,
        batches or ToyBatches(steps=5),
        validate=validate,
        folder=RunFolder(folder),
        settings=TrainerSettings(**options),
    )


def numbers(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("toy", [TwoPlayers, ThreePhases])
@pytest.mark.parametrize("sizes", [(12,), (5, 7)])
@pytest.mark.parametrize("at", [1, 4, 5, 9, 14])
def test_a_killed_run_ends_with_the_numbers_of_an_uninterrupted_one(tmp_path, toy, sizes, at):
    whole = trainer(tmp_path / "whole", toy=toy, batches=ToyBatches(steps=5, sizes=sizes))
    expected = whole.fit()
    with pytest.raises(StopError):
        trainer(tmp_path / "cut", toy=toy, batches=Killed(at, steps=5, sizes=sizes)).fit()
    torch.rand(7)  # another process starts with another random state
    again = trainer(tmp_path / "cut", toy=toy, batches=ToyBatches(steps=5, sizes=sizes))
    found = again.fit()
    assert {**found, "minutes": 0} == {**expected, "minutes": 0}
    for one, other in [(whole.model, again.model), (whole.objective, again.objective)]:
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name
    assert numbers(tmp_path / "whole") == numbers(tmp_path / "cut")


def test_a_killed_run_goes_on_with_its_own_moments(tmp_path):
    own = replace(OPTIMIZER, betas=(0.5, 0.8))
    for name, settings in {"whole": own, "usual": OPTIMIZER}.items():
        trainer(tmp_path / name, optimizer=settings).fit()
    assert numbers(tmp_path / "whole") != numbers(tmp_path / "usual")
    with pytest.raises(StopError):
        trainer(tmp_path / "cut", optimizer=own, batches=Killed(7, steps=5)).fit()
    again = trainer(tmp_path / "cut", optimizer=own)
    again.fit()
    assert numbers(tmp_path / "whole") == numbers(tmp_path / "cut")
    state = load_latest(tmp_path / "cut" / "checkpoints")["optimizers"]
    for saved in (state["main"], again.optimizers["main"].state_dict()):
        assert {tuple(group["betas"]) for group in saved["param_groups"]} == {(0.5, 0.8)}


def test_the_best_epoch_is_kept_and_patience_stops(tmp_path):
    made = trainer(tmp_path, scores=[0.2, 0.9, 0.5, 0.4, 0.3], epochs=5, patience=2)
    result = made.fit()
    assert (result["best_epoch"], result["best"], result["epochs"]) == (2, 0.9, 4)


def test_a_figure_that_is_none_never_stays_the_best(tmp_path):
    made = trainer(tmp_path, scores=[math.nan, 0.2, math.nan, 0.1], epochs=4)
    result = made.fit()
    assert (result["best_epoch"], result["best"]) == (2, 0.2)


def test_lower_is_better_when_told(tmp_path):
    made = trainer(tmp_path, scores=[0.5, 0.1, 0.2], lower_is_better=True)
    assert made.fit()["best_epoch"] == 2


def test_unknown_selection_metric_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"training.select=bleu: validation gives f1"):
        trainer(tmp_path, select="bleu").fit()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on(tmp_path, number):
    class Signalled(ToyBatches):
        def epoch(self, epoch: int, start: int = 0):
            for step, micro in enumerate(super().epoch(epoch, start), start):
                if (epoch, step) == (1, 2):
                    os.kill(os.getpid(), number)
                yield micro

    expected = trainer(tmp_path / "whole").fit()
    with pytest.raises(Interrupted, match="step 8"):
        trainer(tmp_path / "cut", batches=Signalled(steps=5), checkpoint_steps=1000).fit()
    saved = load_latest(tmp_path / "cut" / "checkpoints")
    assert saved is not None
    assert saved["state"]["step"] == 8
    found = trainer(tmp_path / "cut").fit()
    assert {**found, "minutes": 0} == {**expected, "minutes": 0}


def test_skipped_phases_are_counted(tmp_path):
    class Never(ThreePhases):
        def __init__(self) -> None:
            super().__init__(weak=None)

    assert trainer(tmp_path, toy=Never).fit()["skipped_phases"] == {"adversarial": 15}


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    save_checkpoint({"step": 1}, tmp_path)

    def full(value, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint({"step": 2}, tmp_path)
    monkeypatch.undo()
    assert load_latest(tmp_path) == {"step": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.pt"]


def test_a_torn_checkpoint_falls_back_to_the_one_before(tmp_path):
    save_checkpoint({"step": 1}, tmp_path)
    save_checkpoint({"step": 2}, tmp_path)
    (tmp_path / "last.pt").write_bytes(b"torn")
    assert load_latest(tmp_path) == {"step": 1}
    (tmp_path / "previous.pt").write_bytes(b"torn")
    with pytest.raises(OSError, match="no readable checkpoint"):
        load_latest(tmp_path)


def test_save_atomic_replaces(tmp_path):
    for value in (1, 2):
        save_atomic({"value": value}, tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt", weights_only=True) == {"value": 2}


@pytest.mark.parametrize(
    ("schedule", "done", "factor"),
    [("constant", 0.9, 1.0), ("linear", 1.0, 0.0), ("cosine", 0.5, 0.5), ("linear", 0.0, 1.0)],
)
def test_schedule(schedule, done, factor):
    assert schedule_factor(done, schedule=schedule, warmup=0.0) == pytest.approx(factor)
