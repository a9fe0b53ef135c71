"""Signs of collapse against numpy and planted cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affectrep.objectives.embedding_spread import embedding_spread


@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (2, 3)])
def test_it_equals_numpy(shape):
    points = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    unit = points.numpy().astype(float)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    values = np.linalg.svd(unit - unit.mean(0), compute_uv=False)
    values = values[values > 1e-7] / values.sum()
    spread = embedding_spread(points)
    assert spread.effective_rank == pytest.approx(np.exp(-(values * np.log(values)).sum()), 1e-4)
    cosines = np.abs(unit @ unit.T)[~np.eye(shape[0], dtype=bool)]
    assert spread.mean_cosine == pytest.approx(cosines.mean())
    assert spread.sd == pytest.approx(unit.std(0).mean())


def test_collapse_is_noticed():
    same = embedding_spread(torch.ones(8, 5))
    assert same.collapsed
    assert same.effective_rank == same.sd == 0
    line = torch.cat([torch.ones(4, 5), -torch.ones(4, 5)])
    assert embedding_spread(line).collapsed
    assert embedding_spread(line).effective_rank == pytest.approx(1, abs=1e-4)
    assert not embedding_spread(torch.eye(8)).collapsed


@given(st.integers(0, 6), st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))
def test_finite_for_any_size_and_precision(rows, dtype):
    points = torch.full((rows, 4), torch.finfo(dtype).max, dtype=dtype)
    assert all(np.isfinite(embedding_spread(points)))


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match=r"\(rows, dim\)"):
        embedding_spread(torch.zeros(3))
