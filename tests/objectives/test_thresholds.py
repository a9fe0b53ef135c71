"""Otsu and k-means on a line against hand-checked values, brute force and scikit-learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectrep.objectives.thresholds import (
    kmeans_centres,
    kmeans_threshold,
    otsu_exact,
    otsu_histogram,
)

VALUES = torch.tensor([0.05, 0.1, 0.12, 0.2, 0.22, 0.6, 0.65, 0.7, 0.9], dtype=torch.float64)
UNTIED = torch.tensor([0.05, 0.1, 0.12, 0.2, 0.22, 0.61, 0.65, 0.7, 0.9], dtype=torch.float64)
KMEANS = {  # clusters: centres, squared error, mean of the centres
    2: ([0.138, 0.715], 0.06977999999999963, 0.4265),
    3: ([0.138, 0.6533333333333333, 0.9], 0.024146666666666664, 0.5637777777777778),
    5: ([0.09, 0.21, 0.63, 0.7, 0.9], 0.0035999999999997354, 0.506),
}


def between_variance(values: list[float], cut: int) -> float:
    lower, upper = values[:cut], values[cut:]
    share = len(lower) / len(values)
    return share * (1 - share) * (np.mean(lower) - np.mean(upper)) ** 2


def squared_error(values: torch.Tensor, centres: torch.Tensor) -> float:
    return (values.double()[:, None] - centres).square().amin(dim=1).sum().item()


def test_golden_exact_otsu():
    cut = otsu_exact(VALUES)
    assert cut.threshold == pytest.approx(0.41, abs=1e-9)
    assert cut.between == pytest.approx(0.08149388888888888, abs=1e-9)
    assert otsu_exact(VALUES.float()).threshold == pytest.approx(0.41, rel=1e-5)


@pytest.mark.parametrize(
    ("bins", "plateau", "expected"),
    [
        (256, "first_edge", 0.22265625),
        (256, "first_centre", 0.220703125),
        (256, "middle", 0.41015625),
        (8, "first_edge", 0.25),
        (8, "first_centre", 0.1875),
        (8, "middle", 0.375),
    ],
)
def test_golden_histogram_otsu(bins, plateau, expected):
    cut = otsu_histogram(VALUES, bins=bins, plateau=plateau)
    between = {256: 0.08163580246913585, 8: 0.09075038580246912}[bins]
    assert cut.threshold == pytest.approx(expected, abs=1e-9)
    assert cut.between == pytest.approx(between, abs=1e-9)


@pytest.mark.parametrize("rule", [otsu_exact, otsu_histogram, kmeans_threshold])
@pytest.mark.parametrize("rows", [1, 3, 7])
def test_one_distinct_value_is_no_split(rule, rows):
    cut = rule(torch.full((rows,), 0.4, dtype=torch.float64))
    assert cut.threshold == pytest.approx(0.4, abs=1e-9)
    assert cut.between == 0


@pytest.mark.parametrize("seed", range(5))
def test_exact_otsu_equals_the_naive_loop(seed):
    values = torch.rand(30, generator=torch.Generator().manual_seed(seed)).double().sort().values
    scores = [between_variance(values.tolist(), cut) for cut in range(1, 30)]
    best = int(np.argmax(scores)) + 1
    found = otsu_exact(values[torch.randperm(30)])
    assert found.threshold == pytest.approx(values[best - 1 : best + 1].mean().item(), abs=1e-12)
    assert found.between == pytest.approx(max(scores), abs=1e-12)


def test_two_means_cut_where_exact_otsu_does():
    values = torch.rand(80, generator=torch.Generator().manual_seed(3)).double()
    exact, means = otsu_exact(values), kmeans_threshold(values)
    assert torch.equal(values >= exact.threshold, values >= means.threshold)
    assert means.between == pytest.approx(exact.between, abs=1e-12)


def test_histogram_comes_close_to_exact_on_many_values():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(5000, generator=generator).square()
    assert otsu_histogram(values).threshold == pytest.approx(
        otsu_exact(values).threshold, abs=1 / 128
    )


@pytest.mark.parametrize(("centres", "expected"), KMEANS.items())
def test_golden_kmeans(centres, expected):
    found = kmeans_centres(UNTIED, centres=centres)
    assert found.tolist() == pytest.approx(expected[0], abs=1e-9)
    assert squared_error(UNTIED, found) == pytest.approx(expected[1], abs=1e-9)
    cut = kmeans_threshold(UNTIED, centres=centres)
    assert cut.threshold == pytest.approx(expected[2], abs=1e-9)
    total = UNTIED.var(unbiased=False).item()
    assert cut.between == pytest.approx(total - expected[1] / 9, abs=1e-9)
    single = kmeans_threshold(UNTIED.float(), centres=centres)
    assert single.threshold == pytest.approx(expected[2], rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(-20, 20), min_size=1, max_size=9),
    centres=st.integers(1, 5),
)
def test_kmeans_is_as_good_as_every_clustering(values, centres):
    ordered = sorted(values)
    best = min(
        sum(
            float(np.var(ordered[a:b]) * (b - a))
            for a, b in itertools.pairwise((0, *cuts, len(ordered)))
        )
        for count in range(min(centres, len(ordered)))
        for cuts in itertools.combinations(range(1, len(ordered)), count)
    )
    found = kmeans_centres(torch.tensor(values), centres=centres)
    assert len(found) == min(centres, len(set(values)))
    assert squared_error(torch.tensor(values), found) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("centres", [2, 3, 5])
def test_kmeans_is_no_worse_than_scikit_learn(centres):
    cluster = pytest.importorskip("sklearn.cluster")
    generator = torch.Generator().manual_seed(centres)
    values = torch.randn(200, generator=generator, dtype=torch.float64)
    theirs = cluster.KMeans(centres, n_init=50, random_state=0).fit(values[:, None].numpy())
    found = kmeans_centres(values, centres=centres)
    assert squared_error(values, found) <= theirs.inertia_ + 1e-9
    assert squared_error(values, found) == pytest.approx(theirs.inertia_, rel=1e-3)


def test_kmeans_takes_a_whole_data_set():
    values = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
    assert kmeans_threshold(values, centres=5).threshold == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("rule", [otsu_exact, otsu_histogram, kmeans_centres, kmeans_threshold])
def test_mistakes_are_named(rule):
    with pytest.raises(ValueError, match="at least one value"):
        rule(torch.zeros(0))
    with pytest.raises(ValueError, match="finite"):
        rule(torch.tensor([0.1, float("nan")]))


def test_mistakes_in_numbers_are_named():
    with pytest.raises(ValueError, match=r"\[0, 1\], got -4 to 0.5"):
        otsu_histogram(torch.tensor([-4.0, 0.5]))
    with pytest.raises(ValueError, match="2 bins"):
        otsu_histogram(VALUES, bins=1)
    with pytest.raises(ValueError, match="1 centre"):
        kmeans_centres(VALUES, centres=0)
