"""The adaptive margin against hand-checked values, naive loops and the cases that broke others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from affectrep.objectives.adaptive_margin import (
    AdaptiveMargin,
    Margin,
    adaptive_margin,
    adaptive_margin_parts,
    confidence_radius,
    linear_margin,
    neighbour_counts,
    permuted_margin_parts,
)
from affectrep.objectives.information import (
    bpsk_information,
    gaussian_information,
    kernel_mean_correlation,
    paired_correlation,
)

DOUBLE = torch.float64
TOLERANCE = {DOUBLE: 1e-9, torch.float32: 1e-5}
DTYPES = pytest.mark.parametrize("dtype", [DOUBLE, torch.float32])
STRONG = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=DOUBLE)
WEAK = torch.tensor([[1.0, 1.0], [2.0, 1.0]], dtype=DOUBLE)
LINE = torch.tensor([0.0, 0.1, 0.25, 0.45, 1.0, 1.12, 1.3, 0.7], dtype=DOUBLE)[:, None]
LINE_STRONG = torch.tensor([True] * 4 + [False] * 4)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def close(found, expected, dtype):
    expected = torch.as_tensor(expected, dtype=DOUBLE)
    error = (found.double() - expected).abs()
    assert bool((error <= TOLERANCE[dtype] * expected.abs().clamp_min(1)).all()), found


@DTYPES
def test_gaussian_information(dtype):
    eta = torch.tensor([0.0, 0.1, 0.5, 0.9, 0.99, 1.0], dtype=dtype, requires_grad=True)
    found = gaussian_information(eta)
    expected = [
        *(0.0, 0.005025167926750722, 0.14384103622589045),
        *(0.8303656034108255, 1.9585177736258443, 2.5),
    ]
    close(found, expected, dtype)
    found.sum().backward()
    assert eta.grad[2].item() == pytest.approx(0.6666666666666666, abs=1e-6)
    assert bool(eta.grad.isfinite().all())
    cap = torch.tensor(0.9932620530009145, dtype=DOUBLE).sqrt()
    assert gaussian_information(cap).item() == pytest.approx(2.5, abs=1e-9)
    assert gaussian_information(cap - 1e-6).item() < 2.5


@DTYPES
@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (
            "hoeffding",
            [2.066507889899474, 1.4612417423234214, 0.6534871734790804, 0.2066507889899474],
        ),
        (
            "paper",
            [4.270454859016777, 2.1352274295083884, 0.4270454859016777, 0.04270454859016777],
        ),
        ("A", [0.7, 0.4949747468305832, 0.22135943621178653, 0.06999999999999999]),
    ],
)
def test_confidence_radius(delta, expected, dtype):
    counts = torch.tensor([1, 2, 10, 100], dtype=dtype)
    close(confidence_radius(counts, 256, margin=Margin(delta=delta)), expected, dtype)


@pytest.mark.parametrize(
    ("delta", "expected"),
    [("paper", 0.5708865221275681), ("hoeffding", 0.7973282097049708), ("A", 0.36520047243767695)],
)
def test_information_plus_radius(delta, expected):
    radius = confidence_radius(torch.tensor(10.0, dtype=DOUBLE), 256, margin=Margin(delta=delta))
    found = gaussian_information(torch.tensor(0.5, dtype=DOUBLE)) + radius
    assert found.item() == pytest.approx(expected, abs=1e-9)
    if delta == "paper":  # the logarithm of a product, Eq. 8's second line
        product = math.log((1 - 0.25) ** -0.5 * (256 / 0.05) ** (1 / 20))
        assert found.item() == pytest.approx(product, abs=1e-9)


@DTYPES
def test_kernel_mean_correlation(dtype):
    found = kernel_mean_correlation(STRONG.to(dtype), WEAK.to(dtype), variance=1.0)
    close(found, 0.4868447478317642, dtype)
    close(gaussian_information(found), 0.13526029403180412, dtype)
    close(kernel_mean_correlation(STRONG.to(dtype), STRONG.to(dtype), variance=1.0), 1.0, dtype)


def test_the_default_bandwidth_is_half_the_median_within_groups():
    strong, weak = draw(5, 3), draw(4, 3, seed=1) + 1
    pairs = [
        float((part[i] - part[j]).square().sum())
        for part in (strong, weak)
        for i in range(len(part))
        for j in range(i)
    ]
    expected = kernel_mean_correlation(strong, weak, variance=float(np.median(pairs)) / 2)
    assert kernel_mean_correlation(strong, weak).item() == pytest.approx(expected.item(), abs=1e-12)


@DTYPES
def test_paired_correlation(dtype):
    strong = torch.tensor([[0.0, 0.5], [1.0, -0.2], [0.3, 0.8]], dtype=dtype)
    weak = torch.tensor([[0.1, 0.4], [0.7, -0.6], [0.5, 0.2]], dtype=dtype)
    found = paired_correlation(strong, weak)
    close(found, 0.35565247174839176, dtype)
    close(gaussian_information(found), 0.06761709544475782, dtype)


def test_bpsk_information():
    pairs = [[0, 0], [1, 1], [-1, -1], [1, -1], [0.5, 0.5], [2, 2], [0.2, 0.8], [8, 8]]
    free = [
        *(2.5, 0.6931017816607284, 0.6931017816607284, -9.306898218339272),
        *(1.3114318320708274, 3.193147178498792, -0.10718822581295073, 123.19314718055995),
    ]
    for (sent, received), value in zip(pairs, free, strict=True):
        found = bpsk_information(
            torch.tensor([[sent]], dtype=DOUBLE), torch.tensor([[received]], dtype=DOUBLE)
        )
        assert found.item() == pytest.approx(min(max(value, 0.0), 2.5), abs=1e-9)
        wide = bpsk_information(
            torch.tensor([[sent]], dtype=DOUBLE),
            torch.tensor([[received]], dtype=DOUBLE),
            largest=1e6,
        )
        assert wide.item() == pytest.approx(max(value, 0.0), abs=1e-9)
    assert bpsk_information(torch.tensor([[8.0]]), torch.tensor([[-8.0]])).item() == 0  # was NaN
    # strong row i against weak row n-1-i, cut to the smaller group
    strong, weak = torch.tensor([[0.5], [1.0], [3.0]]), torch.tensor([[1.0], [0.5]])
    expected = [1.3114318, 0.6931018, 0.0]
    assert bpsk_information(strong, weak).tolist() == pytest.approx(expected, abs=1e-5)


@DTYPES
def test_aknn(dtype):
    counts, admissible = neighbour_counts(LINE.to(dtype), LINE_STRONG)
    assert counts.tolist() == [2, 2, 2, 7, 2, 2, 2, 7]
    assert admissible.tolist() == [True, True, True, False, True, True, True, False]
    delta = confidence_radius(counts.to(dtype), 8)
    close(delta[2:4], [0.4949747468305832, 0.264575131106459], dtype)


def naive_aknn(rows, strong, radius, bias):
    counts = []
    for i in range(len(rows)):
        distances = [math.dist(rows[i].tolist(), row.tolist()) for row in rows]
        order = sorted((j for j in range(len(rows)) if j != i), key=lambda j: (distances[j], j))
        own_share = sum(bool(strong[j] == strong[i]) for j in order) / len(order)
        for k in range(1, len(order) + 1):
            share = sum(bool(strong[j]) for j in order[:k]) / k
            own = share if strong[i] else 1 - share
            value = max(share, 1 - share) - 0.5 if bias == "majority" else own - own_share
            if value > radius(k):
                break
        counts.append(k)
    return counts


@pytest.mark.parametrize("bias", ["majority", "own"])
@pytest.mark.parametrize("delta", ["A", "hoeffding", "paper"])
def test_aknn_equals_the_naive_loop(delta, bias):
    rows = torch.cat([draw(40, 3), draw(30, 3, seed=1) + 2])
    strong = torch.arange(70) < 40
    radius = {
        "A": lambda k: 0.7 / math.sqrt(k),
        "hoeffding": lambda k: math.sqrt(math.log(70 / 0.05) / (2 * k)),
        "paper": lambda k: math.log(70 / 0.05) / (2 * k),
    }[delta]
    found, _ = neighbour_counts(rows, strong, margin=Margin(delta=delta, bias=bias))
    assert found.tolist() == naive_aknn(rows, strong, radius, bias)


def test_the_margin_is_its_parts():
    parts = adaptive_margin_parts(LINE[:4], LINE[4:])
    expected = gaussian_information(kernel_mean_correlation(LINE[:4], LINE[4:]))
    assert parts.information.item() == pytest.approx(expected.item())
    assert parts.neighbours.tolist() == [2, 2, 2, 7]
    torch.testing.assert_close(parts.margin, parts.information + parts.delta)
    torch.testing.assert_close(AdaptiveMargin()(LINE[:4], LINE[4:]), parts.margin)


def test_options_of_the_radius():
    strong, weak = LINE[:4], LINE[4:]
    plain = Margin(information="none")
    assert adaptive_margin(strong, weak, margin=plain)[0].item() == pytest.approx(0.7 / 2**0.5)
    code = Margin(information="none", off_by_one=True)
    found = adaptive_margin(strong, weak, margin=code)
    assert found.tolist() == pytest.approx([0.7, 0.7, 0.7, 0.7 / 6**0.5])
    constant = Margin(information="none", neighbours=5)
    assert adaptive_margin(strong, weak, margin=constant).tolist() == pytest.approx(
        [0.7 / 5**0.5] * 4
    )
    capped = Margin(information="none", delta="paper", neighbours=1, delta_max=0.3)
    assert adaptive_margin(strong, weak, margin=capped).tolist() == pytest.approx([0.3] * 4)
    clamped = Margin(margin_max=0.2)
    assert adaptive_margin(strong, weak, margin=clamped).tolist() == pytest.approx([0.2] * 4)


def test_permuting_rows_permutes_the_margins():
    strong, weak, order = draw(9, 3), draw(7, 3, seed=1), torch.randperm(9)
    torch.testing.assert_close(
        adaptive_margin(strong[order], weak), adaptive_margin(strong, weak)[order]
    )


def test_information_falls_as_the_groups_part():
    strong, weak = draw(40, 4), draw(60, 4, seed=1)
    found = [
        adaptive_margin_parts(strong + gap, weak).information.item() for gap in (0, 0.5, 1, 2, 4)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 1 > 0.1 > found[-1]
    baseline = permuted_margin_parts(strong + 4.0, weak, generator=torch.Generator().manual_seed(0))
    assert baseline.information.item() > found[-1]


def test_only_margin_grad_lets_the_gradient_pass():
    strong, weak = STRONG.clone().requires_grad_(), WEAK.clone().requires_grad_()
    assert not adaptive_margin(strong, weak).requires_grad
    for information in ("kme", "paired", "bpsk"):
        margin = Margin(information=information, margin_grad=True)
        adaptive_margin(strong, weak, margin=margin).sum().backward()
        assert bool(strong.grad.isfinite().all())
    with torch.no_grad():
        assert not adaptive_margin(strong, weak, margin=Margin(margin_grad=True)).requires_grad


def test_gradcheck():
    strong, weak = draw(4, 2).requires_grad_(), draw(3, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: gaussian_information(kernel_mean_correlation(a, b, variance=0.7)),
        (strong, weak),
    )
    assert torch.autograd.gradcheck(paired_correlation, (strong, weak))
    assert torch.autograd.gradcheck(
        lambda a, b: bpsk_information(a, b, largest=50.0).sum(), (strong, weak)
    )


@pytest.mark.parametrize("information", ["kme", "paired", "bpsk", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_finite_for_any_finite_input(information, dtype):
    huge = torch.finfo(dtype).max
    margin = Margin(information=information, margin_grad=True)
    groups = [
        (torch.zeros(4, 2), torch.zeros(3, 2)),
        (torch.full((4, 2), 0.3), torch.full((3, 2), 0.3)),
        (torch.full((4, 2), huge), torch.full((3, 2), -huge)),
        (torch.ones(1, 2), torch.zeros(0, 2)),
        (torch.ones(1, 2), torch.ones(1, 2)),
        (torch.zeros(0, 2), torch.ones(2, 2)),
    ]
    for group in groups:
        strong, weak = (rows.to(dtype).requires_grad_() for rows in group)
        found = adaptive_margin(strong, weak, margin=margin)
        assert found.shape == (len(strong),)
        assert found.dtype == torch.float32
        assert bool(found.isfinite().all())
        if found.requires_grad:
            for grad in torch.autograd.grad(found.sum(), (strong, weak), allow_unused=True):
                assert grad is None or bool(grad.isfinite().all())


def test_a_collapsed_critic_is_at_the_cap():
    parts = adaptive_margin_parts(torch.zeros(4, 2), torch.zeros(3, 2))
    assert parts.information.item() == pytest.approx(2.5)


def test_linear_margin():
    found = [linear_margin(epoch) for epoch in (0, 1, 20, 100)]
    assert found == pytest.approx([0.1, 0.10500000000000001, 0.2, 0.6], abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adaptive_margin(torch.zeros(2), torch.zeros(2, 1)), "strong"),
        (lambda: adaptive_margin(torch.zeros(2, 3), torch.zeros(2, 1)), "weak"),
        (lambda: adaptive_margin(torch.zeros(0, 3), torch.zeros(0, 3)), "at least one row"),
        (lambda: neighbour_counts(torch.zeros(2, 3), torch.zeros(3)), "is_strong"),
        (lambda: confidence_radius(torch.ones(1), 0), "at least one row"),
        (lambda: Margin(information="x"), "information"),
        (lambda: Margin(delta="x"), "delta"),
        (lambda: Margin(bias="x"), "bias"),
        (lambda: Margin(scale=0.0), "scale"),
        (lambda: Margin(neighbours=0), "neighbour"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
