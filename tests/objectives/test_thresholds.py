"""Otsu and k-means on a line: hand-checked values, brute force, scikit-image, scikit-learn."""

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


def two_modes(seed: int, rows: int = 400) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, generator=generator, dtype=torch.float64)
    low, gap, share = torch.rand(3, generator=generator, dtype=torch.float64)
    upper = torch.arange(rows) < rows * (0.1 + 0.8 * share)
    return 10 * low - 5 + torch.where(upper, values + 12 * gap, 0.5 * values)


def scikit_image(values: torch.Tensor, bins: int) -> tuple[float, dict]:
    """Its threshold, and what otsu_histogram must be given for the same bins."""
    filters = pytest.importorskip("skimage.filters")
    given = {"bins": bins, "low": values.min().item(), "high": values.max().item()}
    return filters.threshold_otsu(values.numpy(), nbins=bins), given


@pytest.mark.parametrize("bins", [2, 7, 64, 256])
@pytest.mark.parametrize("seed", range(8))
def test_histogram_otsu_cuts_the_bins_where_scikit_image_does(seed, bins):
    """Theirs is the centre of the lower class's last bin, ours an edge at or above that bin.

    Half a bin lies between the two where one cut is best. Empty bins between two modes make more
    cuts equally good: theirs is then the first, ours the one in the middle.
    """
    values = two_modes(seed)
    theirs, given = scikit_image(values, bins)
    width = (given["high"] - given["low"]) / bins
    centre, edge, middle = (
        otsu_histogram(values, plateau=plateau, **given)
        for plateau in ("first_centre", "first_edge", "middle")
    )
    assert centre.threshold == pytest.approx(theirs, abs=1e-12)
    assert edge.threshold == pytest.approx(theirs + width / 2, abs=1e-12)
    # by how many equally good cuts follow theirs: bins above it that hold nothing
    counts = np.histogram(values.numpy(), bins, (given["low"], given["high"]))[0]
    last = round((theirs - given["low"]) / width - 0.5)
    empty = next(i for i, count in enumerate(counts[last + 1 :]) if count)
    assert middle.threshold == pytest.approx(theirs + width * (0.5 + empty // 2), abs=1e-9)
    assert middle.between == centre.between == edge.between


def test_otsu_of_two_far_modes_lies_midway_here_and_at_the_lower_one_in_scikit_image():
    values = torch.tensor([0.0, 0.04, 0.96, 1.0], dtype=torch.float64)
    theirs, given = scikit_image(values, 10)
    assert theirs == pytest.approx(0.05)
    assert otsu_histogram(values, **given).threshold == pytest.approx(0.5)


def test_scikit_images_centre_parts_the_last_bin_of_the_lower_class():
    values = torch.tensor([0.0, 0.19, 0.19, 0.21, 0.9, 1.0], dtype=torch.float64)
    theirs, given = scikit_image(values, 5)  # lower class: the bins [0, .2) and [.2, .4)
    assert theirs == pytest.approx(0.3)
    moved = values.where(values != 0.21, 0.39)  # the same bins, so the same threshold
    theirs, given = scikit_image(moved, 5)
    assert (moved > theirs).tolist() == [False, False, False, True, True, True]
    ours = otsu_histogram(moved, **given)
    assert (moved > ours.threshold).tolist() == [False, False, False, False, True, True]


def test_scikit_image_agrees_that_one_value_is_no_split():
    values = torch.full((4,), 0.4, dtype=torch.float64)
    theirs, _ = scikit_image(values, 8)
    assert otsu_histogram(values, bins=8).threshold == pytest.approx(theirs)


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
