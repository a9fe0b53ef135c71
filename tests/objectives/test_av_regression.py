"""Valence-arousal losses against hand-checked values, naive formulas, scipy and torchmetrics."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributed

from affectrep.objectives.av_regression import (
    AVRegressionLoss,
    HeteroscedasticLoss,
    av_regression_loss,
    ccc_loss,
    heteroscedastic_loss,
    pcc_loss,
    rmse_loss,
)
from tests.processes import free_port, together

VALENCE = ([-0.8, -0.2, 0.0, 0.3, 0.9], [-0.5, 0.1, 0.2, 0.2, 0.6])  # labels, predictions
AROUSAL = ([0.1, 0.4, 0.3, 0.9, 0.5], [0.2, 0.2, 0.4, 0.7, 0.6])
LABELS = torch.tensor([VALENCE[0], AROUSAL[0]], dtype=torch.float64).T
PREDICTIONS = torch.tensor([VALENCE[1], AROUSAL[1]], dtype=torch.float64).T
LOSSES = [rmse_loss, pcc_loss, ccc_loss, av_regression_loss]


def official(loss):
    return lambda predictions, labels: loss(predictions, labels, official=True)


def column(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (rmse_loss, 0.40130618255538364),
        (pcc_loss, 0.10130063376713927),
        (ccc_loss, 0.16954935649689418),
        (av_regression_loss, 0.5367311776874004),
        (official(av_regression_loss), 0.7090389397233412),
    ],
)
def test_golden_paper_combination(loss, expected):
    assert loss(PREDICTIONS, LABELS).item() == pytest.approx(expected, abs=1e-9)
    single = loss(PREDICTIONS.float(), LABELS.float())
    assert single.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("labels", "predictions", "rmse", "pcc", "ccc"),
    [
        (*VALENCE, 0.2529822128134704, 0.9621699731311425, 0.8566308243727598),
        ([1, 2, 3], [2, 3, 4], 1.0, 1.0, 0.5714285714285715),
        (VALENCE[0], [0.1] * 5, 0.5639148871948675, 0.0, 0.0),
        ([0.1] * 4, [0.1] * 4, 1e-6, 0.0, 1.0),
    ],
    ids=["general", "hand", "constant prediction", "both constant and equal"],
)
def test_golden_figures(labels, predictions, rmse, pcc, ccc):
    pair = column(predictions), column(labels)
    assert rmse_loss(*pair).item() == pytest.approx(rmse, abs=1e-9)
    assert 1 - pcc_loss(*pair).item() == pytest.approx(pcc, abs=1e-9)
    assert 1 - ccc_loss(*pair).item() == pytest.approx(ccc, abs=1e-9)


@pytest.mark.parametrize(
    ("labels", "predictions", "pcc", "ccc"),
    [
        (*VALENCE, 0.7697359785049139, 0.687275341480949),
        ([1, 2, 3], [2, 3, 4], 0.6666666666666666, 0.4444444444444444),
        (VALENCE[0], [0.1] * 5, 0.0, 0.0),
    ],
    ids=["general", "hand", "constant prediction"],
)
def test_golden_figures_of_the_code(labels, predictions, pcc, ccc):
    pair = column(predictions), column(labels)
    assert 1 - pcc_loss(*pair, official=True).item() == pytest.approx(pcc, abs=1e-9)
    assert 1 - ccc_loss(*pair, official=True).item() == pytest.approx(ccc, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_equals_scipy_and_torchmetrics_where_they_agree(seed):
    stats = pytest.importorskip("scipy.stats")
    regression = pytest.importorskip("torchmetrics.functional.regression")
    generator = torch.Generator().manual_seed(seed)
    labels = torch.rand(40, 2, generator=generator, dtype=torch.float64) * 2 - 1
    found = labels * 0.5 + 0.3 * torch.randn(40, 2, generator=generator, dtype=torch.float64)
    pearson = np.mean([stats.pearsonr(found[:, i], labels[:, i])[0] for i in range(2)])
    assert 1 - pcc_loss(found, labels).item() == pytest.approx(pearson, abs=1e-9)
    squared = regression.mean_squared_error(found, labels, squared=False, num_outputs=2)
    assert rmse_loss(found, labels).item() == pytest.approx(squared.sum().item(), abs=1e-9)
    # torchmetrics has sample moments: the shift of the means then weighs (N - 1) / N of ours
    theirs = regression.concordance_corrcoef(found, labels)
    ours = torch.stack([1 - ccc_loss(found[:, i : i + 1], labels[:, i : i + 1]) for i in (0, 1)])
    shift = (found.mean(dim=0) - labels.mean(dim=0)).square()
    spread = found.var(dim=0) + labels.var(dim=0)
    ratio = (spread * 39 / 40 + shift) / (spread + shift) * 40 / 39
    torch.testing.assert_close(theirs, ours * ratio, atol=1e-9, rtol=0)
    assert not torch.allclose(theirs, ours, atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [1e6, 1e7, 1e8, 1e30])
@pytest.mark.parametrize("side", ["predictions", "labels", "one axis"])
def test_correlation_of_huge_values_is_that_of_small_ones(scale, side):
    predictions, labels = PREDICTIONS.clone(), LABELS.clone()
    expected = [np.corrcoef(predictions[:, i], labels[:, i])[0, 1] for i in (0, 1)]
    if side == "labels":
        labels *= scale
    else:
        predictions[:, int(side == "one axis") :] *= scale
    for found in (predictions, predictions.float()):
        value = 1 - pcc_loss(found, labels).item()
        assert value == pytest.approx(np.mean(expected), abs=1e-9 if found is predictions else 1e-6)


def test_rmse_of_a_perfect_fit_has_a_finite_gradient():
    predictions = LABELS.clone().requires_grad_()
    rmse_loss(predictions, LABELS).backward()
    assert torch.equal(predictions.grad, torch.zeros_like(LABELS))


def test_correlation_of_a_constant_prediction_pushes_nowhere_but_concordance_does():
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        predictions = torch.full((5, 2), 0.1, dtype=dtype, requires_grad=True)
        pcc_loss(predictions, LABELS).backward()
        assert torch.equal(predictions.grad, torch.zeros_like(predictions))
        ccc_loss(predictions, LABELS).backward()
        assert torch.isfinite(predictions.grad).all()
        assert (predictions.grad != 0).any()


@pytest.mark.parametrize(
    "loss", [*LOSSES, *map(official, LOSSES[1:])], ids=lambda loss: loss.__name__
)
def test_gradcheck(loss):
    predictions = PREDICTIONS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: loss(values, LABELS), predictions)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_heteroscedastic_equals_the_naive_loop(beta):
    logs = torch.tensor([[0.3, -1.0], [0.0, 0.5], [2.0, -2.0], [-0.4, 0.1], [1.0, 1.5]])
    joined = torch.cat([PREDICTIONS, logs.double()], dim=1)
    total = 0.0
    for mean, log, label in zip(PREDICTIONS, logs, LABELS, strict=True):
        for m, s, y in zip(mean.tolist(), log.tolist(), label.tolist(), strict=True):
            variance = math.exp(s)
            total += variance**beta * ((y - m) ** 2 / (2 * variance) + 0.5 * math.log(variance))
    found = heteroscedastic_loss(joined, LABELS, beta=beta)
    assert found.item() == pytest.approx(total / 5, abs=1e-9)


def test_heteroscedastic_equals_torch_and_passes_gradcheck():
    joined = torch.cat([PREDICTIONS, 0.3 * PREDICTIONS], dim=1).requires_grad_()
    means, logs = joined.chunk(2, dim=1)
    other = torch.nn.functional.gaussian_nll_loss(means, LABELS, logs.exp(), reduction="sum") / 5
    assert heteroscedastic_loss(joined, LABELS).item() == pytest.approx(other.item(), abs=1e-9)
    assert torch.autograd.gradcheck(lambda values: heteroscedastic_loss(values, LABELS), joined)


@pytest.mark.parametrize("log", [-1e3, 1e3])
def test_a_log_variance_out_of_bounds_finds_its_way_back(log):
    predictions = torch.tensor([[0.5, log]], requires_grad=True)
    loss = heteroscedastic_loss(predictions, torch.zeros(1, 1))
    loss.backward()
    assert torch.isfinite(loss)
    assert predictions.grad[0, 1] * log > 0


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 6),
    scale=st.sampled_from([0.0, 1e-30, 1e-8, 1.0, 1e4, 1e30]),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    seed=st.integers(0, 99),
    mixed=st.booleans(),
)
def test_finite_for_any_finite_input_and_blind_to_order(rows, scale, dtype, seed, mixed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.rand(rows, 2, generator=generator) * 2 - 1
    limit = torch.finfo(dtype).max / 4
    values = torch.randn(rows, 2, generator=generator, dtype=torch.float64) * scale
    values = (values + labels.double() * mixed).clamp(-limit, limit).to(dtype)
    turned = torch.randperm(rows, generator=generator)
    for loss in [*LOSSES, official(av_regression_loss)]:
        leaf = values.clone().requires_grad_()
        value = loss(leaf, labels)
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(leaf.grad).all()
        again = loss(values[turned], labels[turned]).item()
        assert again == pytest.approx(value.item(), rel=1e-4, abs=1e-3)


def share(rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    rows = slice(0, 3) if rank == 0 else slice(3, 5)
    return PREDICTIONS[rows].clone().requires_grad_(), LABELS[rows]


def work(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    predictions, labels = share(rank)
    loss = AVRegressionLoss(gather=True)
    value = loss(predictions, labels)
    (value * loss.count(labels) / 5).backward()  # its share, as the trainer weighs terms
    torch.save({"value": value.detach(), "grad": predictions.grad}, f"{out}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.processes
def test_two_processes_have_the_gradient_of_one(tmp_path):
    together(work, free_port(), str(tmp_path), world=2)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    predictions = PREDICTIONS.clone().requires_grad_()
    whole = av_regression_loss(predictions, LABELS)
    whole.backward()
    found = torch.cat([part["grad"] for part in parts])
    torch.testing.assert_close(found, predictions.grad, atol=1e-12, rtol=1e-10)
    assert [part["value"].item() for part in parts] == [whole.item()] * 2


def test_modules_hold_their_options():
    loss = AVRegressionLoss(correlation_weight=0.0)
    assert loss(PREDICTIONS, LABELS).item() == rmse_loss(PREDICTIONS, LABELS).item()
    assert loss.count(LABELS) == 5
    joined = torch.cat([PREDICTIONS, PREDICTIONS], dim=1)
    module = HeteroscedasticLoss(beta=0.5)
    expected = heteroscedastic_loss(joined, LABELS, beta=0.5)
    assert module(joined, LABELS).item() == expected.item()
    assert module.count(LABELS) == 5


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("predictions", "labels", "message"),
    [
        (torch.zeros(3, 2), torch.zeros(2, 2), r"\(3, 2\) and \(2, 2\)"),
        (torch.zeros(3), torch.zeros(3), "batch, axes"),
        (torch.zeros(0, 2), torch.zeros(0, 2), "at least one row"),
    ],
)
def test_mistakes_are_named(loss, predictions, labels, message):
    with pytest.raises(ValueError, match=message):
        loss(predictions, labels)


def test_mistakes_in_numbers_are_named():
    with pytest.raises(ValueError, match="weight of 0 or more, got -1"):
        av_regression_loss(PREDICTIONS, LABELS, correlation_weight=-1)
    with pytest.raises(ValueError, match="beta"):
        heteroscedastic_loss(torch.zeros(2, 4), torch.zeros(2, 2), beta=2.0)
    with pytest.raises(ValueError, match="2 \\* axes"):
        heteroscedastic_loss(torch.zeros(2, 3), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="at least one row"):
        heteroscedastic_loss(torch.zeros(0, 4), torch.zeros(0, 2))
