"""The critic on held-out rows: values by hand, no trace in training, and in a run's log."""

from __future__ import annotations

import copy
import json
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor

from affectrep.batch import Batch, Output
from affectrep.objectives.caf import CAFObjective
from affectrep.objectives.contrastive_critic import critic_liveness
from affectrep.objectives.critic_held_out import CriticHeldOut
from affectrep.objectives.grouping import Groups, strong_weak_groups
from affectrep.training.optimizers import OptimizerSettings
from affectrep.training.run_folder import RunFolder
from affectrep.training.trainer import Trainer, TrainerSettings
from tests.objectives.test_caf import THRESHOLD, FaceModel, caf, faces, model_of
from tests.training.toys import cut


def slow_auc(strong: Tensor, weak: Tensor, axis: Tensor) -> float:
    wins = [
        1.0 if s @ axis > w @ axis else 0.5 if s @ axis == w @ axis else 0.0
        for s in strong
        for w in weak
    ]
    return sum(wins) / len(wins)


def test_numbers_are_those_of_all_rows_together():
    objective, model = caf(network={"dropout": 0.5}), model_of().eval()
    batch = faces(60, seed=5)
    look = objective.held_out()
    for part in cut(batch, (25, 30, 5)):
        look.add(model(part.inputs), part.labels)
    groups = strong_weak_groups(batch.labels, threshold=THRESHOLD)
    with torch.no_grad():
        points = objective.head.eval()(model(batch.inputs).embeddings)
    strong, weak = points[groups.strong], points[groups.weak]
    found = look.numbers()
    folds = [
        slow_auc(strong[other::2], weak[other::2], strong[one::2].mean(0) - weak[one::2].mean(0))
        for one, other in ((0, 1), (1, 0))
    ]
    assert found["critic_auc"] == pytest.approx(sum(folds) / 2, abs=1e-12)
    spread = torch.cat([strong, weak]).std(dim=0, unbiased=False).mean()
    assert found["critic_spread"] == pytest.approx(spread.item(), rel=1e-9)


def test_the_mean_distance_needs_no_pairs():
    torch.manual_seed(0)
    strong, weak = torch.randn(7, 3).double(), 2 + torch.randn(5, 3).double()
    naive = torch.stack([(s - w).square().sum() for s in strong for w in weak]).mean()
    assert critic_liveness(strong, weak).cross_distance == pytest.approx(naive.item(), rel=1e-9)


@pytest.mark.parametrize("scope", ["dataset", "batch", "ema"])
def test_looking_leaves_the_objective_and_the_random_stream_alone(scope):
    options = {"grouping": {"scope": scope}, "network": {"dropout": 0.5, "spectral": True}}
    objective = caf(threshold=None, **options)
    objective.fit(faces(200).labels)
    output = model_of()(faces().inputs)
    before, stream = copy.deepcopy(objective.state_dict()), torch.get_rng_state()
    look = objective.held_out()
    look.add(output, faces().labels)
    assert set(look.numbers()) == {"critic_auc", "critic_spread"}
    for key, value in objective.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0, equal_nan=True)
    assert torch.equal(torch.get_rng_state(), stream)
    assert objective.head.training


def test_nothing_is_said_without_critic_rows_or_groups():
    points = torch.eye(3)
    for objective, labels in [
        (caf(critic="none", threshold=None), torch.full((3, 2), 0.9)),
        (caf(), torch.full((3, 2), 0.01)),
    ]:
        look = objective.held_out()
        assert look.numbers() == {}
        batch = torch.zeros(3, 8, dtype=torch.float64)
        look.add(Output(batch, batch[:, :2]), labels)
        assert look.numbers() == {}
    constant = CriticHeldOut(lambda output: output.embeddings * 0, group=halves)
    constant.add(Output(points, points), torch.zeros(3, 2))
    assert constant.numbers() == {"critic_auc": 0.5, "critic_spread": 0.0}


def halves(labels: Tensor) -> Groups:
    first = torch.arange(len(labels)) < len(labels) // 2
    return Groups(first, ~first)


class Steps:
    """Five steps an epoch of random faces."""

    def __len__(self) -> int:
        return 5

    def epoch(self, epoch: int, start: int = 0):
        for step in range(start, 5):
            yield [faces(48, seed=100 * epoch + step, noise=True)]


def run_of(folder: Path, objective: CAFObjective, *, shown: bool, epochs: int = 3) -> Trainer:
    torch.manual_seed(0)
    held = faces(80, seed=999)

    def plain(model: FaceModel) -> dict[str, float]:
        return {"ccc": -float((model(held.inputs).predictions - held.labels).detach().abs().mean())}

    def showing(model: FaceModel, *, look=lambda output, labels: None) -> dict[str, float]:
        for part in cut(held, (50, 30)):
            look(model(part.inputs), part.labels)
        return plain(model)

    rates = {"encoder_lr": 0.01, "head_lr": 0.01, "adversary_lr": 0.01}
    return Trainer(
        FaceModel(dropout=0.2, norm=True).double(),
        objective,
        Steps(),
        validate=showing if shown else plain,
        folder=RunFolder(folder),
        settings=TrainerSettings(
            epochs=epochs,
            select="ccc",
            log_every=1,
            checkpoint_steps=4,
            optimizer=OptimizerSettings(schedule="constant", warmup_fraction=0.0, **rates),
        ),
    )


def on_the_terminal(message, category, filename, lineno, file=None, line=None) -> None:
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_run_logs_it_once_an_epoch_and_trains_as_without(tmp_path):
    ends = {}
    for shown in (True, False):
        made = run_of(tmp_path / str(shown), caf(network={"dropout": 0.5}), shown=shown)
        made.fit()
        ends[shown] = made.model.state_dict(), lines(tmp_path / str(shown))
    for name, value in ends[True][0].items():
        assert torch.equal(value, ends[False][0][name]), name
    own = [line for line in ends[True][1] if line["name"] in ("critic_auc", "critic_spread")]
    assert [(line["phase"], line["step"]) for line in own] == [
        ("validation", step) for step in (5, 10, 15) for _ in range(2)
    ]
    assert [line for line in ends[True][1] if line not in own] == ends[False][1]


def test_a_resumed_run_logs_the_same(tmp_path):
    run_of(tmp_path / "whole", caf(network={"dropout": 0.5}), shown=True).fit()

    class Cut(Steps):
        def epoch(self, epoch: int, start: int = 0):
            for step, micro in enumerate(super().epoch(epoch, start), start):
                if (epoch, step) == (1, 4):
                    raise KeyboardInterrupt
                yield micro

    first = run_of(tmp_path / "cut", caf(network={"dropout": 0.5}), shown=True)
    first.batches = Cut()
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    run_of(tmp_path / "cut", caf(network={"dropout": 0.5}), shown=True).fit()
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")


def test_the_literal_weight_kills_the_critic_and_the_run_says_so(tmp_path, capfd):
    """Inputs say nothing of the labels: with weight 1/2 the outputs fall together."""
    objective = caf(contrast={"negative_weight": 0.5}, steps={"patience": 20})
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = on_the_terminal  # pytest would take it away
        result = run_of(tmp_path, objective, shown=True, epochs=24).fit()
    assert capfd.readouterr().err.count("the critic is dead: for 20 steps") == 1
    assert [words[:18] for words in result["remarks"]] == ["the critic is dead"]
    dead = [line["value"] for line in lines(tmp_path) if line["name"] == "dead"]
    assert (dead[0], dead[-1]) == (0.0, 1.0)
    last = {
        line["name"]: line["value"] for line in lines(tmp_path) if line["phase"] == "validation"
    }
    assert last["critic_spread"] < 0.01


def test_a_batch_is_not_needed_for_the_look():
    look = CriticHeldOut(lambda output: output.embeddings, halves)
    batch = Batch({}, torch.zeros(4, 2), list("abcd"))
    points = torch.eye(2).repeat_interleave(2, dim=0)
    look.add(Output(points, points), batch.labels)
    assert look.numbers()["critic_auc"] == 1.0
