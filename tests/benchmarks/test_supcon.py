"""Supervised contrast beside pytorch-metric-learning: time, memory, and how far it scales."""

from __future__ import annotations

import math

import pytest
import torch

from affectrep.objectives import SupConLoss, SupConOptions
from tests.benchmarks.supcon_step import (
    CLOCK,
    LIBRARIES,
    TEMPERATURE,
    make_loss,
    make_rows,
    measured_apart,
    step,
)

pytestmark = pytest.mark.benchmark(timer=CLOCK)
cuda = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
)
ROUNDS = {512: 40, 2048: 15, 8192: 3}
PRODUCTS = 4  # matrix products of a tile: one forward, three backward


@pytest.mark.parametrize("device", ["cpu", cuda])
def test_both_compute_the_same(device):
    values, gradients = [], []
    for library in LIBRARIES:
        embeddings, labels = make_rows(512, device)
        values.append(step(make_loss(library), embeddings, labels))
        gradients.append(embeddings.grad)
    torch.testing.assert_close(*values, rtol=1e-5, atol=0)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("rows", ROUNDS)
@pytest.mark.parametrize("device", ["cpu", cuda])
def test_forward_and_backward(benchmark, library, rows, device):
    benchmark.group = f"supcon {rows} {device}"
    benchmark.extra_info["mib"] = measured_apart(library, rows, device)["mib"]
    arguments = (make_loss(library), *make_rows(rows, device))
    benchmark.pedantic(step, arguments, rounds=ROUNDS[rows], warmup_rounds=1)


@pytest.mark.parametrize("rows", [2048, 8192])
@pytest.mark.parametrize("device", ["cpu", cuda])
def test_at_most_half_the_memory(rows, device):
    ours, theirs = (measured_apart(library, rows, device)["mib"] for library in LIBRARIES)
    assert ours <= theirs / 2


def test_many_rows_fit_into_4_gb(benchmark):
    benchmark.group = "supcon 32768 alone"
    found = benchmark.pedantic(measured_apart, ("affectrep", 32_768, "cpu"), rounds=1)
    benchmark.extra_info.update(found)
    assert found["mib"] * 2**20 < 4e9


@pytest.mark.parametrize(
    ("device", "rows", "chunk"),
    [("cpu", 8192, 512), pytest.param("cuda", 1_000_000, 16_384, marks=cuda.marks)],
)
def test_share_of_the_matrix_product_peak(benchmark, device, rows, chunk):
    benchmark.group = f"supcon {rows} share {device}"
    loss = SupConLoss(temperature=TEMPERATURE, options=SupConOptions(chunk=chunk))
    embeddings, labels = make_rows(rows, device)
    step(loss, *make_rows(chunk, device))
    value = benchmark.pedantic(step, (loss, embeddings, labels), rounds=3 if device == "cpu" else 1)
    assert value.isfinite()
    slices = math.ceil(rows / chunk)
    tiles = slices * (slices + 1) // 2  # the others are the transposes of these
    bare = product_seconds(embeddings.detach()[:chunk]) * PRODUCTS * tiles
    if benchmark.stats is not None:  # None under --benchmark-disable
        benchmark.extra_info["share"] = bare / benchmark.stats.stats.median


def product_seconds(tile: torch.Tensor, *, repeats: int = 30) -> float:
    """Return the median seconds of the dot products of all pairs of a tile's rows."""
    result, seconds = tile @ tile.T, []
    for _ in range(repeats):
        began = CLOCK()
        torch.mm(tile, tile.T, out=result)
        if tile.is_cuda:
            torch.cuda.synchronize()
        seconds.append(CLOCK() - began)
    return sorted(seconds)[repeats // 2]
