"""What holds for the losses of pairs, AML's players and the metric losses, whatever the input.

As test_properties.py, whose batches it draws: rows of four values, a class in 0...3 and a domain in
-1...2. A loss of similarities reads the rows' first values: classes 0 and 1 are its positives.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from affectrep.batch import Output
from affectrep.objectives.class_confusion import ClassConfusion
from affectrep.objectives.class_margins import (
    DISTANCE_LIMITS,
    SQUARED_LIMITS,
    AdaptiveClassMargin,
    class_margins,
)
from affectrep.objectives.class_memory import ClassMemory
from affectrep.objectives.contrastive import ContrastiveLoss, ContrastiveOptions, contrastive_loss
from affectrep.objectives.critic_head import OUTPUTS, CriticHead
from affectrep.objectives.distance_weighted import (
    distance_weighted_triplets,
    negative_probabilities,
)
from affectrep.objectives.domain_adversary import DomainClasses
from affectrep.objectives.domain_term import (
    METHODS,
    DomainCriticTerm,
    DomainHeadTerm,
    DomainOptions,
)
from affectrep.objectives.dro_pair_loss import dro_pair_loss, dro_weights
from affectrep.objectives.hard_pairs import HardPairMiner, HardPairs, Mining
from affectrep.objectives.label_aware import LabelAwareOptions, lcl_loss
from affectrep.objectives.learned_similarity import (
    FORMS,
    MetricDiscriminator,
    PairSimilarity,
    bounded_similarity,
    gradient_penalty,
    self_penalty,
)
from affectrep.objectives.margin_loss import margin_loss
from affectrep.objectives.metric_liveness import metric_liveness, overlap_auc
from affectrep.objectives.metric_pairs import pair_distances
from affectrep.objectives.pair_adversary import (
    AdversaryWeights,
    ScoredPairs,
    adversary_terms,
    pair_loss_chain,
)
from affectrep.objectives.pair_loss import (
    PairLoss,
    match_loss,
    pair_loss,
    pointwise_similarity,
    trust_penalty,
)
from affectrep.objectives.phase import PhaseResult
from affectrep.objectives.triplet import TripletOptions, triplet_loss
from tests.objectives.test_properties import (
    BATCHES,
    CLASSES,
    DIM,
    DTYPES,
    NO_POSITIVE,
    ONE,
    ONE_CLASS,
    POINTS,
    SAME,
    SUPCON,
    ZEROS,
    Loss,
    quick,
    random_batch,
    unpacked,
    value_and_gradient,
)

NAMES = torch.tensor([70, 3, 12, 9])  # not in the order of 0...3, so that rules by order show
ORDER = torch.tensor([2, 0, 3, 1])  # a class's new number, where classes index columns
CONFUSED = torch.randn(CLASSES, 4, CLASSES, generator=torch.Generator().manual_seed(2)).softmax(-1)
BOUNDARIES = torch.tensor([1.0, 0.7, 1.3, 0.4])


def similarities(loss: Callable[..., Tensor], **options: object) -> Loss:
    """Of plain numbers, whose positives are those of classes 0 and 1."""
    return lambda rows, labels, _: loss(rows[labels < 2, 0], rows[labels >= 2, 0], **options)


def cosines(rows: Tensor) -> Tensor:
    """Numbers in [-1, 1] that have a gradient, also from beyond and in half precision."""
    values = rows if rows.dtype == torch.float64 else rows.float()
    return values.clamp(-1e3, 1e3).sin()


def attack(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
    """All terms of the discriminator, on any numbers as similarities."""
    parts = [
        ScoredPairs(*(PairSimilarity(*rows[chosen, :3].T) for chosen in (strong, ~strong)))
        for strong in (labels < 2, domains < 1)
    ]
    loss = PairLoss().to(torch.promote_types(rows.dtype, torch.float32))
    terms = adversary_terms(*parts, loss, weights=AdversaryWeights(trust=0.1))
    return torch.stack([term.value * term.weight for term in terms]).sum()


def discriminator(rows: Tensor, form: str, **options: object) -> MetricDiscriminator:
    torch.manual_seed(0)
    metric = MetricDiscriminator(DIM, hidden=5, form=form, **options)
    if form == "bilinear":
        torch.nn.init.normal_(metric.matrix)
    return metric.to(torch.promote_types(rows.dtype, torch.float32))


def all_pairs(rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, int]:
    """Both ends of every pair, those of one class first, and how many those are."""
    i, j = torch.triu_indices(len(rows), len(rows), 1)
    same = labels[i] == labels[j]
    i, j = torch.cat([i[same], i[~same]]), torch.cat([j[same], j[~same]])
    return rows[i], rows[j], int(same.sum())


def learned(form: str, **options: object) -> Loss:
    """The pair loss of the discriminator's own hard set, all pairs of the batch."""

    def loss(rows: Tensor, labels: Tensor, _: Tensor) -> Tensor:
        left, right, first = all_pairs(rows, labels)
        metric = discriminator(rows, form, **options)
        found = metric.score_hard(left, right, epsilon=0.3)
        positive, negative = found.split(first)
        judged = pair_loss(positive.similarity, negative.similarity, threshold=0.3)
        trust = trust_penalty(found.cosine, found.similarity)
        return judged + trust + self_penalty(metric, rows, epsilon=0.3) + metric.penalty()

    return loss


def slope(rows: Tensor, labels: Tensor, _: Tensor) -> Tensor:
    left, right, _ = all_pairs(rows, labels)
    return gradient_penalty(discriminator(rows, "free", spectral=False), left, right, epsilon=0.3)


def label_aware(options: LabelAwareOptions, *, own: bool = False) -> Loss:
    def loss(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        values = rows if rows.dtype == torch.float64 else rows.float()
        weights = values.softmax(dim=1) if own else CONFUSED[labels, domains + 1]
        return lcl_loss(rows, labels, weights, options=options).sum()

    return loss


def metric_loss(loss: Callable[..., Tensor], *others: object, **options: object) -> Loss:
    return lambda rows, labels, _: loss(rows, labels, *others, **options)


def with_class_margins(loss: Callable[..., Tensor], *others: object, **options: object) -> Loss:
    limits = DISTANCE_LIMITS if loss is margin_loss else SQUARED_LIMITS

    def of_rows(rows: Tensor, labels: Tensor, _: Tensor) -> Tensor:
        table = class_margins(rows, labels, limits=limits)
        return loss(rows, labels, *others, margin=table, **options)

    return of_rows


def held_margin(rows: Tensor, labels: Tensor, _: Tensor) -> Tensor:
    return ContrastiveLoss(margin=AdaptiveClassMargin())(rows, labels)


METRIC: dict[str, Loss] = {  # of rows that are brought to length 1
    **{
        f"lcl, {reduction}, {none}": label_aware(LabelAwareOptions(reduction, none))
        for reduction in ("mean", "sum", "none")
        for none in ("exclude", "zero")
    },
    **{
        f"contrastive, {form}, {pairs}": metric_loss(
            contrastive_loss, options=ContrastiveOptions(form, pairs, negative_weight=0.7)
        )
        for form in ("hadsell", "caf", "linear")
        for pairs in ("all", "active")
    },
    **{
        f"triplet{', squared' * squared}{', soft' * soft}, {kind}": metric_loss(
            triplet_loss, options=TripletOptions(squared, soft, kind)
        )
        for squared, soft, kind in (
            (True, False, "active"),
            (True, True, "all"),
            (False, False, "all"),
            (False, True, "active"),
        )
    },
    "margin": metric_loss(margin_loss, 1.2, nu=0.1),
    "contrastive, class margins": with_class_margins(
        contrastive_loss, options=ContrastiveOptions("caf")
    ),
    "contrastive, held margins": held_margin,
    "triplet, class margins": with_class_margins(triplet_loss),
    "margin, class margins": with_class_margins(margin_loss, 0.8),
    **{f"discriminator, {form}": learned(form) for form in FORMS},
    "discriminator, no norm": learned("bounded", spectral=False, centred=False),
    "discriminator, slope": slope,
}
LOSSES: dict[str, Loss] = METRIC | {
    "lcl, own weights": label_aware(LabelAwareOptions(), own=True),
    "margin, boundaries": metric_loss(margin_loss, BOUNDARIES, nu=0.1),
    "pair": similarities(pair_loss, threshold=0.3),
    "pair, narrow": similarities(pair_loss, threshold=torch.tensor(-0.2), temperature=0.01),
    "pair, learned": lambda rows, labels, _: PairLoss().to(rows.double())(
        rows[labels < 2, 0], rows[labels >= 2, 0]
    ),
    "dro": similarities(dro_pair_loss, threshold=0.3),
    "dro, narrow": similarities(dro_pair_loss, threshold=0.3, gamma=0.01),
    "dro weights": lambda rows, labels, _: dro_weights(rows[:, 0]).square().sum(),
    "match": similarities(match_loss),
    "trust": lambda rows, labels, _: trust_penalty(rows[:, 0], rows[:, 1]),
    "pointwise": lambda rows, labels, _: pair_loss(
        pointwise_similarity(cosines(rows[labels < 2, 0]), positive=True),
        pointwise_similarity(cosines(rows[labels >= 2, 0]), positive=False),
        threshold=0.3,
    ),
    "bounded": lambda rows, labels, _: bounded_similarity(
        cosines(rows[:, 0]), cosines(rows[:, 1]), epsilon=0.5
    ).sum(),
    "adversary": attack,
}
REFUSES_NO_ROWS = {name for name in METRIC if "discriminator" not in name} | {
    "lcl, own weights",
    "margin, boundaries",
}  # the others may have no pair: zero with a live graph


def check_finite(loss: Loss, batch: list[tuple[list[float], int, int]]) -> None:
    rows, labels, domains = unpacked(batch)
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        values = rows.clamp(-most, most).to(dtype)
        wide, slope = value_and_gradient(loss, values.float(), labels, domains)
        assert wide.isfinite()
        assert slope.isfinite().all()
        if dtype == torch.float32:
            continue
        value, gradient = value_and_gradient(loss, values, labels, domains)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(wide.item(), rel=1e-5, abs=1e-6)
        fits = slope.abs() < torch.finfo(dtype).max / 4
        assert gradient[fits].isfinite().all()
        assert not gradient.isnan().any()


@pytest.mark.parametrize("name", LOSSES)
@quick
@given(batch=BATCHES)
@example(batch=ONE)
@example(batch=SAME)
@example(batch=ZEROS)
@example(batch=ONE_CLASS)
@example(batch=NO_POSITIVE)
def test_value_and_gradient_are_finite(name, batch):
    check_finite(LOSSES[name], batch)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_rows_does_not_matter(name, seed):
    rows, labels, domains = random_batch(seed)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    moved, turned = value_and_gradient(LOSSES[name], rows[order], labels[order], domains[order])
    torch.testing.assert_close(moved, value, atol=1e-11, rtol=1e-10)
    torch.testing.assert_close(turned, slope[order], atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in METRIC if not name.startswith("lcl")])
@pytest.mark.parametrize("seed", range(2))
def test_names_of_classes_do_not_matter(name, seed):
    rows, labels, domains = random_batch(seed)
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    again, same = value_and_gradient(LOSSES[name], rows, NAMES[labels], domains)
    torch.testing.assert_close(again, value, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(same, slope, atol=1e-12, rtol=1e-10)


def test_the_order_of_classes_does_not_matter():
    rows, labels, domains = random_batch(1)
    renamed = ORDER[labels]
    moved = torch.empty_like(CONFUSED)
    moved[..., ORDER] = CONFUSED  # column c goes to place ORDER[c]
    before = lcl_loss(rows, labels, CONFUSED[labels, domains + 1])
    after = lcl_loss(rows, renamed, moved[labels, domains + 1])
    torch.testing.assert_close(after, before, atol=1e-12, rtol=1e-12)
    boundaries = torch.empty_like(BOUNDARIES)
    boundaries[ORDER] = BOUNDARIES
    before = margin_loss(rows, labels, BOUNDARIES, nu=0.1)
    after = margin_loss(rows, renamed, boundaries, nu=0.1)
    torch.testing.assert_close(after, before, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", METRIC)
@quick
@given(scales=st.lists(st.sampled_from([1e-6, 0.1, 1.0, 37.0, 1e12, 1e30]), min_size=9, max_size=9))
def test_the_length_of_a_row_does_not_matter(name, scales):
    rows, labels, domains = random_batch(3)
    factors = torch.tensor(scales, dtype=torch.float64)[:, None]
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    again, scaled = value_and_gradient(LOSSES[name], rows * factors, labels, domains)
    torch.testing.assert_close(again, value, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(scaled * factors, slope, atol=1e-9, rtol=1e-8)


@pytest.mark.parametrize("name", [*METRIC, *SUPCON])
@pytest.mark.parametrize("scale", [2.0**90, 2.0**-20])
def test_the_length_of_a_row_does_not_matter_where_its_square_overflows(name, scale):
    rows, labels, domains = random_batch(3)
    loss, rows = (METRIC | SUPCON)[name], rows.float()
    value = loss(rows, labels, domains)
    torch.testing.assert_close(loss(rows * scale, labels, domains), value, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_no_rows_are_refused_or_zero_where_there_may_be_no_pair(name):
    rows, labels, domains = (part[:0] for part in random_batch(0))
    if name in REFUSES_NO_ROWS:
        with pytest.raises(ValueError, match="at least one row"):
            LOSSES[name](rows, labels, domains)
        return
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    constant = discriminator(rows, "bilinear").penalty().item() if "bilinear" in name else 0.0
    assert value.item() == pytest.approx(constant)
    assert slope.shape == rows.shape


@pytest.mark.parametrize("name", LOSSES)
def test_one_row_is_a_batch_without_a_pair(name):
    rows, labels, domains = (part[:1] for part in random_batch(2))
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    assert value.isfinite()
    assert slope.isfinite().all()
    if name in METRIC and "discriminator" not in name:  # whose penalties are of single rows
        assert value.item() == 0


# AML's players


@pytest.mark.parametrize("form", FORMS)
@quick
@given(batch=BATCHES, point=POINTS)
@example(batch=SAME, point=[1e30, -1e30, 0.3, 1e15])
@example(batch=ZEROS, point=[1e-30, 0.0, 0.0, 0.0])
def test_a_learned_similarity_is_one_whatever_the_rows(form, batch, point):
    rows = torch.cat([unpacked(batch)[0], torch.tensor([point], dtype=torch.float64)])
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        values = rows.clamp(-most, most).to(dtype)
        metric = discriminator(values, form).eval()
        found = metric(values, values.flip(0), epsilon=0.3)
        back = metric(values.flip(0), values, epsilon=0.3)
        for part, other in zip(found, back, strict=True):
            assert part.dtype == torch.float32
            assert (part.abs() <= 1 + 1e-6).all()
            torch.testing.assert_close(part, other)  # symmetric
        if form == "bounded":
            room = 0.3 * (1 - found.cosine.square()) + 1e-6
            assert ((found.similarity - found.cosine).abs() <= room).all()


@quick
@given(batch=BATCHES)
@example(batch=SAME)
@example(batch=ZEROS)
def test_parameters_of_a_discriminator_have_finite_gradients(batch):
    rows, labels, _ = unpacked(batch)
    for form, dtype, dead in itertools.product(FORMS, DTYPES, (False, True)):
        most = min(torch.finfo(dtype).max, 1e30)
        left, right, first = all_pairs(rows.clamp(-most, most).to(dtype), labels)
        metric = discriminator(left, form, spectral=False)
        if dead:
            torch.nn.init.zeros_(next(metric.parameters()))
        positive, negative = metric.score_hard(left, right, epsilon=0.3).split(first)
        loss = pair_loss(positive.similarity, negative.similarity, threshold=0.3)
        loss = loss + gradient_penalty(metric, left, right, epsilon=0.3)
        for slope in torch.autograd.grad(loss, metric.parameters(), allow_unused=True):
            assert slope is None or slope.isfinite().all()
        assert metric.centre.isfinite()


def test_a_row_of_zeros_is_no_place_to_take_a_slope_at():
    rows, _, _ = random_batch(0)
    metric = discriminator(rows, "free", spectral=False)
    torch.nn.init.normal_(metric.first.linear.weight, std=9.0)  # steep
    with_zero = torch.cat([rows, rows[:1] * 0])
    found = gradient_penalty(metric, with_zero, with_zero.roll(1, 0), epsilon=0.3)
    # the pair with the zero row, on either side, is not in the mean
    expected = gradient_penalty(metric, rows[1:], rows[:-1], epsilon=0.3)
    assert expected > 0
    torch.testing.assert_close(found, expected)


@quick
@given(batch=BATCHES)
@example(batch=ONE)
@example(batch=SAME)
def test_signs_of_life_are_finite_and_blind_to_order(batch):
    rows, labels, _ = unpacked(batch)
    strong = labels < 2
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        values = rows.clamp(-most, most).to(dtype)
        sides = [PairSimilarity(*values[chosen, :3].T) for chosen in (strong, ~strong)]
        found = metric_liveness(*sides, epsilon=0.3)
        assert torch.tensor(found).isfinite().all()
        aucs = [overlap_auc(*(side[i] for side in sides)) for i in (0, 2)]
        shares = (found.saturation, found.violations, *aucs)
        assert all(0 <= share <= 1 for share in shares)
        turned = [PairSimilarity(*(part.flip(0) for part in side)) for side in sides]
        again = metric_liveness(*turned, epsilon=0.3)
        assert again == pytest.approx(found, rel=1e-9, abs=1e-12, nan_ok=False)
        same = [PairSimilarity(*torch.full((3, 4), 0.2, dtype=dtype)) for _ in range(2)]
        dead = metric_liveness(*same, epsilon=0.3)
        assert dead.collapsed
        assert not dead.alive
        assert dead.moved == 0
        assert overlap_auc(same[0].cosine, same[1].cosine) == 0.5
        pairs = ScoredPairs(*(PairSimilarity(*map(cosines, side)) for side in sides))
        chain = pair_loss_chain(pairs, PairLoss(), epsilon=0.3)
        assert torch.tensor([*chain, chain.strength]).isfinite().all()
        assert chain.worst >= chain.cosine - 1e-6


def unordered(pairs: Tensor, names: Tensor | None = None) -> set[frozenset[int]]:
    pairs = pairs if names is None else names[pairs]
    return {frozenset(pair) for pair in pairs.tolist()}


def chosen(pairs: Tensor) -> set[int]:
    return set(pairs.flatten().tolist())


def mined(rows: Tensor, labels: Tensor, **options: object) -> HardPairs:
    generator = torch.Generator().manual_seed(0)
    return HardPairMiner(Mining(positives=1, negatives=2), generator=generator).mine(
        rows, labels, **options
    )


@quick
@given(batch=BATCHES, source=st.sampled_from(["both", "learned", "cosine"]))
@example(batch=ONE, source="both")
@example(batch=SAME, source="both")
@example(batch=ZEROS, source="learned")
@example(batch=ONE_CLASS, source="both")
@example(batch=NO_POSITIVE, source="learned")
def test_mined_pairs_are_pairs_whatever_the_rows(batch, source):
    rows, labels, _ = unpacked(batch)
    memory = ClassMemory(CLASSES, DIM, per_class=2)
    confusion = ClassConfusion(CLASSES)
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        values = rows.clamp(-most, most).to(dtype)
        metric = discriminator(values, "bounded").eval()
        found = HardPairMiner(Mining(positives=1, negatives=2, source=source)).mine(
            values,
            labels,
            score=lambda left, right, metric=metric: metric(left, right, epsilon=0.3).similarity,
            confusion=confusion,
            memory=memory.rows(),
        )
        everyone = torch.cat([labels, memory.rows().labels])
        for name in ("positive", "negative"):
            hard, easy = getattr(found, name), getattr(found, f"easy_{name}")
            by = getattr(found, f"{name}_found")
            assert len(by) == len(hard)
            assert ((by >= 1) & (by <= 3)).all()
            both = torch.cat([hard, easy])
            assert len(unordered(both)) == len(both)  # none twice, none with itself
            assert (both[:, 0] < len(labels)).all()
            same = everyone[both[:, 0]] == everyone[both[:, 1]]
            assert same.all() if name == "positive" else not same.any()
        # every row with another of its class has a hard positive, and so for negatives
        same = (labels[:, None] == everyone).fill_diagonal_(fill_value=False)
        assert set(same.any(dim=1).nonzero().flatten().tolist()) <= chosen(found.positive)
        other = labels[:, None] != everyone
        assert set(other.any(dim=1).nonzero().flatten().tolist()) <= chosen(found.negative)
        assert all(0 <= value < torch.inf for value in found.logs().values())
        memory.push(values, labels)
        confusion.update(values.float().softmax(dim=1), labels)


@pytest.mark.parametrize("seed", range(3))
def test_the_miner_is_blind_to_order_names_and_lengths(seed):
    rows, labels, _ = random_batch(seed, rows=12)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    scales = torch.logspace(-6, 30, 12, dtype=torch.float64)[order, None]
    metric = discriminator(rows, "bounded").eval()

    def score(left: Tensor, right: Tensor) -> Tensor:
        return metric(left, right, epsilon=0.3).similarity

    before = mined(rows, labels, score=score)
    for values, names, places in (
        (rows[order], labels[order], order),
        (rows, NAMES[labels], None),
        (rows * scales, labels, None),
        ((rows * 1e30).float(), labels, None),
    ):
        metric.to(values.dtype)
        after = mined(values, names, score=score)
        assert unordered(after.positive, places) == unordered(before.positive)
        assert unordered(after.negative, places) == unordered(before.negative)
        assert len(after.easy_negative) == len(before.easy_negative)


def test_a_miner_needs_a_row():
    with pytest.raises(ValueError, match="at least one row"):
        mined(torch.zeros(0, DIM), torch.zeros(0, dtype=torch.long))


@quick
@given(batch=BATCHES, seed=st.integers(0, 9))
@example(batch=ONE, seed=0)
@example(batch=ZEROS, seed=1)
@example(batch=ONE_CLASS, seed=2)
def test_confusion_is_finite_and_blind_to_order_and_names(batch, seed):
    rows, labels, domains = unpacked(batch)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    for dtype in DTYPES:
        shares = rows.clamp(-1e4, 1e4).to(dtype).softmax(dim=1)
        for known in (labels, labels.where(domains >= 0, -1)):
            one, moved, renamed = (ClassConfusion(CLASSES) for _ in range(3))
            shuffled = torch.empty_like(shares)
            shuffled[:, ORDER] = shares
            for _ in range(2):
                one.update(shares, known)
                moved.update(shares[order], known[order])
                renamed.update(shuffled, ORDER[known.clamp(min=0)].where(known >= 0, -1))
            matrix = one.matrix()
            assert matrix.isfinite().all()
            assert ((matrix >= 0) & (matrix <= 1 + 1e-6)).all()
            assert matrix.equal(matrix.T)
            assert (matrix.diagonal() == 0).all()
            assert 0 <= one.entropy() <= torch.tensor(CLASSES - 1.0).log() + 1e-6
            torch.testing.assert_close(moved.matrix(), matrix)
            torch.testing.assert_close(renamed.matrix()[ORDER][:, ORDER], matrix)
            one.update(shares[:0], known[:0])  # a phase may have no rows
            torch.testing.assert_close(one.matrix(), matrix)


@quick
@given(batches=st.lists(BATCHES, min_size=1, max_size=4), per_class=st.integers(1, 3))
@example(batches=[ONE, SAME, ZEROS, ONE_CLASS], per_class=1)
def test_a_memory_keeps_the_last_rows_of_each_class_as_they_were(batches, per_class):
    for dtype in DTYPES:
        memory, renamed = (ClassMemory(CLASSES, DIM, per_class=per_class) for _ in range(2))
        seen: list[tuple[int, list[float]]] = []
        most = min(torch.finfo(dtype).max, 1e30)
        for batch in batches:
            rows, labels, _ = unpacked(batch)
            values = rows.clamp(-most, most).to(dtype)
            memory.push(values, labels)
            renamed.push(values, ORDER[labels])
            seen += zip(labels.tolist(), values.float().tolist(), strict=True)
        found, other = memory.rows(), renamed.rows()
        assert found.embeddings.dtype == torch.float32
        for label in range(CLASSES):
            wanted = [row for name, row in seen if name == label][-per_class:]
            assert sorted(found.embeddings[found.labels == label].tolist()) == sorted(wanted)
            assert other.embeddings[other.labels == ORDER[label]].equal(
                found.embeddings[found.labels == label]
            )
        size = len(memory)
        memory.push(values[:0], labels[:0])
        assert len(memory) == size


# the metric losses' margins and draws


@quick
@given(batch=BATCHES, squared=st.booleans())
@example(batch=ONE, squared=False)
@example(batch=SAME, squared=True)
@example(batch=ZEROS, squared=True)
@example(batch=ONE_CLASS, squared=False)
def test_class_margins_lie_within_their_limits(batch, squared):
    rows, labels, _ = unpacked(batch)
    low, high = limits = SQUARED_LIMITS if squared else DISTANCE_LIMITS
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        table = class_margins(rows.clamp(-most, most).to(dtype), labels, limits=limits)
        assert table.classes.equal(labels.unique())
        assert table.values.dtype == torch.float32
        assert ((table.values >= low) & (table.values <= high + 1e-6)).all()


@quick
@given(batch=BATCHES, seed=st.integers(0, 99))
@example(batch=ONE, seed=0)
@example(batch=SAME, seed=1)
@example(batch=ZEROS, seed=2)
@example(batch=NO_POSITIVE, seed=3)
def test_drawn_triplets_are_triplets_whatever_the_rows(batch, seed):
    rows, labels, _ = unpacked(batch)
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        values = rows.clamp(-most, most).to(dtype)
        distances = pair_distances(values, labels)
        chances = negative_probabilities(distances, labels, dim=DIM)
        assert ((chances >= 0) & (chances <= 1)).all()
        some = ((labels[:, None] != labels) & (distances < 1.4)).any(dim=1)
        torch.testing.assert_close(chances.sum(dim=1), some.float())
        generator = torch.Generator().manual_seed(seed)
        triplets = distance_weighted_triplets(values, labels, generator=generator)
        anchor, positive, negative = triplets.T
        assert (labels[anchor] == labels[positive]).all()
        assert (anchor != positive).all()
        assert (labels[anchor] != labels[negative]).all()
        assert (distances[anchor, negative] < 1.4).all()
        same = (labels[:, None] == labels).fill_diagonal_(False)
        assert len(triplets) == (same & some[:, None]).sum()
        loss, slope = value_and_gradient(
            lambda leaf, rows=triplets: margin_loss(leaf, labels, 1.2, triplets=rows), values
        )
        assert loss.isfinite()
        assert slope.isfinite().all()


@pytest.mark.parametrize("seed", range(3))
def test_chances_of_a_draw_are_blind_to_order_names_and_lengths(seed):
    rows, labels, _ = random_batch(seed)

    def chances(rows: Tensor, labels: Tensor) -> Tensor:
        return negative_probabilities(pair_distances(rows, labels), labels, dim=DIM)

    before = chances(rows, labels)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    scales = torch.logspace(-6, 30, 9, dtype=torch.float64)[:, None]
    moved = chances(rows[order], labels[order])
    torch.testing.assert_close(moved, before[order][:, order], atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(chances(rows, NAMES[labels]), before, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(chances(rows * scales, labels), before, atol=1e-12, rtol=1e-9)


def test_draws_and_margins_need_a_row():
    nothing = torch.zeros(0, DIM), torch.zeros(0, dtype=torch.long)
    for call in (distance_weighted_triplets, class_margins, AdaptiveClassMargin()):
        with pytest.raises(ValueError, match="at least one row"):
            call(*nothing)


# players that see single rows


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("spectral", [False, True])
@settings(quick, max_examples=6)
@given(batch=BATCHES)
@example(batch=ONE)
@example(batch=ZEROS)
def test_a_critic_is_finite_bounded_and_looks_at_each_row_alone(output, spectral, batch):
    rows = unpacked(batch)[0]
    torch.manual_seed(0)
    head = CriticHead(DIM, output=output, spectral=spectral).eval()
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        values = rows.clamp(-most, most).to(dtype).requires_grad_()
        found = head(values)
        assert found.dtype == torch.float32
        assert found.isfinite().all()
        slopes = torch.autograd.grad(found.square().sum(), [values, *head.parameters()])
        assert all(slope.isfinite().all() for slope in slopes[1:])
        assert not slopes[0].isnan().any()
        squares = (found[:, None] - found).square().sum(dim=2)
        assert (squares <= head.largest_distance + 1e-4).all()
        torch.testing.assert_close(head(values.flip(0)), found.flip(0))
    assert head(rows[:0]).shape == (0, 16)


def domain_term(options: DomainOptions, dtype: torch.dtype) -> DomainHeadTerm | DomainCriticTerm:
    torch.manual_seed(0)
    if options.method == "wasserstein":
        return DomainCriticTerm("corpus", DIM, options).to(dtype)
    return DomainHeadTerm("speaker", DIM, options, outputs=CLASSES).to(dtype)


def term_options(method: str, *, groups: bool = False) -> DomainOptions:
    count = 2 if method == "wasserstein" else 4
    owner = [0, 0, 1, 1] if groups and count == 4 else None
    classes = DomainClasses(count, rows=None if count == 2 else [5, 1, 3, 2], groups=owner)
    return DomainOptions(classes, method, hidden=5, dropout=0.0)


def weighed(result: PhaseResult, like: Tensor) -> Tensor:
    parts = [term.value * term.weight * min(term.count, 1.0) for term in result.terms]
    return torch.stack(parts).sum() if parts else like.sum() * 0.0


def hidden_domain(method: str, part: str, *, groups: bool = False) -> Loss:
    """One phase of a term, on the rows as embeddings and as predictions."""

    def loss(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        options = term_options(method, groups=groups)
        term = domain_term(options, torch.promote_types(rows.dtype, torch.float32))
        known = labels.where(domains >= 0, -1).clamp(max=options.classes.count - 1)
        output = Output(rows, rows.flip(1))
        if part == "learn":
            return weighed(term.learn(output, known), rows)
        return weighed(term.hide(output, known, 0.3), rows)

    return loss


TERMS: dict[str, Loss] = {
    f"{method}, {part}{', groups' * groups}": hidden_domain(method, part, groups=groups)
    for method in METHODS
    for part in ("learn", "hide")
    for groups in (False, True)
    if not (groups and method == "wasserstein")
}


@pytest.mark.parametrize("name", TERMS)
@settings(quick, max_examples=6)
@given(batch=BATCHES)
@example(batch=ONE)
@example(batch=SAME)
@example(batch=ZEROS)
@example(batch=ONE_CLASS)
@example(batch=NO_POSITIVE)
def test_terms_of_a_domain_are_finite(name, batch):
    check_finite(TERMS[name], batch)


@pytest.mark.parametrize("name", TERMS)
def test_terms_of_a_domain_are_blind_to_order_and_take_no_rows(name):
    if name != "wasserstein, learn":  # its points between are drawn row by row
        rows, labels, domains = random_batch(1)
        order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
        value, slope = value_and_gradient(TERMS[name], rows, labels, domains)
        moved, turned = value_and_gradient(TERMS[name], rows[order], labels[order], domains[order])
        torch.testing.assert_close(moved, value, atol=1e-11, rtol=1e-10)
        torch.testing.assert_close(turned, slope[order], atol=1e-10, rtol=1e-9)
    nothing = (part[:0] for part in random_batch(0))
    value, slope = value_and_gradient(TERMS[name], *nothing)
    assert value.item() == 0
    assert slope.shape == (0, DIM)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "wasserstein"])
def test_names_of_domains_do_not_matter(method):
    rows, labels, _ = random_batch(1)
    one, other = (domain_term(term_options(method), torch.float64) for _ in range(2))
    last, moved = one.head[-1], other.head[-1]
    with torch.no_grad():  # the class of a column goes by its new name
        for before, after in zip(last.parameters(), moved.parameters(), strict=True):
            after[ORDER] = before
        other.class_weights[ORDER] = one.class_weights.clone()
    output = Output(rows, rows.flip(1))
    for part in ("learn", "hide"):
        options = (0.3,) if part == "hide" else ()
        values = [
            weighed(getattr(term, part)(output, names, *options), rows)
            for term, names in ((one, labels), (other, ORDER[labels]))
        ]
        torch.testing.assert_close(values[1], values[0], atol=1e-12, rtol=1e-10)
