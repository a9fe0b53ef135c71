"""Which learning rate and which moments each player of a phase gets."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from affectrep.objectives import Phase, PhaseResult
from affectrep.training.optimizers import OptimizerSettings, build_optimizers

SETTINGS = OptimizerSettings(encoder_lr=1e-3, head_lr=1e-2, adversary_lr=1e-4)


def nothing(output, batch, carry):
    return PhaseResult([])


@pytest.fixture
def phases():
    return [
        Phase("critic", nothing, updates=("critic",), optimizer="critic", grad=False),
        Phase("adversarial", nothing, updates=("encoder",), optimizer="adversarial"),
        Phase("main", nothing, updates=("encoder", "heads", "threshold")),
    ]


@pytest.fixture
def players():
    names = ("encoder", "heads", "critic", "threshold")
    return {name: nn.Linear(2, 2, bias=False) for name in names}


@pytest.fixture
def optimizers(phases, players):
    return build_optimizers(phases, players, SETTINGS)


def rates(optimizer):
    return [group["lr"] for group in optimizer.optimizer.param_groups]


def test_a_critic_has_its_own_rate_and_moments(optimizers):
    assert rates(optimizers["critic"]) == [1e-4]
    assert optimizers["critic"].optimizer.param_groups[0]["betas"] == (0.5, 0.9)


def test_a_second_optimizer_on_the_encoder_is_slower(optimizers):
    assert rates(optimizers["adversarial"]) == [pytest.approx(1e-4)]
    assert optimizers["adversarial"].optimizer.param_groups[0]["betas"] == (0.9, 0.999)


def test_all_but_the_adversary_have_the_moments_of_the_settings(phases, players):
    made = build_optimizers(phases, players, replace(SETTINGS, betas=(0.5, 0.8)))
    found = {
        name: {group["betas"] for group in optimizer.optimizer.param_groups}
        for name, optimizer in made.items()
    }
    assert found == {"critic": {(0.5, 0.9)}, "adversarial": {(0.5, 0.8)}, "main": {(0.5, 0.8)}}


def test_the_encoder_decays_once_a_step(optimizers):
    decays = {
        name: {group["weight_decay"] for group in optimizer.optimizer.param_groups}
        for name, optimizer in optimizers.items()
    }
    assert decays == {"critic": {0.01}, "adversarial": {0.0}, "main": {0.01}}


def test_what_learns_beside_the_model_is_a_head(optimizers):
    assert rates(optimizers["main"]) == [1e-3, 1e-2, 1e-2]


@pytest.mark.parametrize(
    ("done", "factor"),
    [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.19, 1.0), (0.2, 0.8), (0.6, 0.8**3), (1.0, 0.8**5)],
)
def test_step_schedule(done, factor):
    settings = OptimizerSettings(schedule="step", warmup_fraction=0.1)
    assert settings.factor(done) == pytest.approx(factor)


def test_step_boundaries_survive_rounding():
    settings = OptimizerSettings(schedule="step", warmup_fraction=0.0, decay_fraction=0.1)
    steps = [settings.factor(step / 1000) for step in range(1001)]
    changes = [i for i in range(1, 1001) if steps[i] != steps[i - 1]]
    assert changes == list(range(100, 1001, 100))


def test_the_scale_of_a_loss_does_not_move_the_parameters_further():
    moved = []
    for scale in (1.0, 0.1):
        torch.manual_seed(0)
        player = nn.Linear(2, 2, bias=False)
        before = player.weight.detach().clone()
        phase = Phase("critic", nothing, updates=("critic",), optimizer="critic", grad=False)
        optimizer = build_optimizers([phase], {"critic": player}, SETTINGS)["critic"]
        (player(torch.ones(1, 2)).sum() * scale).backward()
        optimizer.step(list(player.parameters()), torch.amp.GradScaler("cuda", enabled=False))
        moved.append(player.weight.detach() - before)
    torch.testing.assert_close(moved[0], moved[1], rtol=1e-3, atol=1e-7)
