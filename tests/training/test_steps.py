"""The protocol of phases: one process, accumulation, gradient caching, skipped phases."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from affectrep.batch import Batch, Output
from affectrep.objectives import Carry, Phase, PhaseResult, Term
from affectrep.training.optimizers import OptimizerSettings, build_optimizers
from affectrep.training.processes import Processes
from affectrep.training.steps import StepRunner
from tests.training.toys import (
    ThreePhases,
    ToyModel,
    ToyObjective,
    TwoPlayers,
    classify,
    cut,
    rows,
)

SETTINGS = OptimizerSettings(
    encoder_lr=0.01, head_lr=0.02, adversary_lr=0.03, weight_decay=0.0, max_grad_norm=None
)


def runner(model: ToyModel, objective: ToyObjective) -> StepRunner:
    phases = list(objective.phases())
    players = {**model.players(), **objective.players()}
    optimizers = build_optimizers(phases, players, SETTINGS)
    for optimizer in optimizers.values():
        optimizer.progress(0.5)
    return StepRunner(model, players, phases, optimizers=optimizers, processes=Processes())


def train(objective: ToyObjective, sizes: tuple[int, ...], *, steps: int = 3, **options: bool):
    torch.manual_seed(0)
    model = ToyModel(**options).double()
    objective = copy.deepcopy(objective).double()
    made = runner(model, objective)
    for step in range(steps):
        log = made.step(cut(rows(sum(sizes), seed=step), sizes))
    return model, objective, log


def assert_same(one: nn.Module, other: nn.Module) -> None:
    for (name, value), (_, expected) in zip(
        one.state_dict().items(), other.state_dict().items(), strict=True
    ):
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12, msg=name)


@pytest.mark.parametrize("toy", [TwoPlayers, ThreePhases])
@pytest.mark.parametrize("sizes", [(6, 6), (7, 1, 4), (5, 7)])
def test_micro_batches_of_unequal_size_give_the_steps_of_the_whole_batch(toy, sizes):
    torch.manual_seed(1)
    objective = toy()
    whole, cut_up = train(objective, (12,)), train(objective, sizes)
    assert_same(whole[0], cut_up[0])
    assert_same(whole[1], cut_up[1])
    for key, value in whole[2].numbers.items():
        assert cut_up[2].numbers[key] == pytest.approx(value, rel=1e-9), key


def test_every_phase_moves_its_own_players_only():
    torch.manual_seed(2)
    objective = ThreePhases().double()
    model = ToyModel().double()
    phases = objective.phases()
    players = {**model.players(), **objective.players()}
    for moved in phases:
        optimizers = build_optimizers([moved], players, SETTINGS)
        optimizers[moved.optimizer].progress(0.5)
        before = {name: copy.deepcopy(module.state_dict()) for name, module in players.items()}
        StepRunner(model, players, [moved], optimizers=optimizers, processes=Processes()).step(
            [rows()]
        )
        for name, module in players.items():
            changed = any(
                not torch.equal(value, before[name][key])
                for key, value in module.state_dict().items()
            )
            assert changed == (name in moved.updates), (moved.name, name)


def test_phases_share_a_pass_until_one_moves_the_model():
    model, objective = ToyModel().double(), TwoPlayers().double()
    runner(model, objective).step([rows()])
    assert model.forwards == 1  # adversary and main read one pass
    model, objective = ToyModel().double(), ThreePhases().double()
    runner(model, objective).step([rows()])
    assert model.forwards == 2  # critic and adversarial share one; main sees the moved encoder


def test_a_phase_without_rows_is_skipped_and_counted():
    model, objective = ToyModel().double(), ThreePhases(weak=None).double()
    log = runner(model, objective).step([rows()])
    assert log.skipped == ["adversarial"]
    assert ("main", "cross_entropy") in log.numbers
    log = runner(model, objective).step(cut(rows(), (6, 6)))
    assert log.skipped == ["adversarial"]


def test_frozen_norm_leaves_running_statistics():
    model = ToyModel(norm=True).double()
    objective = ThreePhases().double()
    only_critic = [phase for phase in objective.phases() if phase.norm == "frozen"]
    players = {**model.players(), **objective.players()}
    optimizers = build_optimizers(only_critic, players, SETTINGS)
    made = StepRunner(model, players, only_critic, optimizers=optimizers, processes=Processes())
    before = copy.deepcopy(model.encoder[1].running_mean)
    made.step([rows()])
    assert torch.equal(model.encoder[1].running_mean, before)
    runner(model, objective).step([rows()])
    assert not torch.equal(model.encoder[1].running_mean, before)


def test_gradient_caching_replays_dropout():
    """The cached gradient is that of a pass with the dropout masks that the loss was taken on."""
    torch.manual_seed(3)
    model = ToyModel(dropout=0.5).double()
    objective = TwoPlayers().double()
    seen: list[torch.Tensor] = []
    model.encoder.register_forward_hook(lambda _m, _i, out: seen.append(out.detach().clone()))
    runner(model, objective).step(cut(rows(), (6, 6)))
    first, second = seen[:2], seen[2:]
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def test_the_random_stream_after_a_cached_step_does_not_depend_on_the_second_pass():
    def draws(sizes: tuple[int, ...]) -> torch.Tensor:
        torch.manual_seed(4)
        model, objective = ToyModel(dropout=0.5).double(), TwoPlayers().double()
        runner(model, objective).step(cut(rows(), sizes))
        return torch.rand(1)

    assert torch.equal(draws((6, 6)), draws((6, 6)))


def test_detached_phase_may_not_update_the_model():
    with pytest.raises(ValueError, match="grad=False"):
        Phase("bad", lambda o, b, c: PhaseResult([]), updates=("encoder",), grad=False)


def test_unknown_player_is_named():
    class Lost(ToyObjective):
        def phases(self):
            return [Phase("main", self.loss, updates=("ghost",))]

        def loss(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
            return PhaseResult([Term("x", output.embeddings.sum(), 1)])

    model = ToyModel()
    with pytest.raises(ValueError, match="ghost"):
        StepRunner(model, model.players(), Lost().phases(), optimizers={}, processes=Processes())


def test_shared_optimizer_keeps_one_state():
    class Shared(ThreePhases):
        def phases(self):
            first, _, third = super().phases()
            return [
                first,
                Phase("adversarial", self._adversarial, updates=("encoder",), rows=self._weak_rows),
                third,
            ]

    objective, model = Shared().double(), ToyModel().double()
    made = runner(model, objective)
    made.step([rows()])
    state = made.optimizers["main"].optimizer.state[next(model.encoder.parameters())]
    assert int(state["step"]) == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="fp16 needs a GPU")
def test_fp16_phases_that_share_an_optimizer_step_twice():
    model, objective = ToyModel().cuda(), TwoPlayers().cuda()
    phases = [replace(phase, optimizer="main") for phase in objective.phases()]
    players = {**model.players(), **objective.players()}
    optimizers = build_optimizers(phases, players, SETTINGS)
    made = StepRunner(
        model, players, phases, optimizers=optimizers, processes=Processes(), precision="fp16"
    )
    log = made.step([rows(dtype=torch.float32).to("cuda")])
    assert ("main", "grad_norm") in log.numbers


class SharedPass(ThreePhases):
    """The adversarial and the main phase read one pass, and both move the encoder."""

    def phases(self):
        return [replace(phase, same_pass=True) for phase in super().phases()]


@pytest.mark.parametrize("sizes", [(12,), (5, 7)])
def test_a_shared_pass_takes_all_gradients_before_the_first_move(sizes):
    model, objective = ToyModel().double(), SharedPass().double()
    before = copy.deepcopy(model)
    expected = classify(before(rows().inputs), rows())
    grads = torch.autograd.grad(expected, list(before.head.parameters()))
    seen = {}
    made = runner(model, objective)
    move = made.optimizers["main"].step

    def step(parameters, scaler):
        seen["grads"] = [parameter.grad.clone() for parameter in model.head.parameters()]
        seen["moved"] = not torch.equal(model.encoder[0].weight, before.encoder[0].weight)
        return move(parameters, scaler)

    made.optimizers["main"].step = step
    log = made.step(cut(rows(), sizes))
    if len(sizes) == 1:
        assert model.forwards == 1
    assert seen["moved"]  # the adversarial move comes first, main's gradient is from before it
    for found, wanted in zip(seen["grads"], grads, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
    assert log.numbers[("main", "cross_entropy")] == pytest.approx(expected.item(), rel=1e-9)


def test_a_shared_pass_moves_running_statistics_once():
    class Whole(SharedPass):
        def phases(self):
            return [replace(phase, span="batch") for phase in super().phases()]

    for toy in (SharedPass, Whole):
        for sizes in ((12,), (6, 6)):
            model = ToyModel(norm=True).double()
            runner(model, toy().double()).step(cut(rows(), sizes))
            assert int(model.encoder[1].num_batches_tracked) == len(sizes), (toy, sizes)
