"""Thresholds that cut numbers on a line in two: Otsu's, exact or binned, and k-means'."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

__all__ = ["Cut", "kmeans_centres", "kmeans_threshold", "otsu_exact", "otsu_histogram"]

Plateau = Literal["middle", "first_edge", "first_centre"]


@dataclass(frozen=True)
class Cut:
    """A threshold and the between-class variance there; a variance of 0 says "no split"."""

    threshold: float
    between: float


def otsu_exact(values: Tensor) -> Cut:
    """Otsu's threshold without bins: the midpoint of the best cut of the sorted values.

    It maximises ``w0 w1 (m0 - m1)^2`` over the cuts between distinct values, the first of equals.
    One distinct value only gives that value and a variance of 0. Use it for few values, such as
    a batch.

    Args:
        values: any shape, at least one, finite.

    Raises:
        ValueError: if there are no values or one is not finite.

    Source: Otsu 1979, A Threshold Selection Method from Gray-Level Histograms, Eq. 18.

    Example:
        >>> otsu_exact(torch.tensor([0.0, 0.25, 1.0])).threshold
        0.625
    """
    ordered = _checked(values).sort().values
    size = len(ordered)
    below = torch.arange(1, size, dtype=torch.float64)
    centred = ordered - ordered.mean()
    sums = centred.cumsum(0)[:-1]
    # with a total of 0, m0 = sum / n0 and m1 = -sum / n1
    between = sums.square() / (below * (size - below))
    between = between.masked_fill(ordered[1:] == ordered[:-1], -1.0)
    if size == 1 or between.max() < 0:
        return Cut(float(ordered[0]), 0.0)
    first = int((between >= between.max() - 1e-15).nonzero()[0])
    return Cut(float(ordered[first] + ordered[first + 1]) / 2, float(between[first]))


def otsu_histogram(
    values: Tensor,
    *,
    bins: int = 256,
    low: float = 0.0,
    high: float = 1.0,
    plateau: Plateau = "middle",
) -> Cut:
    """Otsu's threshold on equal bins. Empty bins between two modes make a plateau of best cuts.

    Values in one bin only give their mean and a variance of 0.

    scikit-image's threshold_otsu is ``plateau="first_centre"`` with the values' own range as low
    and high. A centre cuts the lower class's last bin in two, so some of that class end above the
    threshold, and the first of equal cuts hugs the lower mode; an edge in the middle does neither.

    Args:
        values: any shape, at least one, within [low, high].
        bins: number of bins, >= 2.
        low: lower edge of the first bin.
        high: upper edge of the last bin.
        plateau: the edge in the middle of the plateau, its first edge, or the centre of the last
            bin below it (scikit-image).

    Raises:
        ValueError: if there are no values, one is outside the range, or bins are too few.

    Source: Otsu 1979, Eq. 18, on a grey-level histogram.

    Example:
        >>> otsu_histogram(torch.tensor([0.1, 0.9]), bins=4).threshold
        0.5
    """
    flat = _checked(values)
    if bins < 2:
        raise ValueError(f"expected at least 2 bins, got {bins}")
    if flat.min() < low - 1e-6 or flat.max() > high + 1e-6:
        raise ValueError(
            f"expected values in [{low:g}, {high:g}], got {flat.min():g} to {flat.max():g}"
        )
    width = (high - low) / bins
    places = ((flat - low) / width).long().clamp(0, bins - 1)
    counts = torch.bincount(places, minlength=bins).double()
    centres = low + width * (torch.arange(bins, dtype=torch.float64) + 0.5)
    below = counts.cumsum(0)[:-1]
    above = len(flat) - below
    mean = (counts * centres).sum() / len(flat)
    sums = (counts * (centres - mean)).cumsum(0)[:-1]
    between = (sums.square() / (below * above)).masked_fill((below == 0) | (above == 0), -1.0)
    if between.max() < 0:
        return Cut(float(flat.mean()), 0.0)
    best = (between >= between.max() - 1e-12).nonzero().flatten()
    place = int(best[0] + best[-1]) // 2 if plateau == "middle" else int(best[0])
    place_in_bins = place + (0.5 if plateau == "first_centre" else 1.0)
    return Cut(low + width * place_in_bins, float(between.max()))


def kmeans_centres(values: Tensor, *, centres: int = 2) -> Tensor:
    """Centres of the best clustering on a line, exact, ascending; fewer if few values differ.

    Dynamic programming over the distinct values with monotone split points, in
    O(centres n log n); among clusterings of equal cost the one with the longer upper clusters.

    Args:
        values: any shape, at least one, finite.
        centres: number of clusters, >= 1.

    Raises:
        ValueError: if there are no values, one is not finite, or there is no cluster.

    Source: Wang and Song 2011, Ckmeans.1d.dp, The R Journal 3(2).

    Example:
        >>> kmeans_centres(torch.tensor([0.0, 1.0, 10.0, 12.0, 50.0]), centres=3).tolist()
        [0.5, 11.0, 50.0]
    """
    if centres < 1:
        raise ValueError(f"expected at least 1 centre, got {centres}")
    flat = _checked(values)
    points, counts = torch.unique(flat, return_counts=True)
    middle = flat.mean()
    zero = torch.zeros(1, dtype=torch.float64)
    prefix = torch.stack(
        [torch.cat([zero, (counts * (points - middle) ** power).cumsum(0)]) for power in (0, 1, 2)]
    )
    size = len(points)
    cost = torch.full((size + 1,), math.inf, dtype=torch.float64)
    cost[0] = 0.0
    starts = []
    for _ in range(min(centres, size)):
        cost, start = _one_more_cluster(cost, prefix)
        starts.append(start)
    found, end = [], size
    for start in reversed(starts):
        begin = int(start[end])
        # from the members: differences of prefix sums lose a small cluster beside a huge value
        members, weights = points[begin:end], counts[begin:end].double()
        mean = (members * (weights / weights.sum())).sum().clamp(members[0], members[-1])
        found.append(float(mean))
        end = begin
    return torch.tensor(found[::-1], dtype=torch.float64)


def kmeans_threshold(values: Tensor, *, centres: int = 2) -> Cut:
    """Mean of the exact k-means centres as a threshold; with 2 centres close to Otsu's.

    Args:
        values: any shape, at least one, finite.
        centres: number of clusters, >= 1.

    Raises:
        ValueError: as :func:`kmeans_centres`.

    Example:
        >>> kmeans_threshold(torch.tensor([0.0, 0.25, 0.75, 1.0])).threshold
        0.5
    """
    flat, found = _checked(values), kmeans_centres(values, centres=centres)
    if len(found) == 1:
        return Cut(float(found[0]), 0.0)
    nearest = found[torch.bucketize(flat, (found[1:] + found[:-1]) / 2)]
    return Cut(float(found.mean()), float((nearest - flat.mean()).square().mean()))


def _one_more_cluster(cost: Tensor, prefix: Tensor) -> tuple[Tensor, Tensor]:
    """Extend the best costs of the first j points by one cluster; also where it starts.

    The best start never falls as j grows, so each j looks only between its neighbours' starts,
    from coarse steps of j to fine ones.
    """
    size = len(cost) - 1
    costs, starts = torch.full_like(cost, math.inf), torch.zeros(size + 1, dtype=torch.long)
    step = 2 ** (size.bit_length() - 1)
    while step:
        ends = torch.arange(step, size + 1, 2 * step)
        after = ends + step
        first = starts[ends - step]
        last = torch.where(after <= size, starts[after.clamp(max=size)], size)
        last = torch.maximum(torch.minimum(last, ends - 1), first)
        lengths = last - first + 1
        rows = torch.repeat_interleave(torch.arange(len(ends)), lengths)
        begins = torch.arange(len(rows)) - (lengths.cumsum(0) - lengths - first)[rows]
        weight, total, squares = prefix[:, ends[rows]] - prefix[:, begins]
        tried = cost[begins] + (squares - total.square() / weight).clamp(min=0)
        best = costs[ends].scatter_reduce(0, rows, tried, "amin")
        winners = torch.where(tried == best[rows], begins, size)
        costs[ends] = best
        starts[ends] = torch.full_like(ends, size).scatter_reduce(0, rows, winners, "amin")
        step //= 2
    return costs, starts


def _checked(values: Tensor) -> Tensor:
    """Flatten to float64 on the processor: few numbers, looked at one by one."""
    flat = values.detach().cpu().double().flatten().contiguous()
    if flat.numel() == 0:
        raise ValueError("expected at least one value, got none")
    if not bool(torch.isfinite(flat).all()):
        raise ValueError("expected finite values, got NaN or infinity")
    return flat
