"""The contrastive-adversarial critic's losses against hand-checked values and naive loops."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.contrastive_critic import (
    ContrastiveAdversarialLoss,
    ContrastiveCriticLoss,
    CriticContrast,
    contrastive_adversarial_loss,
    contrastive_critic_loss,
    critic_liveness,
    pair_moments,
)

DOUBLE = torch.float64
DTYPES = pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-9), (torch.float32, 1e-5)])
STRONG = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=DOUBLE)
WEAK = torch.tensor([[1.0, 1.0], [2.0, 1.0]], dtype=DOUBLE)
FORMS = ["centroid", "mean", "mean01", "oriented"]
HUGE = torch.finfo(torch.float32).max


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def naive(strong, weak, margins, weight):
    positive = [
        float((strong[i] - strong[j]).square().sum()) for i in range(len(strong)) for j in range(i)
    ]
    negative = [
        max(0.0, float(margins[i]) - float((strong[i] - weak[j]).square().sum()))
        for i in range(len(strong))
        for j in range(len(weak))
    ]
    return sum(positive) / len(positive) + weight * sum(negative) / len(negative)


@DTYPES
@pytest.mark.parametrize(
    ("contrast", "negative", "loss"),
    [
        (CriticContrast(), 1.0, 2.333333333333333),
        (CriticContrast(negative_weight=0.5), 1.0, 1.8333333333333333),
        (CriticContrast(negative_weight=0.5, hinge=False), 0.5, 1.5833333333333333),
    ],
)
def test_golden_values(contrast, negative, loss, dtype, tolerance):
    strong, weak = STRONG.to(dtype), WEAK.to(dtype)
    moments = pair_moments(strong, weak, 3.0, contrast=contrast)
    assert moments.positive.item() == pytest.approx(1.3333333333333333, abs=tolerance)
    assert moments.negative.item() == pytest.approx(negative, abs=tolerance)
    found = ContrastiveCriticLoss(contrast)(strong, weak, 3.0)
    assert found.item() == pytest.approx(loss, abs=tolerance)


def test_the_hinge_keeps_it_bounded():
    free = CriticContrast(negative_weight=0.5, hinge=False)
    found = contrastive_critic_loss(STRONG, WEAK + 100, 3.0, contrast=free)
    assert found.item() == pytest.approx(-10181.75, abs=1e-9)
    found = contrastive_critic_loss(STRONG, WEAK + 100, 3.0)
    assert found.item() == pytest.approx(1.3333333333333333, abs=1e-9)


@DTYPES
def test_pairing_of_the_released_code(dtype, tolerance):
    strong = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [2.0, 2.0]], dtype=dtype)
    weak = torch.tensor([[1.0, 1.0], [2.0, 1.0], [0.0, 3.0], [0.5, 0.5]], dtype=dtype)
    margins = torch.full((4,), 3.0, dtype=dtype)
    code = CriticContrast(pairing="code")
    found = contrastive_critic_loss(strong, weak, margins, contrast=code)
    assert found.item() == pytest.approx(5.875, abs=tolerance)
    moments = pair_moments(strong, weak, margins, contrast=code)
    assert moments.positive.item() == pytest.approx(sum([8.0, 2.0, 2.0, 8.0]) / 4, abs=tolerance)
    assert moments.negative.item() == pytest.approx(sum([2.5, 0.0, 0.0, 1.0]) / 4, abs=tolerance)
    assert moments.constraint.item() == pytest.approx(-16.90625, abs=10 * tolerance)
    # rows beyond the smaller, even number are dropped in batch order
    extra = torch.cat([strong, strong + 9])
    found = contrastive_critic_loss(extra, torch.cat([weak, weak[:1]]), 3.0, contrast=code)
    assert found.item() == pytest.approx(5.875, abs=tolerance)


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_naive_loop(seed):
    strong, weak = draw(7, 3, seed=seed), draw(5, 3, seed=seed + 10)
    margins = draw(7, seed=seed + 20).abs() * 6
    contrast = CriticContrast(negative_weight=0.8)
    found = contrastive_critic_loss(strong, weak, margins, contrast=contrast)
    assert found.item() == pytest.approx(naive(strong, weak, margins, 0.8), abs=1e-12)


def test_active_leaves_pairs_beyond_the_margin_out_of_the_count():
    active = CriticContrast(pairing="active")
    # of six pairs' 3 - D^2 = (1 -2 2 1 2 -2) four are active
    assert pair_moments(STRONG, WEAK, 3.0, contrast=active).negative.item() == pytest.approx(1.5)
    assert pair_moments(STRONG, WEAK + 9, 3.0, contrast=active).negative.item() == 0


def test_chi2_adds_an_eighth_of_the_second_moments():
    found = contrastive_critic_loss(STRONG, WEAK, 3.0, contrast=CriticContrast(chi2_reg=True))
    # D^2 of positives 1 1 2, hinged negatives 1 0 2 1 2 0
    expected = 7 / 3 + ((1 + 1 + 4) / 3 + (1 + 4 + 1 + 4) / 6) / 8
    assert found.item() == pytest.approx(expected, abs=1e-12)


@DTYPES
@pytest.mark.parametrize(
    ("form", "expected"),
    list(zip(FORMS, [1.027777777777778, -1.25, -0.125, 1.343709624716425], strict=True)),
)
def test_adversarial_golden_values(form, expected, dtype, tolerance):
    found = ContrastiveAdversarialLoss(form=form)(STRONG.to(dtype), WEAK.to(dtype))
    assert found.item() == pytest.approx(expected, abs=tolerance)


def test_adversarial_gradient():
    strong, weak = STRONG.clone().requires_grad_(), WEAK.clone().requires_grad_()
    contrastive_adversarial_loss(strong, weak).backward()
    expected = [
        [0.33333333333333337, 0.33333333333333337],
        [0.8333333333333334, 0.33333333333333337],
    ]
    torch.testing.assert_close(weak.grad, torch.tensor(expected, dtype=DOUBLE), atol=1e-9, rtol=0)
    assert strong.grad is None


@pytest.mark.parametrize("pairing", ["all", "active", "code"])
@pytest.mark.parametrize("chi2_reg", [False, True])
def test_gradcheck_of_the_critic(pairing, chi2_reg):
    contrast = CriticContrast(pairing=pairing, chi2_reg=chi2_reg)
    inputs = (draw(4, 2).requires_grad_(), draw(4, 2, seed=1).requires_grad_())
    margins = torch.tensor([1.0, 4.0, 9.0, 2.0], dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda s, w, m: contrastive_critic_loss(s, w, m, contrast=contrast), (*inputs, margins)
    )


@pytest.mark.parametrize("form", ["centroid", "mean", "mean01"])
def test_gradcheck_of_the_adversary(form):
    # "oriented" detaches a direction that depends on the weak rows: see the next test
    weak = draw(5, 3).requires_grad_()
    strong = draw(4, 3, seed=1)
    assert torch.autograd.gradcheck(
        lambda w: contrastive_adversarial_loss(strong, w, form=form), weak
    )


def test_oriented_moves_weak_rows_along_the_line_of_means():
    strong, weak = draw(4, 3, seed=1) + 5, draw(5, 3).requires_grad_()
    contrastive_adversarial_loss(strong, weak, form="oriented").backward()
    axis = strong.mean(dim=0) - weak.detach().mean(dim=0)
    expected = (-axis / axis.norm() / 5).expand(5, 3)
    torch.testing.assert_close(weak.grad, expected)


def test_order_of_rows_does_not_matter():
    strong, weak = draw(6, 3), draw(5, 3, seed=1)
    first, second = torch.randperm(6), torch.randperm(5)
    margins = torch.arange(6.0, dtype=DOUBLE)
    torch.testing.assert_close(
        contrastive_critic_loss(strong[first], weak[second], margins[first]),
        contrastive_critic_loss(strong, weak, margins),
    )
    for form in FORMS:
        torch.testing.assert_close(
            contrastive_adversarial_loss(strong[first], weak[second], form=form),
            contrastive_adversarial_loss(strong, weak, form=form),
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("strong", "weak"),
    [
        (torch.zeros(4, 2), torch.zeros(3, 2)),
        (torch.full((4, 600), HUGE), torch.full((3, 600), -HUGE)),
        (torch.ones(1, 2), torch.zeros(0, 2)),
        (torch.zeros(0, 2), torch.ones(1, 2)),
        (torch.ones(1, 2), torch.ones(1, 2)),
    ],
)
def test_finite_for_any_finite_input(strong, weak, dtype):
    limit = torch.finfo(dtype).max
    strong = strong.clamp(-limit, limit).to(dtype).requires_grad_()
    weak = weak.clamp(-limit, limit).to(dtype).requires_grad_()
    losses = [contrastive_adversarial_loss(strong, weak, form=form) for form in FORMS]
    for pairing in ("all", "active", "code"):
        contrast = CriticContrast(pairing=pairing, chi2_reg=True)
        losses.append(contrastive_critic_loss(strong, weak, 3.0, contrast=contrast))
    for loss in losses:
        assert loss.dtype == torch.float32
        assert bool(loss.isfinite())
        for grad in torch.autograd.grad(loss, (strong, weak), allow_unused=True):
            assert grad is None or bool(grad.isfinite().all())


def test_a_dead_critic_is_noticed():
    dead = critic_liveness(torch.full((8, 4), 0.3), torch.full((8, 4), 0.3) + 1e-4)
    assert not dead.alive
    assert dead.cross_distance < 1e-6
    same = critic_liveness(torch.ones(3, 2), torch.ones(2, 2))
    assert (same.spread, same.cross_distance, same.auc) == (0, 0, 0.5)
    live = critic_liveness(draw(50, 4) + 3, draw(60, 4, seed=1))
    assert live.alive
    assert live.auc > 0.99
    assert critic_liveness(draw(3, 2), draw(0, 2)).auc == 0.5
    assert critic_liveness(draw(1, 2), draw(9, 2)).auc == 0.5


def test_noise_has_an_auc_of_one_half():
    """A line through the means of the very rows would part them: .69 of 128 rows."""
    found = [
        critic_liveness(draw(64, 16, seed=2 * i), draw(64, 16, seed=2 * i + 1)).auc
        for i in range(60)
    ]
    assert abs(sum(found) / len(found) - 0.5) < 0.02


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ValueError, match="expected a finite negative_weight of at least 0"):
        CriticContrast(negative_weight=weight)


def train_linear_critic(weight):
    """Overlapping groups: |difference of means|^2 + v_weak < 3 v_strong but not < v_strong."""
    strong, weak = draw(200, 3), draw(200, 3, seed=1)
    strong, weak = strong - strong.mean(dim=0), weak - weak.mean(dim=0)
    weak[:, 0] += 1.0
    layer = torch.nn.Linear(3, 4, dtype=DOUBLE)
    with torch.no_grad():
        layer.weight.copy_(draw(4, 3, seed=2) * 0.3)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    contrast = CriticContrast(negative_weight=weight)
    for _ in range(150):
        optimizer.zero_grad()
        contrastive_critic_loss(layer(strong), layer(weak), 1.0, contrast=contrast).backward()
        optimizer.step()
    return critic_liveness(layer(strong), layer(weak))


def test_weight_one_half_kills_the_critic_and_one_does_not():
    assert not train_linear_critic(0.5).alive
    assert train_linear_critic(1.0).alive


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: contrastive_critic_loss(torch.zeros(2), torch.zeros(2, 1), 1.0), "strong"),
        (lambda: contrastive_critic_loss(torch.zeros(2, 3), torch.zeros(2, 1), 1.0), "weak"),
        (lambda: contrastive_critic_loss(torch.zeros(0, 1), torch.zeros(0, 1), 1.0), "one row"),
        (
            lambda: contrastive_critic_loss(torch.zeros(2, 1), torch.zeros(3, 1), torch.zeros(3)),
            "margins",
        ),
        (lambda: CriticContrast(pairing="x"), "pairing"),
        (lambda: contrastive_adversarial_loss(STRONG, WEAK, form="x"), "form"),
        (lambda: ContrastiveAdversarialLoss(form="x"), "form"),
        (lambda: contrastive_adversarial_loss(STRONG, torch.zeros(2, 3)), "weak"),
        (lambda: critic_liveness(torch.zeros(0, 1), torch.zeros(0, 1)), "one row"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
