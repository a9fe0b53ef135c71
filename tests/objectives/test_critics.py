"""The four critics behind one interface against the functions that they are made of."""

from __future__ import annotations

import math

import pytest
import torch

from affectrep.objectives.adaptive_margin import Margin, adaptive_margin_parts
from affectrep.objectives.contrastive_critic import (
    CriticContrast,
    contrastive_adversarial_loss,
    contrastive_critic_loss,
)
from affectrep.objectives.critics import (
    CRITICS,
    ContrastGame,
    FisherGame,
    GramGame,
    MarginRule,
    SphereGame,
)
from affectrep.objectives.fisher_ipm import fisher_critic_loss, fisher_ipm_ratio
from affectrep.objectives.gram import gram_critic_loss, mmd_loss
from affectrep.objectives.sphere import sphere_critic_loss, sphere_encoder_loss


def groups(dim: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    strong = torch.rand(5, dim, generator=generator, dtype=torch.float64)
    weak = torch.rand(4, dim, generator=generator, dtype=torch.float64) + 0.3
    return strong.requires_grad_(), weak.requires_grad_()


def test_contrast_with_the_adaptive_margin():
    strong, weak = groups()
    scored = ContrastGame().critic(strong, weak)
    parts = adaptive_margin_parts(strong.detach(), weak.detach())
    expected = contrastive_critic_loss(strong, weak, parts.margin)
    assert scored.loss.item() == pytest.approx(expected.item(), abs=1e-12)
    assert scored.logs["alpha"] == pytest.approx(parts.margin.mean().item())
    assert scored.logs["information"] == pytest.approx(parts.information.item())
    assert scored.logs["delta"] == pytest.approx(parts.delta.mean().item())
    grads = torch.autograd.grad(scored.loss, (strong, weak))
    for found, wanted in zip(grads, torch.autograd.grad(expected, (strong, weak)), strict=True):
        torch.testing.assert_close(found, wanted)


def test_contrast_options_reach_the_loss():
    strong, weak = groups()
    contrast = CriticContrast(negative_weight=0.5, hinge=False, chi2_reg=True)
    game = ContrastGame(MarginRule("constant", value=0.3), contrast=contrast, form="oriented")
    expected = contrastive_critic_loss(strong, weak, 0.3, contrast=contrast)
    assert game.critic(strong, weak).loss.item() == pytest.approx(expected.item(), abs=1e-12)
    expected = contrastive_adversarial_loss(strong, weak, form="oriented")
    assert game.encoder(strong, weak).item() == pytest.approx(expected.item(), abs=1e-12)


@pytest.mark.parametrize(
    ("rule", "cap"),
    [
        (MarginRule("constant", value=5.0), 2.0),
        (MarginRule("linear", start=5.0, epochs=2), 2.0),
        (MarginRule(adaptive=Margin(margin_max=0.0)), 0.0),
    ],
)
def test_no_margin_asks_for_more_than_there_is(rule, cap):
    found = ContrastGame(rule, largest=4.0).critic(*groups())
    assert found.logs["alpha"] == cap


@pytest.mark.parametrize(
    "make",
    [
        lambda: MarginRule("constant", value=-3.0),
        lambda: MarginRule("linear", start=math.nan, epochs=2),
        lambda: Margin(information_max=-1.0),
        lambda: Margin(margin_max=-1.0),
        lambda: Margin(delta_max=math.inf),
        lambda: GramGame(ridge=0.0),
    ],
)
def test_numbers_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match="expected a finite"):
        make()


def test_the_margin_asks_for_at_most_half_the_largest_distance():
    points = torch.zeros(4, 2)
    margins = MarginRule(adaptive=Margin(margin_max=1.5))
    for rule, largest, expected in [(None, 4.0, 2.0), (margins, 4.0, 1.5), (margins, 2.0, 1.0)]:
        game = ContrastGame(rule, largest=largest)
        assert game.critic(points, points).logs["alpha"] == pytest.approx(expected)
    assert ContrastGame().critic(points, points).logs["alpha"] > 2.5


def test_the_linear_margin_counts_completed_epochs():
    strong, weak = groups()
    game = ContrastGame(MarginRule("linear", epochs=10))
    steps = 7  # an epoch's steps: shares of training that binary numbers do not hold exactly
    for step in range(10 * steps):
        game.progress(step / (10 * steps))
        alpha = game.critic(strong, weak).logs["alpha"]
        assert alpha == pytest.approx(0.1 + 0.005 * (step // steps), abs=1e-12)


def test_progress_survives_a_restart():
    strong, weak = groups()
    game, fresh = (ContrastGame(MarginRule("linear", epochs=10)) for _ in range(2))
    game.progress(0.5)
    fresh.load_state_dict(game.state_dict())
    assert fresh.critic(strong, weak).logs["alpha"] == pytest.approx(0.125)


def test_fisher_moves_its_multiplier_with_each_critic_step():
    strong, weak = groups(1)
    game = FisherGame(rho=0.1)
    first = game.critic(strong, weak)
    expected = fisher_critic_loss(strong, weak, multiplier=0.0, rho=0.1)
    assert first.loss.item() == pytest.approx(expected.item(), abs=1e-12)
    assert first.logs["ipm"] == pytest.approx(fisher_ipm_ratio(strong, weak).item())
    omega = 0.5 * strong.square().mean() + 0.5 * weak.square().mean()
    second = game.critic(strong, weak)
    multiplier = 0.1 * (omega - 1).item()
    assert second.logs["multiplier"] == pytest.approx(multiplier)
    expected = fisher_critic_loss(strong, weak, multiplier=multiplier, rho=0.1)
    assert second.loss.item() == pytest.approx(expected.item(), abs=1e-12)
    game.eval()
    game.critic(strong, weak)
    assert game.critic(strong, weak).logs["multiplier"] == pytest.approx(2 * multiplier)
    assert game.encoder(strong, weak).item() == pytest.approx(-weak.mean().item())


def test_sphere_and_gram_are_their_functions():
    strong, weak = groups()
    sphere, gram = SphereGame(moments=3, base="pi"), GramGame(ridge=0.01, positivity="sum")
    expected = sphere_critic_loss(strong, weak, moments=3, base="pi")
    assert sphere.critic(strong, weak).loss.item() == pytest.approx(expected.item(), abs=1e-12)
    expected = sphere_encoder_loss(weak, moments=3, base="pi")
    assert sphere.encoder(strong, weak).item() == pytest.approx(expected.item(), abs=1e-12)
    expected = gram_critic_loss(strong, weak, ridge=0.01, positivity="sum")
    scored = gram.critic(strong, weak)
    assert scored.loss.item() == pytest.approx(expected.item(), abs=1e-12)
    assert scored.logs["mmd"] == pytest.approx(mmd_loss(strong, weak).item())
    assert gram.encoder(strong, weak).item() == pytest.approx(mmd_loss(strong, weak).item())


@pytest.mark.parametrize("name", CRITICS)
def test_strong_rows_get_no_gradient_from_the_encoders_loss(name):
    strong, weak = groups(1 if name == "fisher" else 3)
    loss = CRITICS[name]().encoder(strong, weak)
    found = torch.autograd.grad(loss, (strong, weak), allow_unused=True)
    assert found[0] is None or not found[0].any()
    assert found[1].any()


@pytest.mark.parametrize("name", CRITICS)
def test_logs_are_numbers_and_the_baseline_depends_on_the_generator_alone(name):
    strong, weak = groups(1 if name == "fisher" else 3)
    game = CRITICS[name]()
    assert all(isinstance(value, float) for value in game.critic(strong, weak).logs.values())
    before = torch.get_rng_state()
    first, again = (game.permuted(strong, weak, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first == again or (name == "sphere" and math.isnan(first))
    game.progress(1.0)


def test_a_constant_margin_has_no_baseline():
    strong, weak = groups()
    game = ContrastGame(MarginRule("constant"))
    assert math.isnan(game.permuted(strong, weak, torch.Generator()))


def test_the_shuffled_groups_share_more_than_groups_that_are_apart():
    generator = torch.Generator().manual_seed(0)
    strong, weak = (
        torch.rand(32, 3, generator=generator),
        torch.rand(32, 3, generator=generator) + 3,
    )
    game = ContrastGame()
    apart = game.critic(strong, weak).logs["information"]
    assert game.permuted(strong, weak, torch.Generator().manual_seed(0)) > apart + 0.2


@pytest.mark.parametrize(
    "make",
    [
        lambda: MarginRule("cubic"),
        lambda: MarginRule("linear"),
        lambda: MarginRule("linear", epochs=0),
        lambda: ContrastGame(form="away"),
        lambda: FisherGame(rho=0.0),
        lambda: SphereGame(moments=0),
        lambda: GramGame(positivity="often"),
    ],
)
def test_wrong_options_are_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()


@pytest.mark.parametrize("name", CRITICS)
def test_wrong_shapes_are_refused(name):
    with pytest.raises(ValueError, match="expected"):
        CRITICS[name]().critic(torch.zeros(3, 2), torch.zeros(3, 1))
