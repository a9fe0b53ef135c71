"""Margin loss and distance-weighted sampling: fixtures, naive loops, pytorch-metric-learning."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.class_margins import AdaptiveClassMargin
from affectrep.objectives.contrastive import ContrastiveLoss
from affectrep.objectives.distance_weighted import (
    distance_weighted_triplets,
    log_distance_density,
    negative_probabilities,
)
from affectrep.objectives.label_aware import lcl_loss
from affectrep.objectives.margin_loss import MarginLoss, margin_loss
from affectrep.objectives.metric_pairs import pair_distances
from affectrep.objectives.triplet import TripletLoss
from tests.objectives.test_contrastive import MARGINS, TABLE, chords, margin_at
from tests.objectives.test_supcon import LABELS, POINTS

TRIPLETS = torch.tensor([[0, 1, 2], [1, 0, 5], [2, 3, 4], [5, 2, 0], [4, 1, 3], [4, 1, 3]])
BETA = torch.tensor([1.2, 0.9], dtype=torch.float64)


def many(seed=0, dim=8):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(24, dim, generator=generator, dtype=torch.float64)
    return points, torch.arange(24) % 6


def naive(points, labels, beta, margin, triplets=None):
    unit = functional.normalize(points, dim=1)
    n = len(unit)
    if triplets is None:
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    else:
        pairs = [(int(t[0]), int(t[side])) for t in triplets for side in (1, 2)]
    terms = []
    for i, j in pairs:
        sign = 1 if labels[i] == labels[j] else -1
        d = float((unit[i] - unit[j]).norm())
        terms.append(
            max(0.0, margin_at(margin, labels, i, j) + sign * (d - float(beta[labels[i]])))
        )
    return float(sum(terms)) / max(sum(term > 0 for term in terms), 1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_dml_fixture(dtype, tolerance):
    similar, other = chords(0.6).to(dtype), chords(0.9).to(dtype)
    found = margin_loss(similar, torch.tensor([0, 0]), 1.2)
    assert found.item() == pytest.approx(0.0, abs=tolerance)
    found = margin_loss(other, torch.tensor([0, 1]), 1.2)
    assert found.item() == pytest.approx(0.4999999999999999, abs=tolerance)
    density = log_distance_density(torch.tensor(1.0, dtype=dtype), 128)
    assert density.item() == pytest.approx(-17.980129528236308, abs=tolerance)


@pytest.mark.parametrize("margin", MARGINS.values(), ids=MARGINS.keys())
@pytest.mark.parametrize("triplets", [None, TRIPLETS], ids=["pairs", "triplets"])
def test_equals_the_naive_loop(margin, triplets):
    found = margin_loss(POINTS, LABELS, BETA, margin=margin, triplets=triplets)
    expected = naive(POINTS, LABELS, BETA, margin, triplets)
    assert expected > 0
    assert found.item() == pytest.approx(expected, abs=1e-6 if margin is TABLE else 1e-12)


def test_equals_pytorch_metric_learning_and_differs_where_stated():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    points, labels = many()
    drawn = distance_weighted_triplets(points, labels)
    assert len(drawn) > 20
    columns = tuple(drawn.T)
    other = losses.MarginLoss(margin=0.2, beta=1.2)
    found = margin_loss(points, labels, 1.2, triplets=drawn)
    assert found.item() == pytest.approx(other(points, labels, columns).item(), rel=1e-6)
    # without triplets a similar pair counts once here, once a negative there
    assert abs(margin_loss(points, labels, 1.2).item() - other(points, labels).item()) > 0.01
    # the regulariser: the mean boundary here, divided by the active terms there
    other = losses.MarginLoss(margin=0.2, beta=1.2, nu=0.1, learn_beta=True, num_classes=6)
    plain = margin_loss(points, labels, 1.2, triplets=drawn).item()
    ours = margin_loss(points, labels, torch.full((6,), 1.2), nu=0.1, triplets=drawn).item()
    assert ours == pytest.approx(plain + 0.1 * 1.2)
    theirs = other(points, labels, columns).item()
    assert theirs != pytest.approx(ours, abs=1e-3)
    single = losses.MarginLoss(margin=0.2, beta=1.2, nu=0.1, learn_beta=True)
    assert single(points, labels, columns).item() == pytest.approx(ours, rel=1e-6)


def test_the_boundary_is_learned_for_each_class():
    module = MarginLoss(classes=3, sampling="all", margin=0.2)
    points = torch.cat([chords(0.3), chords(1.9)])  # class 0 is near, class 1 is wide
    labels = torch.tensor([0, 0, 1, 1])
    module(points, labels).backward()
    assert module.beta.grad[0] > 0
    assert module.beta.grad[1] == 0 or module.beta.grad[1] != module.beta.grad[0]
    assert module.beta.grad[2] == 0
    fresh = MarginLoss(classes=3)
    with torch.no_grad():
        module.beta += 0.25
    fresh.load_state_dict(module.state_dict())
    assert torch.equal(fresh.beta, module.beta)


def test_module_draws_triplets_and_takes_an_adaptive_margin():
    points, labels = many()
    margin = AdaptiveClassMargin()
    module = MarginLoss(margin=margin).double()
    torch.manual_seed(4)
    found = module(points, labels)
    torch.manual_seed(4)
    drawn = distance_weighted_triplets(points, labels)
    table = margin(points, labels)
    expected = margin_loss(points, labels, module.beta, margin=table, triplets=drawn)
    assert found.item() == expected.item()
    assert module(points, labels, 0.1).item() != found.item()


def test_gradcheck():
    def loss(points, beta):
        return margin_loss(points, LABELS, beta, margin=TABLE, nu=0.1)

    assert torch.autograd.gradcheck(
        loss, (POINTS.clone().requires_grad_(), BETA.clone().requires_grad_())
    )


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 0, 1], [0] * 6, [0, 1, 2, 3, 4, 5]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
@pytest.mark.parametrize("sampling", ["distance", "all"])
def test_any_finite_input_gives_finite_numbers(scale, dtype, labels, sampling):
    top = torch.finfo(dtype).max / 8
    points = (POINTS.float() * scale).clamp(-top, top).to(dtype).requires_grad_()
    loss = MarginLoss(sampling=sampling)(points, torch.tensor(labels))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    if dtype != torch.float16:  # a tiny row's gradient is larger than float16 holds
        assert points.grad.isfinite().all()


@pytest.mark.parametrize("sampling", ["distance", "all"])
def test_one_row_is_zero_with_a_graph(sampling):
    points = POINTS[:1].clone().requires_grad_()
    loss = MarginLoss(sampling=sampling).double()(points, torch.tensor([3]))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(points.grad, torch.zeros_like(points))


@pytest.mark.parametrize("dim", [3, 4, 5, 128])
def test_density_is_that_of_random_directions(dim):
    generator = torch.Generator().manual_seed(1)
    drawn = 40_000
    first, second = torch.randn(2, drawn, dim, generator=generator, dtype=torch.float64)
    gaps = functional.normalize(first, dim=1) - functional.normalize(second, dim=1)
    counts = torch.histc(gaps.norm(dim=1), bins=20, min=0.0, max=2.0)
    edges = torch.linspace(0, 2, 20 * 50 + 1, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    mass = log_distance_density(middle, dim).exp().reshape(20, 50).sum(dim=1)
    expected = drawn * mass / mass.sum()
    slack = 5 * expected.sqrt() + 0.01 * expected + 5  # the middle rule and five deviations
    assert ((counts - expected).abs() <= slack).all()


def test_chances_follow_the_inverse_density_within_the_limits():
    points, labels = many()
    distances = pair_distances(points, labels)
    chances = negative_probabilities(distances, labels, dim=8)
    for i in range(24):
        weights = []
        for j in range(24):
            d = float(distances[i, j])
            held = max(d, 0.5)
            log_q = 6 * math.log(held) + 2.5 * math.log(1 - held**2 / 4)
            weights.append(math.exp(-log_q) if labels[i] != labels[j] and d < 1.4 else 0.0)
        expected = torch.tensor(weights, dtype=torch.float64) / sum(weights)
        torch.testing.assert_close(chances[i], expected)


def test_chances_equal_pytorch_metric_learning_and_do_not_underflow_in_a_row():
    miners = pytest.importorskip("pytorch_metric_learning.miners")
    points, labels = many()
    chances = negative_probabilities(pair_distances(points, labels), labels, dim=8)
    torch.manual_seed(0)
    drawn = [miners.DistanceWeightedMiner()(points, labels) for _ in range(500)]
    anchor = torch.cat([a for a, _, _ in drawn])
    negative = torch.cat([n for _, _, n in drawn])
    for i in (0, 7, 13):
        counts = torch.bincount(negative[anchor == i], minlength=24).double()
        assert (counts[chances[i] == 0] == 0).all()
        shares = counts / counts.sum()
        assert (shares - chances[i]).abs().max() < 5 * math.sqrt(0.25 / counts.sum())
    # one close pair of classes; all else lies at 1.3: its rows are lost there, kept here
    eye = torch.eye(300)
    near = 0.155 * eye[:6].sum(0)
    rows = functional.normalize(eye[:6] + near, dim=1)
    close = functional.normalize(eye[7] + 0.05 * eye[8:12], dim=1)
    rows, labels = torch.cat([rows, close]), torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    lost = {int(i) for i in miners.DistanceWeightedMiner()(rows, labels)[0]}
    kept = {int(i) for i in distance_weighted_triplets(rows, labels)[:, 0]}
    assert lost == {6, 7, 8, 9}
    assert kept == set(range(10))


def test_triplets_are_each_similar_pair_once_and_repeat_with_a_seed():
    points, labels = many(dim=16)
    drawn = distance_weighted_triplets(points, labels, generator=torch.Generator().manual_seed(2))
    again = distance_weighted_triplets(points, labels, generator=torch.Generator().manual_seed(2))
    assert torch.equal(drawn, again)
    anchor, positive, negative = drawn.T
    assert (labels[anchor] == labels[positive]).all()
    assert (anchor != positive).all()
    assert (labels[anchor] != labels[negative]).all()
    assert (pair_distances(points, labels)[anchor, negative] < 1.4).all()
    assert len(drawn) == len(torch.unique(drawn[:, :2], dim=0)) == 24 * 3
    opposite = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    assert distance_weighted_triplets(opposite, torch.tensor([0, 0, 1])).shape == (0, 3)


LOSSES = {
    "contrastive": ContrastiveLoss(),
    "triplet": TripletLoss(),
    "margin": MarginLoss(),
    "label aware": lambda z, y: lcl_loss(z, y, torch.full((6, 2), 0.5)),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_a_call_passes_through_at_most_three_files(loss):
    files = set()
    sys.setprofile(lambda frame, *_: files.add(frame.f_code.co_filename))
    try:
        loss(POINTS, LABELS)
    finally:
        sys.setprofile(None)
    assert 1 < len({name for name in files if "affectrep" in Path(name).parts[-3:]}) <= 3


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="labels"):
        margin_loss(POINTS, LABELS[:2], 1.2)
    with pytest.raises(ValueError, match="at least one row"):
        margin_loss(POINTS[:0], LABELS[:0], 1.2)
    with pytest.raises(ValueError, match="beta"):
        margin_loss(POINTS, LABELS, torch.ones(1))
    with pytest.raises(ValueError, match="margin"):
        margin_loss(POINTS, LABELS, 1.2, margin=torch.zeros(2, 2))
    for triplets in (TRIPLETS[:, :2], TRIPLETS.double(), TRIPLETS + 4):
        with pytest.raises(ValueError, match="triplets"):
            margin_loss(POINTS, LABELS, 1.2, triplets=triplets)
    with pytest.raises(ValueError, match="sampling"):
        MarginLoss(sampling="hard")
    with pytest.raises(ValueError, match="dimensions"):
        log_distance_density(torch.ones(1), 1)
    with pytest.raises(ValueError, match="distances"):
        negative_probabilities(torch.ones(2, 3), torch.tensor([0, 1]), dim=4)
    with pytest.raises(ValueError, match="cutoff"):
        negative_probabilities(torch.ones(2, 2), torch.tensor([0, 1]), dim=4, cutoff=1.5)
