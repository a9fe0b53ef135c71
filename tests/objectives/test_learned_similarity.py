"""The learned similarity: a similarity by construction, symmetric, and the same after a reload."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.learned_similarity import (
    MetricDiscriminator,
    bounded_similarity,
    gradient_penalty,
    self_penalty,
)
from affectrep.objectives.spectral_linear import SpectralLinear

COSINES = [-1.0, -0.5, 0.0, 0.5, 1.0]
MOVED = [-1.0, -0.125, 0.5, 0.875, 1.0]  # fixture aml_bounded: response 1, epsilon 1/2
FORMS = ("bounded", "free", "bilinear")


def rows(seed: int, count: int = 9, dim: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dim, generator=generator, dtype=torch.float64)


def metric_of(form: str = "bounded", **options) -> MetricDiscriminator:
    torch.manual_seed(3)
    metric = MetricDiscriminator(6, hidden=8, form=form, **options).double()
    if form == "bilinear":
        torch.nn.init.normal_(metric.matrix)
    return metric


def naive(metric: MetricDiscriminator, left, right, epsilon: float, centre: float) -> float:
    """One pair, from the equations of the design, with exact spectral norms."""
    left, right = left / left.norm(), right / right.norm()
    cosine = float(left @ right)
    values = torch.cat([(left - right).abs(), left * right])
    for layer in (metric.first, metric.last):
        weight = layer.linear.weight
        values = (weight / torch.linalg.matrix_norm(weight, 2)) @ values + layer.linear.bias
        if layer is metric.first:
            values = torch.where(values > 0, values, 0.2 * values)
    response = math.tanh(metric.gain * (values.item() - centre))
    return cosine + epsilon * (1 - cosine**2) * response


def test_golden_values():
    cosine = torch.tensor(COSINES, dtype=torch.float64)
    found = bounded_similarity(cosine, torch.ones_like(cosine), epsilon=0.5)
    assert found.tolist() == pytest.approx(MOVED, abs=1e-9)
    single = bounded_similarity(cosine.float(), torch.ones(5), epsilon=0.5)
    assert single.tolist() == pytest.approx(MOVED, abs=1e-5)


def test_equals_the_equations():
    metric, left, right = metric_of(), rows(0), rows(1)
    for _ in range(300):  # until the power iteration is at the norm
        metric.raw(left, right)
    metric.eval()
    found = metric(left, right, epsilon=0.4, centre=torch.tensor(0.07)).similarity
    centre = float(torch.tensor(0.07))
    wanted = [naive(metric, *pair, 0.4, centre) for pair in zip(left, right, strict=True)]
    assert found.tolist() == pytest.approx(wanted, abs=1e-9)


def test_the_centre_is_the_mean_of_the_hard_pairs():
    metric, left, right = metric_of(), rows(0), rows(1)
    hard = metric.score_hard(left, right, epsilon=0.3)
    raw = metric.eval().raw(left, right)
    assert metric.centre.item() == pytest.approx(raw.mean().item())
    torch.testing.assert_close(hard.response, (5 * (raw - raw.mean())).tanh())
    # outside the hard set, the buffer serves
    torch.testing.assert_close(metric(left[:2], right[:2], epsilon=0.3).response, hard.response[:2])
    kept = metric.centre.clone()
    assert len(metric.score_hard(left[:0], right[:0], epsilon=0.3).similarity) == 0
    assert torch.equal(metric.centre, kept)


def test_uncentred_keeps_zero():
    metric = metric_of(centred=False, gain=1.0)
    found = metric.score_hard(rows(0), rows(1), epsilon=0.3)
    assert metric.centre.item() == 0
    torch.testing.assert_close(found.response, metric.eval().raw(rows(0), rows(1)).tanh())


@pytest.mark.parametrize("form", FORMS)
def test_symmetric_and_blind_to_scale(form):
    metric = metric_of(form).eval()
    left, right = rows(0), rows(1)
    forward = metric(left, right, epsilon=0.3)
    for found in (
        metric(right, left, epsilon=0.3),
        metric(3.0 * left, 1e3 * right, epsilon=0.3),
    ):
        for part, wanted in zip(found, forward, strict=True):
            torch.testing.assert_close(part, wanted)


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 0.5])
def test_it_is_a_similarity_within_the_trust_region(epsilon):
    metric = metric_of(gain=50.0).eval()  # responses near their limits
    generator = torch.Generator().manual_seed(5)
    left, right = torch.randn(2, 4000, 6, generator=generator, dtype=torch.float64)
    right[::2] = left[::2] + 0.1 * right[::2]
    found = metric(left, right, epsilon=epsilon, centre=metric.raw(left, right).mean())
    assert found.response.abs().max() > 0.9
    assert found.similarity.abs().max() <= 1 + 1e-12
    limit = epsilon * (1 - found.cosine**2)
    assert ((found.similarity - found.cosine).abs() <= limit + 1e-12).all()
    if epsilon == 0:
        assert torch.equal(found.similarity, found.cosine)
    same = metric(left, left, epsilon=epsilon).similarity
    torch.testing.assert_close(same, torch.ones_like(same), atol=1e-12, rtol=0)


@pytest.mark.parametrize("response", [-1.0, -0.4, 0.0, 1.0])
def test_it_rises_with_the_cosine(response):
    cosine = torch.linspace(-1, 1, 201, dtype=torch.float64)
    found = bounded_similarity(cosine, torch.full_like(cosine, response), epsilon=0.5)
    assert (found.diff() > 0).all()


def test_bilinear_is_one_matrix_product():
    metric = metric_of("bilinear")
    points = rows(0)
    i, j = torch.triu_indices(9, 9, 1)
    pairs = metric(points[i], points[j], epsilon=0.3)
    units = metric.transform(points)
    torch.testing.assert_close(pairs.similarity, (units @ units.T)[i, j])
    assert not pairs.response.any()
    matrix = metric.matrix
    wanted = torch.linalg.matrix_norm(matrix.T @ matrix - torch.eye(6, dtype=torch.float64)) ** 2
    torch.testing.assert_close(metric.penalty(), wanted)
    assert MetricDiscriminator(6, form="bilinear").penalty().item() == 0
    assert metric_of("free").penalty().item() == 0
    with pytest.raises(ValueError, match="expected the form bilinear, got bounded"):
        metric_of().transform(points)


def test_free_is_its_response_and_pays_for_the_self_similarity():
    metric = metric_of("free").eval()
    found = metric(rows(0), rows(1), epsilon=0.3)
    assert torch.equal(found.similarity, found.response)
    itself = metric(rows(0), rows(0), epsilon=0.3).similarity
    assert self_penalty(metric, rows(0)).item() == pytest.approx(((itself - 1) ** 2).mean().item())
    assert self_penalty(metric, rows(0)).item() > 0.01
    assert self_penalty(metric_of(), rows(0), epsilon=0.3).item() < 1e-20


def test_gradient_penalty_is_that_of_finite_differences():
    metric = metric_of(spectral=False, gain=8.0).eval()
    left, right = functional.normalize(rows(0, 3)), functional.normalize(rows(1, 3))
    excess, step = [], 1e-6
    for first, second in ((left, right), (right, left)):
        for z, other in zip(first, second, strict=True):
            slopes = []
            for axis in torch.eye(6, dtype=torch.float64):
                ends = torch.stack([z + step * axis, z - step * axis])
                values = metric(ends, other.expand(2, 6), epsilon=0.5).similarity
                slopes.append((values[0] - values[1]).item() / (2 * step))
            excess.append(max(0.0, math.hypot(*slopes) - 1) ** 2)
    found = gradient_penalty(metric, left, right, epsilon=0.5)
    assert sum(excess) > 0
    assert found.item() == pytest.approx(sum(excess) / 6, rel=1e-5)
    found.backward()
    assert metric.first.linear.weight.grad.abs().sum() > 0
    assert gradient_penalty(metric, left[:0], right[:0], epsilon=0.5).item() == 0


def test_spectral_norm_is_one_and_scoring_leaves_no_trace():
    layer = SpectralLinear(12, 7).double()
    torch.nn.init.normal_(layer.linear.weight)
    for _ in range(300):
        layer(torch.eye(12, dtype=torch.float64))
    before = layer.direction.clone()
    with torch.no_grad():
        effective = layer(torch.eye(12, dtype=torch.float64)) - layer.linear.bias
    assert torch.linalg.matrix_norm(effective, 2).item() == pytest.approx(1.0, abs=1e-9)
    assert torch.equal(layer.direction, before)
    torch.nn.init.normal_(layer.linear.weight)
    layer(torch.eye(12, dtype=torch.float64))
    assert not torch.equal(layer.direction, before)
    with torch.no_grad():
        layer.linear.weight.zero_()
    assert torch.isfinite(layer(torch.eye(12, dtype=torch.float64))).all()
    assert layer.direction.norm().item() == pytest.approx(1.0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spectral", [True, False])
def test_gradcheck(form, spectral):
    metric = metric_of(form, spectral=spectral).eval()

    def hard(left, right, *parameters):
        return metric.score_hard(left, right, epsilon=0.4).similarity

    inputs = (rows(0, 4).requires_grad_(), rows(1, 4).requires_grad_(), *metric.parameters())
    assert torch.autograd.gradcheck(hard, inputs)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_any_finite_rows_are_finite(form, dtype):
    metric = metric_of(form).to(dtype)
    large = torch.finfo(dtype).max
    left = torch.tensor([[large] * 6, [0.0] * 6, [1.0] * 6, [-large] + [0.0] * 5], dtype=dtype)
    right = torch.tensor([[large] * 6, [0.0] * 6, [-1.0] * 6, [1e-4] * 6], dtype=dtype)
    left, right = left.requires_grad_(), right.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = metric.score_hard(left, right, epsilon=0.3)
    found.similarity.sum().backward()
    assert all(part.dtype == torch.float32 and part.isfinite().all() for part in found)
    assert left.grad.isfinite().all()
    assert right.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in metric.parameters())


def test_state_survives_save_and_load(tmp_path):
    metric = metric_of()
    metric.score_hard(rows(0), rows(1), epsilon=0.3)
    torch.save(metric.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(99)
    fresh = MetricDiscriminator(6, hidden=8).double()
    assert not torch.equal(fresh.raw(rows(2), rows(3)), metric.raw(rows(2), rows(3)))
    metric.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(2):  # the power iteration goes on from where it was, too
        found, wanted = (each(rows(2), rows(3), epsilon=0.3) for each in (fresh, metric))
        assert torch.equal(found.similarity, wanted.similarity)
    assert fresh.centre.item() != 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bounded_similarity(torch.zeros(2), torch.zeros(3)), "one shape"),
        (lambda: bounded_similarity(torch.zeros(2), torch.zeros(2), epsilon=0.6), "epsilon"),
        (lambda: metric_of()(rows(0), rows(1), epsilon=-0.1), "epsilon"),
        (lambda: metric_of()(rows(0), rows(1, 8), epsilon=0.3), "left and right"),
        (lambda: metric_of().raw(rows(0, 9, 5), rows(1, 9, 5)), r"\(pairs, 6\)"),
        (lambda: MetricDiscriminator(0), "dim"),
        (lambda: MetricDiscriminator(4, gain=0.0), "gain"),
        (lambda: MetricDiscriminator(4, form="cubic"), "bounded, free, bilinear"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_directions_hide_how_far_two_rows_are_apart():
    """Rows moved along one line from a common point differ in the same direction at every step."""
    metric = MetricDiscriminator(6, hidden=8, reads="direction").double()
    generator = torch.Generator().manual_seed(0)
    left = functional.normalize(torch.randn(1, 6, generator=generator, dtype=torch.float64), dim=1)
    right = functional.normalize(torch.randn(1, 6, generator=generator, dtype=torch.float64), dim=1)
    # both ends stay on the sphere: turned about their middle, the difference keeps its direction
    middle = functional.normalize(left + right, dim=1)
    across = functional.normalize(left - right, dim=1)
    angles = torch.tensor([[0.2], [0.7], [1.2]], dtype=torch.float64)
    pairs = [middle * angles.cos() + sign * across * angles.sin() for sign in (1, -1)]
    raw = metric.raw(*pairs)
    assert torch.allclose(raw, raw[:1].expand(3))
    other = MetricDiscriminator(6, hidden=8).double().raw(*pairs)
    assert not torch.allclose(other, other[:1].expand(3))


@pytest.mark.parametrize("reads", ["pair", "direction"])
def test_what_is_read_is_symmetric_and_equal_rows_are_equal(reads):
    metric = MetricDiscriminator(6, hidden=8, reads=reads).eval()  # a fixed spectral norm
    rows = torch.randn(5, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    there, back = metric(rows, rows.flip(0), epsilon=0.3), metric(rows.flip(0), rows, epsilon=0.3)
    assert torch.allclose(there.similarity, back.similarity)
    same = metric(rows, rows, epsilon=0.3).similarity
    assert torch.allclose(same, torch.ones(5))
    same.sum().backward()
    assert rows.grad.isfinite().all()
    with pytest.raises(ValueError, match="pair, direction"):
        MetricDiscriminator(6, reads="length")
