"""AML's pair loss, its variants, and an adversary that is alive, dead or helpful."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.dro_pair_loss import dro_pair_loss, dro_value, dro_weights
from affectrep.objectives.learned_similarity import (
    MetricDiscriminator,
    PairSimilarity,
    bounded_similarity,
)
from affectrep.objectives.metric_liveness import beyond_cosine, metric_liveness, overlap_auc
from affectrep.objectives.pair_adversary import (
    AdversaryWeights,
    ScoredPairs,
    adversary_terms,
    pair_loss_chain,
)
from affectrep.objectives.pair_loss import (
    PairLoss,
    adversary_strength,
    match_loss,
    pair_halves,
    pair_loss,
    pointwise_similarity,
    trust_penalty,
)

DOUBLE = torch.float64
# fixture aml_pair_loss: epsilon 1/2, threshold .3, temperature .2
COSINE = ([0.2, 0.5], [0.7, 0.4])
RESPONSE = ([-1.0, -0.5], [0.8, -0.2])
SIMILARITY = ([-0.28, 0.3125], [0.904, 0.316])
LOSS_COSINE, LOSS_LEARNED = 1.097085916730352, 1.8543857352581012
LOSS_POINTWISE, STRENGTH = 2.540192847952011, 0.5247704117716757
# fixture dro_kl_weights: gamma 1/2
DRO_WEIGHTS = [0.02350106292018102, 0.11640152665140635, 0.8600974104284126]
DRO_VALUE = 1.5260486697703939


def naive(positive, negative, threshold: float, temperature: float) -> float:
    above = [math.log1p(math.exp(-(float(s) - threshold) / temperature)) for s in positive]
    below = [math.log1p(math.exp((float(s) - threshold) / temperature)) for s in negative]
    return sum(0.5 * sum(losses) / len(losses) if losses else 0.0 for losses in (above, below))


@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-9), (torch.float32, 1e-5)])
def test_golden_values(dtype, tolerance):
    cosine = [torch.tensor(values, dtype=dtype) for values in COSINE]
    response = [torch.tensor(values, dtype=dtype) for values in RESPONSE]
    learned = [
        bounded_similarity(*pair, epsilon=0.5) for pair in zip(cosine, response, strict=True)
    ]
    worst = [
        pointwise_similarity(values, positive=positive, epsilon=0.5)
        for values, positive in zip(cosine, (True, False), strict=True)
    ]
    for found, wanted in zip(learned, SIMILARITY, strict=True):
        assert found.tolist() == pytest.approx(wanted, abs=tolerance)
    losses = [
        pair_loss(*values, threshold=0.3, temperature=0.2) for values in (cosine, learned, worst)
    ]
    wanted = (LOSS_COSINE, LOSS_LEARNED, LOSS_POINTWISE)
    assert [loss.item() for loss in losses] == pytest.approx(wanted, rel=tolerance)
    strength = adversary_strength(losses[1], losses[0], losses[2])
    assert strength.item() == pytest.approx(STRENGTH, abs=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-9), (torch.float32, 1e-5)])
def test_golden_values_of_dro(dtype, tolerance):
    losses = torch.tensor([0.2, 1.0, 2.0], dtype=dtype)
    assert dro_weights(losses, gamma=0.5).tolist() == pytest.approx(DRO_WEIGHTS, abs=tolerance)
    assert dro_value(losses, gamma=0.5).item() == pytest.approx(DRO_VALUE, abs=tolerance)


@pytest.mark.parametrize(("positives", "negatives"), [(7, 13), (1, 0), (0, 3), (0, 0)])
def test_equals_the_naive_loop(positives, negatives):
    generator = torch.Generator().manual_seed(positives)
    positive = 2 * torch.rand(positives, generator=generator, dtype=DOUBLE) - 1
    negative = 2 * torch.rand(negatives, generator=generator, dtype=DOUBLE) - 1
    found = pair_loss(positive, negative, threshold=0.25)
    assert found.item() == pytest.approx(naive(positive, negative, 0.25, 0.15), abs=1e-12)
    halves = pair_halves(positive, negative, threshold=0.25)
    assert halves[2:] == (positives, negatives)
    terms = halves.terms("pairs", weight=0.4)
    total = sum(term.value * term.weight for term in terms)
    assert total.item() == pytest.approx(0.4 * found.item(), abs=1e-12)


def test_an_empty_batch_of_pairs_has_a_live_graph():
    positive, negative = (torch.zeros(0, requires_grad=True) for _ in range(2))
    threshold = torch.tensor(0.3, requires_grad=True)
    for loss in (
        pair_loss(positive, negative, threshold=threshold),
        dro_pair_loss(positive, negative, threshold=threshold),
        match_loss(positive, negative),
    ):
        found = torch.autograd.grad(loss, (positive, negative))
        assert loss.item() == 0
        assert [len(grad) for grad in found] == [0, 0]


def test_dro_lies_between_the_mean_and_the_worst():
    losses = torch.rand(9, generator=torch.Generator().manual_seed(0), dtype=DOUBLE) * 3
    values = [dro_value(losses, gamma=gamma).item() for gamma in (1e-3, 0.1, 1.0, 1e5)]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(losses.max().item(), abs=0.01)
    assert values[-1] == pytest.approx(losses.mean().item(), abs=1e-4)
    leaf = losses.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(dro_value(leaf, gamma=0.3), leaf)
    torch.testing.assert_close(slopes, dro_weights(losses, gamma=0.3))


def test_dro_weighs_each_type_by_itself():
    positive, negative = (torch.tensor(values, dtype=DOUBLE) for values in COSINE)
    found = dro_pair_loss(positive, negative, threshold=0.3, temperature=0.2, gamma=0.5)
    wanted = 0.0
    for sign, values in ((-1, COSINE[0]), (1, COSINE[1])):
        losses = [math.log1p(math.exp(sign * (s - 0.3) / 0.2)) for s in values]
        wanted += 0.5 * 0.5 * math.log(sum(math.exp(loss / 0.5) for loss in losses) / 2)
    assert found.item() == pytest.approx(wanted, abs=1e-12)


def test_match_and_trust():
    positive, negative = torch.tensor([0.1, 0.4]), torch.tensor([0.9])
    assert match_loss(positive, negative).item() == pytest.approx(0.65**2)
    assert match_loss(positive, negative[:0]).item() == 0
    assert trust_penalty(positive, positive + 0.3).item() == pytest.approx(0.09)


def test_strength_without_room_is_zero():
    one = torch.tensor(1.0)
    assert adversary_strength(one, one, one).item() == 0
    assert adversary_strength(torch.tensor(0.5), one, torch.tensor(2.0)).item() == -0.5


def test_gradcheck():
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.rand(count, generator=generator, dtype=DOUBLE) for count in (4, 5)]
    inputs = [values.requires_grad_() for values in (*inputs, torch.tensor(0.3, dtype=DOUBLE))]
    for loss in (pair_loss, dro_pair_loss):
        assert torch.autograd.gradcheck(lambda p, n, b, f=loss: f(p, n, threshold=b), inputs)
    assert torch.autograd.gradcheck(match_loss, inputs[:2])
    assert torch.autograd.gradcheck(
        lambda p: pointwise_similarity(p, positive=True, epsilon=0.4), inputs[:1]
    )
    assert torch.autograd.gradcheck(lambda p: trust_penalty(p, p**2), inputs[:1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_any_finite_similarity_is_finite(dtype):
    large = torch.finfo(dtype).max
    values = torch.tensor([large, -large, 0.0, 1.0], dtype=dtype)
    loss = PairLoss().to(dtype)
    for function in (pair_loss, dro_pair_loss):
        leaf = values.clone().requires_grad_()
        found = function(leaf, leaf, threshold=loss.threshold)
        found.backward()
        assert found.dtype == torch.float32
        assert found.isfinite()
        assert leaf.grad.isfinite().all()
        assert loss.threshold.grad.isfinite()
    assert match_loss(values, values).isfinite()


# ---- the adversary ---------------------------------------------------------------------------


def confusable_points(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three pairs of neighbouring Gaussian classes in 24 dimensions."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(3, 24, generator=generator).repeat_interleave(2, dim=0)
    centres = centres + 0.35 * torch.randn(6, 24, generator=generator)
    labels = torch.arange(6).repeat_interleave(12)
    return centres[labels] + 0.8 * torch.randn(72, 24, generator=generator), labels


def mined(points: torch.Tensor, labels: torch.Tensor) -> dict[str, tuple]:
    """Per anchor the 2 least and most similar positives and the 4 most and least negatives."""
    unit = functional.normalize(points, dim=1)
    cosine, same = unit @ unit.T, labels[:, None] == labels
    other = ~same
    same = same & ~torch.eye(len(labels), dtype=torch.bool)

    def pairs(mask: torch.Tensor, count: int, *, largest: bool) -> tuple:
        filled = cosine.masked_fill(~mask, -9.0 if largest else 9.0)
        partners = filled.topk(count, largest=largest).indices
        return torch.arange(len(labels)).repeat_interleave(count), partners.flatten()

    hard = pairs(same, 2, largest=False), pairs(other, 4, largest=True)
    easy = pairs(same, 2, largest=True), pairs(other, 4, largest=False)
    return {"hard": hard, "easy": easy}


def scored(metric: MetricDiscriminator, points, pairs, *, hard: bool) -> ScoredPairs:
    left, right = (points[torch.cat([pair[end] for pair in pairs])] for end in (0, 1))
    score = metric.score_hard if hard else metric
    return ScoredPairs(*score(left, right, epsilon=0.3).split(len(pairs[0][0])))


def ascended(metric: MetricDiscriminator, seed: int, *, validity: float, steps: int) -> ScoredPairs:
    points, labels = confusable_points(seed)
    pairs, loss = mined(points, labels), PairLoss()
    optimizer = torch.optim.Adam(metric.parameters(), 3e-3, betas=(0.5, 0.9))
    for _ in range(steps):
        hard = scored(metric, points, pairs["hard"], hard=True)
        easy = scored(metric, points, pairs["easy"], hard=False)
        terms = adversary_terms(hard, easy, loss, weights=AdversaryWeights(validity))
        optimizer.zero_grad()
        torch.stack([term.value * term.weight for term in terms]).sum().backward()
        optimizer.step()
    assert loss.threshold.grad is None
    with torch.no_grad():
        return scored(metric, points, pairs["hard"], hard=True)


def discriminator(seed: int, **options) -> MetricDiscriminator:
    torch.manual_seed(seed)
    return MetricDiscriminator(24, hidden=32, **options)


@pytest.mark.parametrize("seed", range(4))
def test_ascent_lies_between_the_cosine_and_the_pointwise_worst_case(seed):
    found = ascended(discriminator(seed), seed, validity=0.0, steps=40)
    chain = pair_loss_chain(found, PairLoss(), epsilon=0.3)
    assert chain.cosine + 0.05 < chain.learned < chain.worst - 0.05
    assert 0 < chain.strength < 1


@pytest.mark.parametrize("seed", range(4))
def test_no_response_beats_the_pointwise_worst_case(seed):
    generator = torch.Generator().manual_seed(seed)
    cosine, response = 2 * torch.rand(2, 2, 50, generator=generator, dtype=DOUBLE) - 1
    similarity = bounded_similarity(cosine, response, epsilon=0.5)
    pairs = ScoredPairs(*(PairSimilarity(cosine[i], response[i], similarity[i]) for i in (0, 1)))
    chain = pair_loss_chain(pairs, PairLoss().double(), epsilon=0.5)
    assert max(chain.learned, chain.cosine) < chain.worst


def test_a_centred_adversary_is_alive():
    found = ascended(discriminator(0), 0, validity=0.5, steps=80)
    signs = metric_liveness(*found, epsilon=0.3)
    assert signs.alive
    assert not signs.collapsed
    assert not signs.saturated
    assert signs.moved > 0.05
    cosine, learned = (
        overlap_auc(*(getattr(part, name) for part in found)) for name in ("cosine", "similarity")
    )
    assert learned < cosine
    assert signs.violations == 0


def test_an_uncentred_adversary_collapses_and_is_noticed():
    metric = discriminator(0, centred=False, gain=1.0)
    found = ascended(metric, 0, validity=0.5, steps=80)
    signs = metric_liveness(*found, epsilon=0.3)
    assert signs.collapsed
    assert not signs.alive
    # a constant: strong all the same, which is why strength alone is no evidence
    assert pair_loss_chain(found, PairLoss(), epsilon=0.3).strength > 0.2


def test_equal_points_are_finite_and_noticed():
    metric, points = discriminator(0), torch.ones(8, 24, requires_grad=True)
    pairs = [(torch.arange(0, 8, 2), torch.arange(1, 8, 2))] * 2
    hard = scored(metric, points, pairs, hard=True)
    easy = scored(metric, points, pairs, hard=False)
    weights = AdversaryWeights(validity=0.5, trust=0.1)
    terms = adversary_terms(hard, easy, PairLoss(), weights=weights)
    loss = torch.stack([term.value * term.weight for term in terms]).sum()
    loss.backward()
    assert loss.isfinite()
    assert points.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in metric.parameters())
    signs = metric_liveness(*hard, epsilon=0.3)
    assert signs.collapsed
    assert not signs.alive
    assert signs.moved == 0
    assert overlap_auc(hard.positive.cosine, hard.negative.cosine) == 0.5


def pairs_of(cosine: list[float], response: list[float]) -> PairSimilarity:
    first, second = torch.tensor(cosine), torch.tensor(response)
    return PairSimilarity(first, second, bounded_similarity(first, second, epsilon=0.3))


def test_saturation_and_violations_are_noticed():
    positive = pairs_of([0.1, 0.2, 0.9], [-1.0, -0.99, -1.0])
    negative = pairs_of([0.3, 0.4], [1.0, 0.2])
    signs = metric_liveness(positive, negative, epsilon=0.3)
    assert signs.saturation == pytest.approx(0.8)
    assert not signs.saturated
    limit = pairs_of([0.3, 0.4], [1.0, 0.97])
    assert metric_liveness(positive, limit, epsilon=0.3).saturated
    assert signs.violations == 0
    assert metric_liveness(positive, negative, epsilon=0.1).violations == 0.8
    assert signs.gap == pytest.approx(0.6 + 2.99 / 3)


def test_a_helpful_adversary_is_not_alive():
    positive, negative = pairs_of([0.3, 0.4], [0.9, 0.8]), pairs_of([0.35, 0.5], [-0.9, -0.7])
    signs = metric_liveness(positive, negative, epsilon=0.3)
    assert signs.spread > 0.5
    assert not signs.alive
    chain = pair_loss_chain(ScoredPairs(positive, negative), PairLoss(), epsilon=0.3)
    assert chain.strength < 0


def test_overlap_auc_equals_sklearn():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(0)
    scores = (torch.rand(60, generator=generator) * 8).round() / 8  # ties
    labels = [1] * 25 + [0] * 35
    found = overlap_auc(scores[:25], scores[25:])
    assert found == pytest.approx(metrics.roc_auc_score(labels, scores.numpy()))
    assert overlap_auc(scores, scores[:0]) == overlap_auc(scores[:0], scores) == 0.5


def test_an_adversary_without_response_is_told_by_what_it_moved():
    cosine = torch.tensor([0.2, 0.4])
    positive = PairSimilarity(cosine, cosine * 0, cosine - 0.1)
    negative = PairSimilarity(cosine, cosine * 0, cosine + 0.2)
    signs = metric_liveness(positive, negative, epsilon=0.5)
    assert signs.moved == pytest.approx(0.3)
    assert metric_liveness(negative, positive, epsilon=0.5).moved == pytest.approx(-0.3)


def test_missing_pairs_read_as_dead():
    some, none = pairs_of([0.1, 0.5], [-0.9, 0.9]), pairs_of([], [])
    assert not metric_liveness(some, none, epsilon=0.3).alive
    assert metric_liveness(none, none, epsilon=0.3).collapsed
    assert pair_loss_chain(ScoredPairs(none, none), PairLoss(), epsilon=0.3).strength == 0


def test_terms_of_the_adversary_add_up():
    points, labels = confusable_points(1)
    metric, loss, pairs = discriminator(1).eval(), PairLoss(), mined(points, labels)
    hard = scored(metric, points, pairs["hard"], hard=True)
    easy = scored(metric, points, pairs["easy"], hard=False)
    weights = AdversaryWeights(validity=0.7, trust=0.2)
    found = sum(t.value * t.weight for t in adversary_terms(hard, easy, loss, weights=weights))
    move = torch.cat([part.similarity - part.cosine for part in hard])
    wanted = (
        -loss(hard.positive.similarity, hard.negative.similarity)
        + 0.7 * loss(easy.positive.similarity, easy.negative.similarity)
        + 0.2 * move.square().mean()
    )
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    without = adversary_terms(hard, easy, loss, weights=AdversaryWeights(validity=0.0))
    assert [term.name for term in without] == ["hard_positive", "hard_negative"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pair_loss(torch.zeros(2, 1), torch.zeros(2), threshold=0.3), "positive"),
        (lambda: match_loss(torch.zeros(2), torch.zeros(())), "negative"),
        (
            lambda: pair_loss(torch.zeros(2), torch.zeros(2), threshold=0.3, temperature=0.0),
            "temperature",
        ),
        (lambda: PairLoss(threshold=2.0), "threshold"),
        (lambda: PairLoss(temperature=-1.0), "temperature"),
        (lambda: dro_weights(torch.zeros(2), gamma=0.0), "gamma"),
        (lambda: dro_value(torch.zeros(2, 2)), "losses"),
        (lambda: trust_penalty(torch.zeros(2), torch.zeros(3)), "similarity"),
        (lambda: AdversaryWeights(validity=-1.0), "validity"),
        (
            lambda: metric_liveness(
                PairSimilarity(*torch.zeros(3, 2, 2)), pairs_of([], []), epsilon=0.3
            ),
            "pairs",
        ),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def moved_pairs(cosine: torch.Tensor, response: torch.Tensor) -> PairSimilarity:
    return PairSimilarity(cosine, response, bounded_similarity(cosine, response, epsilon=0.3))


def test_a_function_of_the_cosine_says_nothing_beyond_it():
    generator = torch.Generator().manual_seed(0)
    cosine = torch.rand(400, generator=generator) * 1.6 - 0.8
    low, high = cosine[:200] - 0.1, cosine[200:] + 0.1
    found = beyond_cosine(
        moved_pairs(low, torch.tanh(2 * low)), moved_pairs(high, torch.tanh(2 * high))
    )
    assert found.explained > 0.99
    assert abs(found.gap) < 0.02


def test_an_answer_to_the_label_is_beyond_the_cosine():
    """Planted: the response is .3 cosine, plus .2 on negatives, plus noise of sd .1."""
    generator = torch.Generator().manual_seed(0)
    cosine = torch.rand(4000, generator=generator) * 1.6 - 0.8
    noise = 0.1 * torch.randn(4000, generator=generator)
    kind = (torch.arange(4000) >= 2000).float()
    response = 0.3 * cosine + 0.2 * kind + noise
    sides = [moved_pairs(cosine[part], response[part]) for part in (kind == 0, kind == 1)]
    found = beyond_cosine(*sides)
    assert found.gap == pytest.approx(0.2 / float(response.std()), rel=0.05)
    variance = 0.3**2 * float(cosine.var())
    assert found.explained == pytest.approx(variance / float(response.var()), abs=0.03)
    without = [PairSimilarity(one.cosine, one.cosine * 0, one.similarity) for one in sides]
    assert beyond_cosine(*without).gap > 0.3  # a form without response is told by what it moved


def test_nothing_moved_or_missing_is_the_cosine_itself():
    cosine = torch.tensor([0.1, 0.5, 0.9])
    same = PairSimilarity(cosine, cosine * 0, cosine)
    none = PairSimilarity(*torch.zeros(3, 0))
    assert beyond_cosine(same, same) == (1.0, 0.0)
    assert beyond_cosine(same, none) == (1.0, 0.0)
