"""SupCon's readings: reduction, anchors without positive, L_in, domain weights, tiles."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.supcon import DomainWeight, SupConLoss, SupConOptions, supcon_loss
from tests.objectives.test_supcon import LABELS, POINTS

LANGUAGES = torch.tensor([0, 1, 0, 1, 1, 0])
NONE = SupConOptions(reduction="none")
PER_ANCHOR = {
    0.07: [
        8.027740122156946,
        7.213380572884639,
        5.059669443718896,
        9.132485392066153,
        13.97040211471949,
        15.976691483808363,
    ],
    0.1: [
        5.622604988652045,
        5.075397817583439,
        3.5524437856130096,
        6.4100353345191685,
        9.779429647119235,
        11.239926949002713,
    ],
    0.5: [
        1.6856462545216373,
        1.780466777224948,
        1.3797812575276027,
        1.920646212364386,
        2.3133843045947478,
        3.0207505449741254,
    ],
}
LANGUAGE_AWARE = {
    "sum": (
        1.9430454310680798,
        [
            1.6856462545216373,
            1.3480336311016412,
            1.0762971473489416,
            1.920646212364386,
            2.3626013285269254,
            3.265048012544948,
        ],
    ),
    "count": (
        3.851116062729893,
        [
            4.2141156363040935,
            2.359058854427872,
            1.8835200078606475,
            4.801615530910965,
            4.13455232492212,
            5.713834021953659,
        ],
    ),
}
LONELY = torch.tensor([0, 0, 1, 1, 2, 1])
LONELY_PER_ANCHOR = [
    0.5617958577255062,
    0.7714561029372322,
    1.3797812575276027,
    1.920646212364386,
    0.0,
    3.0207505449741254,
]
CHUNKS = [None, 1, 4, 100]


def close(found, expected):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    tolerance = 1e-9 if found.dtype == torch.float64 else 1e-5
    torch.testing.assert_close(found.double(), expected, atol=tolerance, rtol=tolerance)


def naive(points, labels, temperature, *, inside=False, weigh=lambda i, p: 1.0, by="sum"):
    unit = functional.normalize(points, dim=1)
    s = [[float(a @ b) / temperature for b in unit] for a in unit]
    losses = []
    for i in range(len(unit)):
        others = [a for a in range(len(unit)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        if not positives:
            losses.append(0.0)
            continue
        bottom = math.log(sum(math.exp(s[i][a]) for a in others))
        total = sum(weigh(i, p) for p in positives) if by == "sum" else len(positives)
        if inside:
            inner = sum(weigh(i, p) * math.exp(s[i][p] - bottom) for p in positives)
            losses.append(-math.log(inner / total))
        else:
            losses.append(-sum(weigh(i, p) * (s[i][p] - bottom) for p in positives) / total)
    return torch.tensor(losses, dtype=torch.float64)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_fixtures(dtype, chunk):
    points = POINTS.to(dtype)
    none = SupConOptions(reduction="none", chunk=chunk)
    mean = SupConOptions(chunk=chunk)
    hand = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=dtype)
    found = supcon_loss(hand, torch.tensor([0, 0, 1, 1]), temperature=1.0, options=none)
    close(found, [0.5514447139320511] * 4)
    for temperature, expected in PER_ANCHOR.items():
        close(supcon_loss(points, LABELS, temperature=temperature, options=none), expected)
    inside = SupConOptions(inside=True, chunk=chunk)
    close(supcon_loss(points, LABELS, temperature=0.5, options=inside), 1.6793338558085062)
    close(supcon_loss(points, LONELY, temperature=0.5, options=none), LONELY_PER_ANCHOR)
    close(supcon_loss(points, LONELY, temperature=0.5, options=mean), 1.5308859951057705)
    zero = SupConOptions(no_positive="zero", chunk=chunk)
    close(supcon_loss(points, LONELY, temperature=0.5, options=zero), 1.2757383292548088)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("normaliser", LANGUAGE_AWARE)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_language_aware_fixture(dtype, normaliser, chunk):
    mean, per_anchor = LANGUAGE_AWARE[normaliser]
    weight = DomainWeight(LANGUAGES, normaliser=normaliser)
    for reduction, expected in [("mean", mean), ("none", per_anchor), ("sum", sum(per_anchor))]:
        options = SupConOptions(reduction=reduction, chunk=chunk)
        found = supcon_loss(
            POINTS.to(dtype), LABELS, temperature=0.5, options=options, domain_weight=weight
        )
        close(found, expected)
    plain = DomainWeight(LANGUAGES, weight=1.0, normaliser=normaliser)
    found = supcon_loss(POINTS.to(dtype), LABELS, temperature=0.5, domain_weight=plain)
    close(found, 2.0167792252012413)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("inside", [False, True])
def test_no_positive_at_all_is_zero_with_a_graph(inside, chunk):
    for n in (1, 3):
        for no_positive in ("exclude", "zero"):
            for temperature in (0.002, 0.1):
                points = POINTS[:n].clone().requires_grad_()
                options = SupConOptions(inside=inside, chunk=chunk, no_positive=no_positive)
                loss = supcon_loss(
                    points, torch.arange(n), temperature=temperature, options=options
                )
                loss.backward()
                assert loss.item() == 0
                assert torch.equal(points.grad, torch.zeros_like(points))


@pytest.mark.parametrize("by", ["sum", "count"])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("chunk", [None, 5])
def test_equals_the_naive_loop_with_domains(chunk, inside, by):
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(17, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 6, (17,), generator=generator)
    domains = torch.randint(-1, 3, (17,), generator=generator)

    def weigh(i, p):
        known = domains[i] >= 0 and domains[p] >= 0
        return 1.7 if known and domains[i] != domains[p] else 1.0

    found = supcon_loss(
        points,
        labels,
        temperature=0.2,
        options=SupConOptions(reduction="none", inside=inside, chunk=chunk),
        domain_weight=DomainWeight(domains, weight=1.7, normaliser=by),
    )
    expected = naive(points, labels, 0.2, inside=inside, weigh=weigh, by=by)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_tiles_have_the_dense_gradient(chunk, inside, weighted):
    weight = DomainWeight(LANGUAGES, normaliser="count") if weighted else None
    gradients = []
    for size in (None, chunk):
        points = POINTS.clone().requires_grad_()
        options = SupConOptions(reduction="none", inside=inside, chunk=size)
        losses = supcon_loss(points, LONELY, temperature=0.3, options=options, domain_weight=weight)
        (losses * torch.arange(6)).sum().backward()
        gradients.append(points.grad)
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("chunk", [None, 4])
def test_gradcheck(chunk, inside):
    options = SupConOptions(inside=inside, chunk=chunk)
    weight = DomainWeight(LANGUAGES)

    def loss(z):
        return supcon_loss(z, LONELY, temperature=0.3, options=options, domain_weight=weight)

    assert torch.autograd.gradcheck(loss, POINTS.clone().requires_grad_())


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e4, 1e30])
def test_any_finite_input_gives_finite_numbers(scale, dtype, inside, chunk):
    top = torch.finfo(dtype).max / 8
    points = (POINTS.float() * scale).clamp(-top, top).to(dtype).requires_grad_()
    options = SupConOptions(inside=inside, chunk=chunk)
    loss = supcon_loss(points, LABELS, temperature=0.05, options=options)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    if dtype != torch.float16:  # a tiny row's gradient is larger than float16 holds
        assert points.grad.isfinite().all()


@pytest.mark.parametrize("chunk", [None, 2])
def test_autocast_computes_in_float32(chunk):
    points, options = POINTS.float(), SupConOptions(chunk=chunk)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = supcon_loss(points, LABELS, temperature=0.1, options=options)
    close(found, 6.9466397537482685)


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("seed", range(3))
def test_order_names_and_scale_do_not_matter(seed, chunk):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(11, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (11,), generator=generator)
    order = torch.randperm(11, generator=generator)
    options = SupConOptions(reduction="none", chunk=chunk)
    expected = supcon_loss(points, labels, options=options)
    moved = supcon_loss(points[order], labels[order], options=options)
    torch.testing.assert_close(moved, expected[order], atol=1e-10, rtol=1e-10)
    names = torch.tensor([70, -3, 12, 9])
    renamed = supcon_loss(points * 37.5, names[labels], options=options)
    torch.testing.assert_close(renamed, expected, atol=1e-10, rtol=1e-10)


def test_without_tiles_there_is_a_second_derivative():
    dense = SupConOptions(chunk=None)
    points = POINTS.clone().requires_grad_()
    assert torch.autograd.gradgradcheck(
        lambda z: supcon_loss(z, LABELS, temperature=0.5, options=dense), points
    )


def test_module_counts_what_its_mean_is_over():
    zero = SupConLoss(options=SupConOptions(no_positive="zero"))
    assert (SupConLoss().count(LONELY), zero.count(LONELY)) == (5, 6)
    found = SupConLoss(temperature=0.5)(POINTS, LABELS, DomainWeight(LANGUAGES))
    close(found, LANGUAGE_AWARE["sum"][0])


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="reduction"):
        SupConOptions(reduction="avg")
    with pytest.raises(ValueError, match="no_positive"):
        SupConOptions(no_positive="skip")
    with pytest.raises(ValueError, match="chunk"):
        SupConOptions(chunk=0)
    with pytest.raises(ValueError, match="normaliser"):
        DomainWeight(LANGUAGES, normaliser="max")
    for weight in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="weight"):
            DomainWeight(LANGUAGES, weight=weight)
    with pytest.raises(ValueError, match="domains"):
        supcon_loss(POINTS, LABELS, domain_weight=DomainWeight(LANGUAGES[:3]))
