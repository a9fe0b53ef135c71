"""What holds for whole families of losses and any input: finite, blind to order, names and scale.

A loss here is a function of the same drawn batch: rows of four values, a class in 0...3 and a
domain in -1...2. Losses of two groups take classes 0 and 1 as strong rows, 2 and 3 as weak ones.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from affectrep.objectives.adaptive_margin import Margin, adaptive_margin, neighbour_counts
from affectrep.objectives.av_regression import (
    av_regression_loss,
    ccc_loss,
    heteroscedastic_loss,
    pcc_loss,
    rmse_loss,
)
from affectrep.objectives.binary_cross_entropy import binary_cross_entropy_loss
from affectrep.objectives.cdan import ConditionalDomainAdversary, conditioned_embeddings
from affectrep.objectives.contrastive_critic import (
    FORMS,
    CriticContrast,
    contrastive_adversarial_loss,
    contrastive_critic_loss,
    critic_liveness,
)
from affectrep.objectives.cross_entropy import cross_entropy_loss
from affectrep.objectives.domain_adversary import (
    Adversary,
    DomainAdversary,
    DomainClasses,
    domain_cross_entropy_loss,
)
from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss
from affectrep.objectives.fisher_ipm import (
    fisher_critic_loss,
    fisher_encoder_loss,
    fisher_ipm_linear,
    fisher_ipm_ratio,
)
from affectrep.objectives.gradient_reversal import ReversalSchedule
from affectrep.objectives.gram import gram_critic_loss, mmd_loss
from affectrep.objectives.grouping import Grouping, radius_threshold, strong_weak_groups
from affectrep.objectives.information import kernel_mean_correlation
from affectrep.objectives.sphere import sphere_critic_loss, sphere_encoder_loss
from affectrep.objectives.supcon import DomainWeight, SupConOptions, supcon_loss
from affectrep.objectives.supcon_memory import StoredRows, supcon_memory_loss
from affectrep.objectives.thresholds import (
    kmeans_centres,
    kmeans_threshold,
    otsu_exact,
    otsu_histogram,
)
from affectrep.objectives.wasserstein_critic import wasserstein_critic_loss, wasserstein_distance

CLASSES = DIM = 4
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
WEIGHTS = torch.tensor([1.0, 0.5, 2.0, 3.0])
OWNER = torch.tensor([0, 0, 1, 1])
STORED = torch.randn(6, DIM, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
STORED_LABELS = torch.tensor([0, 1, 1, 2, 3, 0])
NAMES = torch.tensor([70, -3, 12, 9])


def supcon(options: SupConOptions | None = None, by: str = "") -> Loss:
    def loss(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        weight = DomainWeight(domains, normaliser=by) if by else None
        return supcon_loss(rows, labels, options=options, domain_weight=weight).sum()

    return loss


def memory(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
    # the stored labels go by the new names when the batch's do
    renamed = bool(((labels < 0) | (labels >= CLASSES)).any())
    stored = NAMES[STORED_LABELS] if renamed else STORED_LABELS
    return supcon_memory_loss(rows, labels, StoredRows(functional.normalize(STORED), stored))


def two_groups(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    return lambda rows, labels, domains: loss(rows[labels < 2], rows[labels >= 2])


def critic(contrast: CriticContrast) -> Loss:
    def loss(strong: Tensor, weak: Tensor) -> Tensor:
        margins = adaptive_margin(strong.detach(), weak.detach())
        return contrastive_critic_loss(strong, weak, margins, contrast=contrast)

    return two_groups(loss)


def margin_of(information: str) -> Loss:
    reading = Margin(information=information, margin_grad=True)
    return two_groups(lambda strong, weak: adaptive_margin(strong, weak, margin=reading).sum())


def multilabel(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
    truth = functional.one_hot(labels, CLASSES) | functional.one_hot(domains + 1, CLASSES)
    weights = WEIGHTS.to(rows)
    return binary_cross_entropy_loss(rows, truth.float(), class_weights=weights)


def domain(groups: bool, average: str) -> Loss:
    def loss(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        known = labels.where(domains >= 0, -1)
        return domain_cross_entropy_loss(
            rows,
            known,
            class_weights=WEIGHTS,
            class_groups=OWNER if groups else None,
            average=average,
        )

    return loss


def unsure(loss: Callable[..., Tensor]) -> Loss:
    def of_group(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        allowed = (OWNER[labels][:, None] == OWNER) & (domains >= 0)[:, None]
        return loss(rows, allowed=allowed) + loss(rows)

    return of_group


def adversary(mode: str) -> Loss:
    def loss(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        torch.manual_seed(0)
        how = Adversary(mode, schedule=ReversalSchedule("constant"))
        head = DomainAdversary(DIM, DomainClasses(3), how, hidden=5, dropout=0.0)
        values = rows if rows.dtype == torch.float64 else rows.float()
        return head.to(values.dtype)(values, domains)

    return loss


def conditional(width: int) -> Loss:
    def loss(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        torch.manual_seed(0)
        how = Adversary(schedule=ReversalSchedule("constant"))
        head = ConditionalDomainAdversary(DIM, DIM, DomainClasses(3), how, width=width).eval()
        values = rows if rows.dtype == torch.float64 else rows.float()
        return head.to(values.dtype)(values, rows.flip(1), domains)

    return loss


def affect(loss: Callable[..., Tensor], width: int = 2, **options: object) -> Loss:
    def of_rows(rows: Tensor, labels: Tensor, domains: Tensor) -> Tensor:
        truth = torch.stack([labels / 2 - 0.75, domains / 2], dim=1)
        return loss(rows[:, :width], truth, **options)

    return of_rows


SUPCON: dict[str, Loss] = {
    "supcon": supcon(),
    "supcon, dense": supcon(SupConOptions(chunk=None)),
    "supcon, small tiles": supcon(SupConOptions(chunk=2)),
    "supcon, zero": supcon(SupConOptions(no_positive="zero")),
    "supcon, sum": supcon(SupConOptions(reduction="sum")),
    "supcon, none": supcon(SupConOptions(reduction="none")),
    "supcon, inside": supcon(SupConOptions(inside=True)),
    "supcon, inside, dense": supcon(SupConOptions(inside=True, chunk=None)),
    "supcon, language": supcon(by="sum"),
    "supcon, language, count": supcon(by="count"),
    "supcon, language, dense": supcon(SupConOptions(chunk=None), by="sum"),
    "supcon, language, inside": supcon(SupConOptions(inside=True), by="sum"),
    "supcon, memory": memory,
}
LOSSES: dict[str, Loss] = SUPCON | {
    "cross-entropy": lambda rows, labels, _: cross_entropy_loss(rows, labels),
    "cross-entropy, weights": lambda rows, labels, _: cross_entropy_loss(
        rows,
        labels,
        class_weights=WEIGHTS.to(rows.double() if is_double(rows) else rows.float()),
        label_smoothing=0.1,
    ),
    "binary cross-entropy": multilabel,
    "domain": domain(False, "rows"),
    "domain, groups": domain(True, "groups"),
    "domain, groups, rows": domain(True, "rows"),
    "domain confusion": unsure(domain_confusion_loss),
    "domain entropy": unsure(domain_entropy_loss),
    **{f"adversary, {m}": adversary(m) for m in ("reversal", "gated", "confusion", "entropy")},
    "cdan": conditional(0),
    "cdan, maps": conditional(6),
    "critic": critic(CriticContrast()),
    "critic, active": critic(CriticContrast(pairing="active")),
    "critic, code": critic(CriticContrast(pairing="code")),
    "critic, chi2": critic(CriticContrast(chi2_reg=True, negative_weight=0.5)),
    "critic, no hinge": critic(CriticContrast(hinge=False)),
    **{
        f"adversarial, {form}": two_groups(
            lambda s, w, form=form: contrastive_adversarial_loss(s, w, form=form)
        )
        for form in FORMS
    },
    **{f"margin, {name}": margin_of(name) for name in ("kme", "paired", "bpsk")},
    "fisher": two_groups(
        lambda s, w: fisher_critic_loss(s[:, 0], w[:, 0], multiplier=0.3, rho=0.1)
    ),
    "fisher, ratio": two_groups(lambda s, w: fisher_ipm_ratio(s[:, 0], w[:, 0])),
    "fisher, encoder": two_groups(lambda s, w: fisher_encoder_loss(w[:, 0])),
    "sphere": two_groups(lambda s, w: sphere_critic_loss(s, w, moments=3, base="pi_third")),
    "sphere, encoder": two_groups(lambda s, w: sphere_encoder_loss(w, moments=2)),
    "gram": two_groups(lambda s, w: gram_critic_loss(s, w, positivity="sum")),
    "gram, relu": two_groups(lambda s, w: gram_critic_loss(s, w, positivity="relu")),
    "mmd": two_groups(mmd_loss),
    "wasserstein": two_groups(lambda s, w: wasserstein_distance(s[:, 0], w[:, :1])),
    "rmse": affect(rmse_loss),
    "pcc": affect(pcc_loss),
    "ccc": affect(ccc_loss),
    "ccc, official": affect(ccc_loss, official=True),
    "valence and arousal": affect(av_regression_loss),
    "heteroscedastic": affect(heteroscedastic_loss, width=4, beta=0.5),
}
IN_ORDER = {"critic, code", "margin, paired", "margin, bpsk"}  # pair rows by their places
LARGEST = {"heteroscedastic": 1e15}  # quadratic without bound, as its docstring says
TAKES_NO_ROWS = {  # zero with a live graph instead: a phase may have no rows
    "cross-entropy",
    "cross-entropy, weights",
    "binary cross-entropy",
    "fisher, encoder",
    "sphere, encoder",
    "wasserstein",
}
PALETTE = [0.0, 1.0, -1.0, 0.3, 1e-30, -1e-30, 1e-8, 1e4, -1e15, 1e30, -1e30]
VALUES = st.one_of(st.sampled_from(PALETTE), st.floats(-3, 3, width=32))
POINTS = st.lists(VALUES, min_size=DIM, max_size=DIM)
BATCHES = st.lists(
    st.tuples(POINTS, st.integers(0, CLASSES - 1), st.integers(-1, 2)), min_size=1, max_size=6
)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
quick = settings(max_examples=12, deadline=None, derandomize=True)


def is_double(rows: Tensor) -> bool:
    return rows.dtype == torch.float64


def unpacked(batch: list[tuple[list[float], int, int]]) -> tuple[Tensor, Tensor, Tensor]:
    rows, labels, domains = zip(*batch, strict=True)
    return torch.tensor(rows, dtype=torch.float64), torch.tensor(labels), torch.tensor(domains)


def random_batch(seed: int, rows: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(rows, DIM, generator=generator, dtype=torch.float64),
        torch.randint(0, CLASSES, (rows,), generator=generator),
        torch.randint(-1, 3, (rows,), generator=generator),
    )


def value_and_gradient(loss: Loss, rows: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    leaf = rows.detach().clone().requires_grad_()
    value = loss(leaf, *others)
    if not value.requires_grad:
        return value, torch.zeros_like(leaf)
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
    return value.detach(), torch.zeros_like(leaf) if gradient is None else gradient


ONE = [([1e30, 0.0, -1e30, 1.0], 0, 0)]
SAME = [([0.3, 0.3, 0.3, 0.3], 0, 0)] * 2 + [([0.3, 0.3, 0.3, 0.3], 2, -1)] * 2
ZEROS = [([0.0] * DIM, label, label - 1) for label in (0, 0, 2, 3)]
ONE_CLASS = [([1.0, 2.0, 3.0, value], 1, 1) for value in (0.0, 1e-30, 1e30)]
NO_POSITIVE = [([1e-30, 1e30, 0.0, value], label, 0) for label, value in enumerate((1, 2, 3, 4))]


@pytest.mark.parametrize("name", LOSSES)
@quick
@given(batch=BATCHES)
@example(batch=ONE)
@example(batch=SAME)
@example(batch=ZEROS)
@example(batch=ONE_CLASS)
@example(batch=NO_POSITIVE)
def test_value_and_gradient_are_finite(name, batch):
    rows, labels, domains = unpacked(batch)
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, LARGEST.get(name, 1e30))
        values = rows.clamp(-most, most).to(dtype)
        wide, slope = value_and_gradient(LOSSES[name], values.float(), labels, domains)
        assert wide.isfinite()
        assert slope.isfinite().all()
        if dtype == torch.float32:
            continue
        value, gradient = value_and_gradient(LOSSES[name], values, labels, domains)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(wide.item(), rel=1e-5, abs=1e-6)
        # a gradient may be beyond what the half type holds, but never where it would fit
        fits = slope.abs() < torch.finfo(dtype).max / 4
        assert gradient[fits].isfinite().all()
        assert not gradient.isnan().any()


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in IN_ORDER])
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_does_not_matter(name, seed):
    rows, labels, domains = random_batch(seed)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    moved, turned = value_and_gradient(LOSSES[name], rows[order], labels[order], domains[order])
    torch.testing.assert_close(moved, value, atol=1e-11, rtol=1e-10)
    torch.testing.assert_close(turned, slope[order], atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("name", SUPCON)
@pytest.mark.parametrize("seed", range(3))
def test_names_of_classes_and_domains_do_not_matter(name, seed):
    rows, labels, domains = random_batch(seed)
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    renamed = torch.tensor([5, 0, 33])[domains].where(domains >= 0, -1)
    again, same = value_and_gradient(LOSSES[name], rows, NAMES[labels], renamed)
    torch.testing.assert_close(again, value, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(same, slope, atol=1e-12, rtol=1e-10)


def test_the_order_of_classes_does_not_matter():
    rows, labels, domains = random_batch(1)
    order = torch.tensor([2, 0, 3, 1])  # new column i holds the old class order[i]
    moved, renamed, weights = rows[:, order], order.argsort()[labels], WEIGHTS.double()
    known = domains >= 0
    allowed = torch.rand(rows.shape, generator=torch.Generator().manual_seed(0)) < 0.6
    truth = allowed.double()
    pairs = [
        (
            cross_entropy_loss(rows, labels, class_weights=weights, label_smoothing=0.2),
            cross_entropy_loss(moved, renamed, class_weights=weights[order], label_smoothing=0.2),
        ),
        (
            binary_cross_entropy_loss(rows, truth, class_weights=weights),
            binary_cross_entropy_loss(moved, truth[:, order], class_weights=weights[order]),
        ),
        *(
            (loss(rows, allowed=allowed), loss(moved, allowed=allowed[:, order]))
            for loss in (domain_confusion_loss, domain_entropy_loss)
        ),
    ]
    for average in ("groups", "rows"):
        one, other = (
            domain_cross_entropy_loss(
                values, target.where(known, -1), class_weights=w, class_groups=g, average=average
            )
            for values, target, w, g in (
                (rows, labels, weights, OWNER),
                (moved, renamed, weights[order], 7 - OWNER[order]),
            )
        )
        pairs.append((one, other))
    for before, after in pairs:
        torch.testing.assert_close(after, before, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", SUPCON)
@quick
@given(scales=st.lists(st.sampled_from([1e-6, 0.1, 1.0, 37.0, 1e12, 1e30]), min_size=9, max_size=9))
def test_supcon_does_not_know_the_length_of_a_row(name, scales):
    rows, labels, domains = random_batch(3)
    factors = torch.tensor(scales, dtype=torch.float64)[:, None]
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    again, scaled = value_and_gradient(LOSSES[name], rows * factors, labels, domains)
    torch.testing.assert_close(again, value, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(scaled * factors, slope, atol=1e-9, rtol=1e-8)


@quick
@given(scale=st.sampled_from([1e-3, 0.1, 1.0, 29.0, 1e6]), shift=st.sampled_from([0.0, -3.0]))
def test_what_a_change_of_unit_leaves_alone(scale, shift):
    rows, classes, _ = random_batch(4, rows=12)
    strong, weak = rows[:7], rows[7:] + 0.5
    for loss in (mmd_loss, gram_critic_loss, kernel_mean_correlation):  # median bandwidths
        found = loss(strong * scale + shift, weak * scale + shift)
        torch.testing.assert_close(found, loss(strong, weak), atol=1e-8, rtol=1e-8)
    found = fisher_ipm_ratio(strong[:, 0] * scale, weak[:, 0] * scale)
    torch.testing.assert_close(found, fisher_ipm_ratio(strong[:, 0], weak[:, 0]))
    found = fisher_ipm_linear(strong * scale, weak * scale)[0]
    torch.testing.assert_close(found, fisher_ipm_linear(strong, weak)[0], atol=1e-8, rtol=1e-6)
    groups = classes < 2
    found = neighbour_counts(rows * scale + shift, groups)[0]
    assert found.equal(neighbour_counts(rows, groups)[0])
    labels, found = rows[:, :2], rows[:, 2:]
    if scale >= 0.1:  # its denominator's floor of 1e-8 shows at a variance of 1e-6
        moved = ccc_loss(found * scale + shift, labels * scale + shift)
        torch.testing.assert_close(moved, ccc_loss(found, labels), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(
        rmse_loss(found * scale + shift, labels * scale + shift),
        rmse_loss(found, labels) * scale,
        atol=1e-8,
        rtol=1e-6,
    )


UNITS = st.sampled_from([0.1, 1.0, 29.0, 1e6, 1e8, 1e12, 1e30])


@quick
@given(scales=st.tuples(UNITS, UNITS, UNITS), shift=st.sampled_from([0.0, -3.0]))
def test_correlation_knows_no_unit_of_either_side_nor_of_an_axis(scales, shift):
    rows, _, _ = random_batch(4, rows=12)
    found, labels = rows[:, :2], rows[:, 2:]
    moved = found * torch.tensor(scales[:2], dtype=torch.float64) + shift
    for official in (False, True):
        expected = pcc_loss(found, labels, official=official)
        again = pcc_loss(moved, labels * scales[2] - shift, official=official)
        torch.testing.assert_close(again, expected, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_no_rows_are_refused_or_zero_where_a_phase_may_have_none(name):
    rows, labels, domains = (part[:0] for part in random_batch(0))
    if name not in TAKES_NO_ROWS:
        with pytest.raises(ValueError, match="at least one row"):
            LOSSES[name](rows, labels, domains)
        return
    value, slope = value_and_gradient(LOSSES[name], rows, labels, domains)
    assert value.item() == 0
    assert slope.shape == rows.shape


@quick
@given(batch=BATCHES)
@example(batch=SAME)
@example(batch=ZEROS)
@example(batch=NO_POSITIVE)
def test_the_wasserstein_critic_is_finite(batch):
    rows, labels, _ = unpacked(batch)
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        values = rows.clamp(-most, most).to(dtype)
        weight = torch.tensor([0.5, -0.5, 1.0, 0.0], requires_grad=True)

        def critic_of(points: Tensor, weight: Tensor = weight) -> Tensor:
            assert points.isfinite().all()  # those between two rows as well
            return (points.float() * weight).sum(dim=1).clamp(-1e6, 1e6)

        loss = wasserstein_critic_loss(critic_of, values[labels < 2], values[labels >= 2])
        (slope,) = torch.autograd.grad(loss, weight, allow_unused=True)
        assert loss.isfinite()
        assert slope is None or slope.isfinite().all()


@quick
@given(batch=BATCHES, point=POINTS)
@example(batch=SAME, point=[1e30, -1e30, 0.3, 1e15])
def test_liveness_is_finite_and_notices_that_all_points_are_equal(batch, point):
    rows, labels, _ = unpacked(batch)
    for dtype in DTYPES:
        most = min(torch.finfo(dtype).max, 1e30)
        for values in (rows, torch.tensor([point] * 3 * len(labels), dtype=torch.float64)):
            critic = values.clamp(-most, most).to(dtype)
            first = int((labels < 2).sum())
            found = critic_liveness(critic[:first], critic[first:])
            assert 0 <= found.auc <= 1
            assert 0 <= found.spread < torch.inf
            assert 0 <= found.cross_distance < torch.inf
        assert not found.alive
        assert found.auc == 0.5


def test_many_equal_points_have_no_spread_and_no_order():
    for point in torch.randn(40, 5, generator=torch.Generator().manual_seed(0)) * 20:
        same = point.expand(229, 5)
        found = critic_liveness(same[:114], same[114:])
        assert (found.spread, found.cross_distance, found.auc) == (0, 0, 0.5)


def test_conditioned_embeddings_are_finite_and_follow_their_rows():
    rows, _, _ = random_batch(0)
    huge = torch.cat([rows, rows * 1e30, torch.zeros_like(rows)]).float()
    found = conditioned_embeddings(huge, huge.flip(0))
    assert found.isfinite().all()
    order = torch.randperm(len(huge), generator=torch.Generator().manual_seed(0))
    assert conditioned_embeddings(huge[order], huge.flip(0)[order]).equal(found[order])


NUMBERS = st.lists(
    st.one_of(st.sampled_from([0.0, 1.0, -1.0, 1e30, -1e30, 1e-30]), st.floats(-3, 3, width=32)),
    min_size=1,
    max_size=12,
)


@settings(quick, max_examples=60)
@given(numbers=NUMBERS, seed=st.integers(0, 99), clusters=st.integers(1, 4))
def test_thresholds_are_finite_within_the_values_and_blind_to_order(numbers, seed, clusters):
    values = torch.tensor(numbers, dtype=torch.float64)
    moved = values[torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))]
    cuts = [
        (otsu_exact(values), otsu_exact(moved)),
        (kmeans_threshold(values, centres=clusters), kmeans_threshold(moved, centres=clusters)),
    ]
    for cut, again in cuts:
        assert values.min() <= cut.threshold <= values.max()
        assert 0 <= cut.between < torch.inf
        assert again.threshold == pytest.approx(cut.threshold, rel=1e-9)
    found = kmeans_centres(values, centres=clusters)
    assert found.equal(found.sort().values)
    assert len(found) == min(clusters, len(set(numbers)))


@quick
@given(seed=st.integers(0, 99), scale=st.sampled_from([0.01, 1.0, 40.0]), shift=st.floats(-5, 5))
def test_thresholds_follow_a_change_of_unit(seed, scale, shift):
    values = torch.rand(20, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for rule in (otsu_exact, kmeans_threshold):
        expected = rule(values).threshold * scale + shift
        assert rule(values * scale + shift).threshold == pytest.approx(expected, abs=1e-9)
    histogram = otsu_histogram(values, bins=16)
    low, high = shift, scale + shift
    moved = otsu_histogram(values * scale + shift, bins=16, low=low, high=high)
    assert moved.threshold == pytest.approx(histogram.threshold * scale + shift, abs=1e-9)


def naive_otsu(places: list[int], bins: int) -> tuple[list[int], Fraction]:
    """From the definition, in exact fractions: the cuts (bins below) that are best, and the best.

    ``w0 w1 (m0 - m1)^2`` with the centre of a bin for each of its values.
    """
    centres = [Fraction(2 * place + 1, 2 * bins) for place in places]
    scores = {}
    for cut in range(1, bins):
        lower = [c for c, place in zip(centres, places, strict=True) if place < cut]
        upper = [c for c, place in zip(centres, places, strict=True) if place >= cut]
        if lower and upper:
            gap = sum(lower) / len(lower) - sum(upper) / len(upper)
            scores[cut] = Fraction(len(lower) * len(upper), len(places) ** 2) * gap**2
    best = max(scores.values(), default=Fraction(0))
    return [cut for cut, score in scores.items() if score == best], best


@settings(quick, max_examples=60)
@given(places=st.lists(st.integers(0, 15), min_size=1, max_size=12))
def test_histogram_otsu_is_the_definition_with_scikit_images_choice_of_edge(places):
    values = (torch.tensor(places, dtype=torch.float64) + 0.5) / 16
    best, between = naive_otsu(places, 16)
    # scikit-image: the centre of the last bin of the lower class, at the first of equal maxima
    conventions = {
        "first_centre": lambda: (best[0] - 0.5) / 16,
        "first_edge": lambda: best[0] / 16,
        "middle": lambda: ((best[0] + best[-1]) // 2) / 16,
    }
    for plateau, expected in conventions.items():
        cut = otsu_histogram(values, bins=16, plateau=plateau)
        assert cut.between == pytest.approx(float(between), abs=1e-12)
        wanted = expected() if best else values.mean().item()
        assert cut.threshold == pytest.approx(wanted, abs=1e-12)


@quick
@given(seed=st.integers(0, 99), rule=st.sampled_from(["otsu", "kmeans"]))
def test_groups_do_not_know_the_sign_or_the_order_of_the_axes(seed, rule):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.rand(15, 2, generator=generator, dtype=torch.float64) * 2 - 1
    grouping = Grouping(rule=rule, scope="batch")
    groups = strong_weak_groups(labels, threshold=radius_threshold(labels, grouping))
    assert (groups.strong ^ groups.weak).all()
    for other in (-labels, labels.flip(1), labels.abs()):
        again = strong_weak_groups(other, threshold=radius_threshold(other, grouping))
        assert again.strong.equal(groups.strong)
