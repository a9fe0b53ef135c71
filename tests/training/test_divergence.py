"""A run that diverges says so and keeps the best epoch; no weight becomes NaN."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed

from affectrep.batch import Batch, Output
from affectrep.objectives import Carry, Phase, PhaseResult, Term
from affectrep.training.divergence import DivergedError
from affectrep.training.run_folder import RunFolder
from affectrep.training.trainer import Trainer, TrainerSettings
from tests.processes import free_port, together
from tests.training.test_steps import runner
from tests.training.toys import ToyBatches, ToyModel, ToyObjective, classify, cut, rows


class Exploding(ToyObjective):
    """Cross-entropy that turns into something else from a given call on."""

    def __init__(self, kind: str = "huge", *, at: int = 0, span: str = "rows") -> None:
        super().__init__()
        self.kind, self.at, self.span = kind, at, span
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def phases(self):
        return [Phase("main", self._main, span=self.span, advice="Set a=b.")]

    def _main(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        loss = classify(output, batch)
        if int(self.calls) >= self.at:
            loss = self._wrong(loss, output)
        self.calls += 1
        return PhaseResult([Term("task", loss, len(batch))])

    def _wrong(self, loss: Tensor, output: Output) -> Tensor:
        if self.kind == "huge":
            return loss - 2e6
        if self.kind == "nan":
            return loss * float("nan")
        # finite, but its gradient is not
        return loss + (output.embeddings * 0).sqrt().sum()


@pytest.mark.parametrize("sizes", [(12,), (5, 7)])
@pytest.mark.parametrize("span", ["rows", "batch"])
@pytest.mark.parametrize(
    ("kind", "what"),
    [("huge", "term task is -2e"), ("nan", "term task is nan"), ("gradient", "gradient norm is")],
)
def test_a_step_that_explodes_moves_nothing(kind, what, span, sizes):
    model, objective = ToyModel().double(), Exploding(kind, span=span).double()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(DivergedError, match=rf"phase main, {what}.*Set a=b\."):
        runner(model, objective).step(cut(rows(sum(sizes)), sizes))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_phase_without_advice_says_which_rates():
    class Plain(Exploding):
        def phases(self):
            return [replace(phase, advice="") for phase in super().phases()]

    with pytest.raises(DivergedError, match=r"optimizer\.encoder_lr"):
        runner(ToyModel().double(), Plain().double()).step([rows()])


def trainer(folder: Path, objective: ToyObjective, **options) -> Trainer:
    torch.manual_seed(0)
    return Trainer(
        ToyModel().double(),
        objective.double(),
        ToyBatches(steps=3, **options),
        validate=lambda model: {"f1": float(model.head.weight.detach().sum())},
        folder=RunFolder(folder),
        settings=TrainerSettings(epochs=4, select="f1", checkpoint_steps=2, log_every=1),
    )


@pytest.mark.parametrize("sizes", [(12,), (5, 7)])
def test_the_run_stops_in_words_and_keeps_the_best_epoch(tmp_path, sizes):
    at = 7 * len(sizes)  # calls a step: step 8 is the second of epoch 3
    made = trainer(tmp_path, Exploding("nan", at=at), sizes=sizes)
    with pytest.raises(
        DivergedError, match=r"in step 8 \(epoch 3\): phase main, term task"
    ) as told:
        made.fit()
    assert "\n" not in str(told.value)
    best = torch.load(tmp_path / "checkpoints" / "best.pt", weights_only=True)
    for name, value in made.model.state_dict().items():
        assert torch.equal(value, best[name]), name
        assert value.isfinite().all()
    words = str(told.value)
    assert f"best epoch, {made.state.best_epoch + 1}, are kept" in words

    again = trainer(tmp_path, Exploding("nan", at=at), sizes=sizes)
    with pytest.raises(DivergedError) as repeated:
        again.fit()
    assert str(repeated.value) == words
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    said = [(line["step"], line["value"]) for line in lines if line["name"] == "diverged"]
    assert said == [(8, 1.0)]


def test_diverging_in_the_first_epoch_leaves_no_model(tmp_path):
    made = trainer(tmp_path, Exploding("huge", at=1))
    with pytest.raises(DivergedError, match=r"step 2 \(epoch 1\).*no model to keep"):
        made.fit()
    assert not (tmp_path / "checkpoints" / "best.pt").exists()
    assert all(value.isfinite().all() for value in made.model.state_dict().values())


def work(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    for kind in ("huge", "gradient"):
        for span in ("rows", "batch"):
            objective = Exploding(kind, span=span, at=0 if rank == 1 else 99).double()
            torch.manual_seed(0)
            sizes = (12,) if rank == 0 else (5, 7)
            with pytest.raises(DivergedError, match="Set a=b"):
                runner(ToyModel().double(), objective).step(cut(rows(), sizes))
    Path(out, str(rank)).touch()
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.processes
def test_all_processes_leave_together(tmp_path):
    together(work, free_port(), str(tmp_path), world=2)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}
