"""Domain adversaries against golden values, a naive loop, and autograd through a plain head."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.domain_adversary import (
    Adversary,
    DomainAdversary,
    DomainClasses,
    class_balanced_weights,
    domain_cross_entropy_loss,
)
from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss
from affectrep.objectives.gradient_reversal import ReversalSchedule

DOUBLE = {"dtype": torch.float64}
FEATURES = torch.tensor([[0.5, -1.0], [1.0, 0.3], [-0.4, 0.8]], **DOUBLE)
WEIGHT = torch.tensor([[0.2, -0.1, 0.4], [0.3, 0.5, -0.6]], **DOUBLE)
BIAS = torch.tensor([0.0, 0.1, -0.1], **DOUBLE)
LABELS = torch.tensor([0, 2, 1])
LANGUAGE = torch.tensor([0, 0, 1])  # speakers 0 and 1 speak A, speaker 2 speaks B
LOGITS = FEATURES @ WEIGHT + BIAS
MASKED = 0.3656763445815936
MASKED_GRADIENT = [
    [-0.04378234991142019, 0.029188233274280127],
    [0.0, 0.0],
    [0.040612689706585735, -0.027075126471057143],
]
UNKNOWN = 1.0590497460400676
UNKNOWN_GRADIENT = [
    [0.030469062618322187, -0.2427662269550685],
    [0.0, 0.0],
    [0.08771530132892962, -0.11280228437900297],
]
CONSTANT = ReversalSchedule("constant")
MODES = ("reversal", "gated", "confusion", "entropy")


def naive(logits, labels, weights, groups, average):
    """Loop over rows; groups None is the global scope."""
    means = {}
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        if label < 0 or (groups is not None and groups[label] < 0):
            continue
        rivals = [c for c in range(len(row)) if groups is None or groups[c] == groups[label]]
        if groups is not None and average == "groups" and len(rivals) < 2:
            continue
        loss = math.log(sum(math.exp(row[c]) for c in rivals)) - row[label]
        group = groups[label] if groups is not None and average == "groups" else 0
        means.setdefault(group, []).append((weights[label] * loss, weights[label]))
    shares = [(sum(a for a, _ in m), sum(b for _, b in m)) for m in means.values()]
    shares = [a / b for a, b in shares if b > 0]
    return sum(shares) / len(shares) if shares else 0.0


def gradient(loss_of, dtype=torch.float64):
    features = FEATURES.clone().to(dtype).requires_grad_()
    loss = loss_of(features @ WEIGHT.to(dtype) + BIAS.to(dtype))
    return loss, torch.autograd.grad(loss, features)[0]


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
@pytest.mark.parametrize(
    ("labels", "options", "value", "slope"),
    [
        (LABELS, {"class_groups": LANGUAGE, "average": "rows"}, MASKED, MASKED_GRADIENT),
        # by default the language with one speaker is skipped: mean over two rows, not three
        (
            LABELS,
            {"class_groups": LANGUAGE},
            1.5 * MASKED,
            [[1.5 * x for x in row] for row in MASKED_GRADIENT],
        ),
        (torch.tensor([0, -1, 1]), {}, UNKNOWN, UNKNOWN_GRADIENT),
        (LABELS, {}, 1.095387674195332, None),
    ],
)
def test_golden_cross_entropy(dtype, atol, labels, options, value, slope):
    found, grad = gradient(lambda z: domain_cross_entropy_loss(z, labels, **options), dtype)
    assert found.item() == pytest.approx(value, abs=atol)
    if slope is not None:
        torch.testing.assert_close(grad, torch.tensor(slope, dtype=dtype), atol=atol, rtol=0)


@pytest.mark.parametrize("average", ["groups", "rows"])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_naive_loop(seed, grouped, average):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(40, 9, generator=generator, **DOUBLE)
    labels = torch.randint(-1, 9, (40,), generator=generator)
    weights = torch.rand(9, generator=generator, **DOUBLE)
    weights[3] = 0
    groups = torch.tensor([0, 0, 1, 1, 1, 2, -1, 5, 5]) if grouped else None
    found = domain_cross_entropy_loss(
        logits, labels, class_weights=weights, class_groups=groups, average=average
    )
    owner = None if groups is None else groups.tolist()
    expected = naive(logits, labels, weights.tolist(), owner, average)
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_equals_torch_in_the_global_scope():
    labels = torch.tensor([2, -1, 0])
    weights = torch.tensor([1.0, 2.0, 3.0], **DOUBLE)
    found = domain_cross_entropy_loss(LOGITS, labels, class_weights=weights)
    expected = functional.cross_entropy(LOGITS, labels, weight=weights, ignore_index=-1)
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)


def test_equals_sklearn_balanced_weights():
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    labels = torch.tensor([0] * 6 + [1] * 2 + [2])
    expected = compute("balanced", classes=labels.unique().numpy(), y=labels.numpy())
    found = class_balanced_weights(labels.bincount())
    torch.testing.assert_close(found, torch.tensor(expected), check_dtype=False)


@pytest.mark.parametrize(
    "loss",
    [
        lambda z: domain_cross_entropy_loss(z, torch.tensor([0, -1, 1]), class_groups=LANGUAGE),
        lambda z: domain_cross_entropy_loss(z, LABELS),
    ],
)
def test_gradcheck(loss):
    assert torch.autograd.gradcheck(loss, LOGITS.clone().requires_grad_())


@pytest.mark.parametrize("labels", [torch.tensor([-1, -1, -1]), torch.tensor([2, 2, -1])])
def test_nothing_to_tell_apart_is_zero_with_a_graph(labels):
    logits = (LOGITS * 1e300).requires_grad_()
    loss = domain_cross_entropy_loss(logits, labels, class_groups=LANGUAGE)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def adversary_of(mode="reversal", *, classes=None, scale_head=False, weight=0.3):
    torch.manual_seed(0)
    how = Adversary(mode, weight=weight, schedule=CONSTANT, scale_head=scale_head)
    return DomainAdversary(2, classes or DomainClasses(3), how, hidden=8, dropout=0.0).double()


def grads(adversary, labels=LABELS, features=FEATURES):
    features = features.clone().requires_grad_()
    loss = adversary(features, labels)
    loss.backward()
    head = torch.cat([part.grad.flatten() for part in adversary.head.parameters()])
    return loss.detach(), features.grad, head


@pytest.mark.parametrize("scale_head", [False, True])
def test_reversal_reaches_the_encoder_only(scale_head):
    adversary = adversary_of(scale_head=scale_head)
    loss, below, head = grads(adversary)
    features = FEATURES.clone().requires_grad_()
    plain = functional.cross_entropy(adversary.head(features), LABELS)
    slopes = torch.autograd.grad(plain, [features, *adversary.head.parameters()])
    factor = 0.3 if scale_head else 1.0
    torch.testing.assert_close(loss, factor * plain.detach())
    torch.testing.assert_close(below, -0.3 * slopes[0])
    torch.testing.assert_close(head, factor * torch.cat([s.flatten() for s in slopes[1:]]))


@pytest.mark.parametrize("mode", ["confusion", "entropy"])
def test_bounded_modes_leave_the_head_its_own_gradient(mode):
    classes = DomainClasses(3, groups=(0, 0, 1))
    labels = torch.tensor([0, 2, -1])  # only row 0 has somebody to be told apart from
    _, below, head = grads(adversary_of(mode, classes=classes), labels)
    _, _, expected_head = grads(adversary_of(classes=classes), labels)
    torch.testing.assert_close(head, expected_head)
    features = FEATURES.clone().requires_grad_()
    loss = domain_confusion_loss if mode == "confusion" else domain_entropy_loss
    value = 0.3 * loss(adversary_of(mode).head(features)[:1, :2])
    torch.testing.assert_close(below, torch.autograd.grad(value, features)[0])


def test_the_gate_closes_when_the_head_is_worse_than_chance():
    for scale, is_open in ((5.0, True), (-5.0, False)):
        adversary = adversary_of("gated")
        adversary.head = torch.nn.Linear(2, 3).double()
        with torch.no_grad():  # logits of the right class high, or low
            points = torch.cat([FEATURES, torch.ones(3, 1, **DOUBLE)], dim=1)
            solution = torch.linalg.solve(points, scale * torch.eye(3, **DOUBLE)[LABELS])
            adversary.head.weight.copy_(solution[:2].T)
            adversary.head.bias.copy_(solution[2])
        _, below, head = grads(adversary)
        assert bool(below.abs().sum() > 0) == is_open
        assert head.abs().sum() > 0


def test_progress_is_in_the_state():
    adversary = DomainAdversary(2, DomainClasses(3, rows=(5, 2, 1), groups=(0, 0, 1)))
    adversary.progress(0.25)
    again = DomainAdversary(2, DomainClasses(3, rows=(1, 1, 1), groups=(0, 1, 1)))
    again.load_state_dict(copy.deepcopy(adversary.state_dict()))
    assert again.reversal.coefficient == pytest.approx(0.3 * 0.8482836399575131)
    assert torch.equal(again.class_weights, adversary.class_weights)
    assert torch.equal(again.class_groups, adversary.class_groups)


def test_counts():
    labels = torch.tensor([0, 0, 1, 2, 3, -1])
    groups = (0, 0, 1, 2)
    assert DomainAdversary(2, DomainClasses(4)).count(labels) == 5
    assert DomainAdversary(2, DomainClasses(4, groups=groups)).count(labels) == 1
    by_rows = DomainClasses(4, groups=groups, average="rows")
    assert DomainAdversary(2, by_rows).count(labels) == 5
    weighted = DomainAdversary(2, DomainClasses(4, rows=(2, 1, 1, 1)))
    assert weighted.count(labels) == pytest.approx(5)
    assert weighted.count(labels[-1:]) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("labels", [[0, 2, 1], [1, 1, 1], [-1, -1, -1], [2, -1, 2]])
def test_always_finite(mode, dtype, labels):
    adversary = adversary_of(mode, classes=DomainClasses(3, rows=(4, 0, 1), groups=(0, 0, 1)))
    adversary = adversary.to(dtype)
    for rows in (3, 1):
        points = (100 * FEATURES[:rows]).to(dtype)
        loss, below, head = grads(adversary, torch.tensor(labels[:rows]), points)
        assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert loss.isfinite()
        assert below.isfinite().all()
        assert head.isfinite().all()


@pytest.mark.parametrize("mode", MODES)
def test_the_order_of_rows_does_not_matter(mode):
    adversary, order = adversary_of(mode), torch.tensor([2, 0, 1])
    moved = adversary(FEATURES[order], LABELS[order])
    torch.testing.assert_close(adversary(FEATURES, LABELS), moved)


@pytest.mark.parametrize("mode", MODES)
def test_the_game_hides_the_domain(mode):
    """A linear encoder of two domains, far apart at first, ends with them together."""
    torch.manual_seed(0)
    domains = torch.arange(64) % 2
    points = torch.randn(64, 2) + 3 * domains[:, None] * torch.tensor([1.0, 0.0])
    encoder = torch.nn.Linear(2, 2)
    with torch.no_grad():
        encoder.weight.copy_(torch.eye(2))
    how = Adversary(mode, weight=1.0, schedule=CONSTANT)
    adversary = DomainAdversary(2, DomainClasses(2), how, hidden=0)
    head = {"params": adversary.parameters(), "lr": 0.1, "weight_decay": 0.1}
    optimizer = torch.optim.Adam([head, {"params": encoder.parameters(), "lr": 0.01}])
    gaps = []
    for _ in range(301):
        values = encoder(points)
        apart = values[domains == 0].mean(dim=0) - values[domains == 1].mean(dim=0)
        gaps.append(apart.detach().norm().item())
        optimizer.zero_grad()
        adversary(values, domains).backward()
        optimizer.step()
    assert gaps[-1] < 0.1 * gaps[0]


def test_a_collapsed_head_is_noticed():
    adversary = adversary_of(classes=DomainClasses(3, groups=(0, 0, 1)))
    with torch.no_grad():
        for part in adversary.head.parameters():
            part.zero_()
    found = adversary.diagnostics(FEATURES, LABELS)
    assert found["cross_entropy"] == found["chance"] == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: domain_cross_entropy_loss(torch.zeros(2), LABELS), "logits"),
        (lambda: domain_cross_entropy_loss(LOGITS, LABELS[:2]), "labels"),
        (lambda: domain_cross_entropy_loss(LOGITS[:0], LABELS[:0]), "at least one row"),
        (lambda: domain_cross_entropy_loss(LOGITS, LABELS + 1), "labels in -1...2, got 1...3"),
        (lambda: domain_cross_entropy_loss(LOGITS, LABELS - 2), "labels"),
        (lambda: domain_cross_entropy_loss(LOGITS, LABELS, average="all"), "average"),
        (
            lambda: domain_cross_entropy_loss(LOGITS, LABELS, class_groups=LANGUAGE[:2]),
            "class_groups",
        ),
        (
            lambda: domain_cross_entropy_loss(LOGITS, LABELS, class_weights=torch.ones(4)),
            "class_weights",
        ),
        (lambda: class_balanced_weights(torch.zeros(3)), "counts"),
        (lambda: DomainClasses(0), "class"),
        (lambda: DomainClasses(3, groups=(0, 1)), "3 groups"),
        (lambda: Adversary("loud"), "mode"),
        (lambda: Adversary(weight=-1), "weight"),
        (lambda: Adversary("entropy", scale_head=True), "scale_head"),
        (lambda: DomainAdversary(0, DomainClasses(2)), "dim"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
