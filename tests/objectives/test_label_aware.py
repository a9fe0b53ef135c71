"""Label-aware contrast against a fixture, a naive loop and SupCon; two processes; mistakes."""

from __future__ import annotations

import math
import os
import socket

import pytest
import torch
from torch import distributed
from torch.nn import functional

from affectrep.objectives.label_aware import LabelAwareContrast, LabelAwareOptions, lcl_loss
from affectrep.objectives.supcon import SupConOptions, supcon_loss
from tests.objectives.test_supcon import LABELS, POINTS
from tests.processes import together

WEIGHTS = torch.tensor(
    [
        [0.6, 0.3, 0.1],
        [0.5, 0.4, 0.1],
        [0.2, 0.7, 0.1],
        [0.3, 0.6, 0.1],
        [0.7, 0.2, 0.1],
        [0.1, 0.8, 0.1],
    ],
    dtype=torch.float64,
)
PER_ANCHOR = [
    0.582306468339634,
    0.4936162075981509,
    0.504596277693323,
    0.6994223807684106,
    0.7756048671209355,
    1.0432743274812206,
]
NONE = LabelAwareOptions(reduction="none")
LONELY = torch.tensor([0, 0, 1, 1, 2, 1])


def naive(points, labels, weights, temperature):
    unit = functional.normalize(points, dim=1)
    losses = []
    for i in range(len(unit)):
        others = [a for a in range(len(unit)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        if not positives:
            losses.append(0.0)
            continue
        s = {a: float(unit[i] @ unit[a]) / temperature for a in others}
        bottom = math.log(sum(float(weights[i, labels[a]]) * math.exp(s[a]) for a in others))
        own = float(weights[i, labels[i]])
        losses.append(-own * sum(s[p] - bottom for p in positives) / len(positives))
    return losses


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_fixture(dtype, tolerance):
    points, weights = POINTS.to(dtype), WEIGHTS.to(dtype)
    found = lcl_loss(points, LABELS, weights, temperature=0.5, options=NONE)
    assert found.dtype == dtype
    assert found.tolist() == pytest.approx(PER_ANCHOR, abs=tolerance)
    mean = lcl_loss(points, LABELS, weights, temperature=0.5)
    assert mean.item() == pytest.approx(0.6831367548336124, abs=tolerance)


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_naive_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(17, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 6, (17,), generator=generator)
    weights = torch.randn(17, 6, generator=generator, dtype=torch.float64).softmax(dim=1)
    found = lcl_loss(points, labels, weights, options=NONE)
    assert found.tolist() == pytest.approx(naive(points, labels, weights, 0.3), abs=1e-12)


def test_equal_weights_are_supcon_times_the_weight():
    equal = torch.full((6, 4), 0.25, dtype=torch.float64)
    plain = supcon_loss(
        POINTS, LABELS, temperature=0.5, options=SupConOptions(reduction="none", chunk=None)
    )
    found = lcl_loss(POINTS, LABELS, equal, temperature=0.5, options=NONE)
    torch.testing.assert_close(found, 0.25 * (plain + math.log(0.25)))


def test_a_likelier_class_repels_more():
    points = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.5, 0.9], [0.5, -0.9]], dtype=torch.float64)
    points.requires_grad_()
    weights = torch.tensor([[0.5, 0.4, 0.1]] * 4, dtype=torch.float64)
    losses = lcl_loss(points, torch.tensor([0, 0, 1, 2]), weights, options=NONE)
    losses[0].backward()
    assert points.grad[2].norm() > 3 * points.grad[3].norm()


def test_anchors_without_a_positive():
    kept = naive(POINTS, LONELY, WEIGHTS, 0.3)
    assert lcl_loss(POINTS, LONELY, WEIGHTS).item() == pytest.approx(sum(kept) / 5)
    zero = LabelAwareOptions(no_positive="zero")
    assert lcl_loss(POINTS, LONELY, WEIGHTS, options=zero).item() == pytest.approx(sum(kept) / 6)
    total = lcl_loss(POINTS, LONELY, WEIGHTS, options=LabelAwareOptions(reduction="sum"))
    assert total.item() == pytest.approx(sum(kept))
    counts = [LabelAwareContrast(options=o).count(LONELY) for o in (None, zero)]
    assert counts == [5, 6]
    module = LabelAwareContrast(temperature=0.5)
    assert module(POINTS, LABELS, WEIGHTS).item() == pytest.approx(0.6831367548336124)


@pytest.mark.parametrize("n", [1, 3])
def test_no_positive_at_all_is_zero_with_a_graph(n):
    points = POINTS[:n].clone().requires_grad_()
    loss = lcl_loss(points, torch.arange(n), WEIGHTS[:n])
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(points.grad, torch.zeros_like(points))


def test_gradcheck_of_embeddings_and_weights():
    def loss(points, logits):
        return lcl_loss(points, LONELY, logits.softmax(dim=1))

    arguments = (POINTS.clone().requires_grad_(), WEIGHTS.log().requires_grad_())
    assert torch.autograd.gradcheck(loss, arguments)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
@pytest.mark.parametrize("sharp", [1.0, 1e4])
def test_any_finite_input_gives_finite_numbers(scale, dtype, sharp):
    top = torch.finfo(dtype).max / 8
    points = (POINTS.float() * scale).clamp(-top, top).to(dtype).requires_grad_()
    weights = (WEIGHTS.float() * sharp).softmax(dim=1).to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = lcl_loss(points, LABELS, weights, temperature=0.05)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    if dtype != torch.float16:  # a tiny row's gradient is larger than float16 holds
        assert points.grad.isfinite().all()
        assert weights.grad.isfinite().all()


def test_order_and_scale_do_not_matter():
    order = torch.tensor([3, 1, 5, 0, 4, 2])
    found = lcl_loss(7.5 * POINTS[order], LABELS[order], WEIGHTS[order], options=NONE)
    expected = lcl_loss(POINTS, LABELS, WEIGHTS, options=NONE)[order]
    torch.testing.assert_close(found, expected)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="class_weights"):
        lcl_loss(POINTS, LABELS, WEIGHTS[:3])
    with pytest.raises(ValueError, match=r"labels in \[0, 1\)"):
        lcl_loss(POINTS, LABELS, WEIGHTS[:, :1])
    with pytest.raises(ValueError, match="at least one row"):
        lcl_loss(POINTS[:0], LABELS[:0], WEIGHTS[:0])
    with pytest.raises(ValueError, match="temperature"):
        lcl_loss(POINTS, LABELS, WEIGHTS, temperature=0.0)
    with pytest.raises(ValueError, match="reduction"):
        LabelAwareOptions(reduction="avg")
    with pytest.raises(ValueError, match="no_positive"):
        LabelAwareOptions(no_positive="skip")


SHARES = [slice(0, 4), slice(4, 6)]


def gradients(share: slice, *, gather: bool) -> dict[str, torch.Tensor]:
    points = POINTS[share].clone().requires_grad_()
    weights = WEIGHTS[share].clone().requires_grad_()
    module = LabelAwareContrast(gather=gather, options=LabelAwareOptions(reduction="sum"))
    loss = module(points, LONELY[share], weights)
    found = torch.autograd.grad(loss, (points, weights))
    count = torch.tensor([module.count(LONELY[share])])
    return {"points": found[0], "weights": found[1], "count": count}


def work(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    torch.save(gradients(SHARES[rank], gather=True), f"{out}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.processes
def test_two_processes_have_the_gradient_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    together(work, port, str(tmp_path), world=2)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    whole = gradients(slice(None), gather=False)
    assert sum(part["count"].item() for part in parts) == whole["count"].item() == 5
    for name in ("points", "weights"):
        found = torch.cat([part[name] for part in parts])
        torch.testing.assert_close(found, whole[name], atol=1e-12, rtol=1e-10)
