"""The adaptive margin (kernel mean information and AKNN) beside a training step of ResNet-18."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives import adaptive_margin
from tests.benchmarks.supcon_step import CLOCK

pytestmark = pytest.mark.benchmark(timer=CLOCK)

BATCH, CRITIC_DIM = 256, 16
PART = 64  # rows at once at 224 pixels, so that a step needs about 3 GB


def test_adaptive_margin(benchmark):
    benchmark.group = "margin"
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(BATCH, CRITIC_DIM, generator=generator, requires_grad=True)
    strong, weak = rows.split(BATCH // 2)
    found = benchmark.pedantic(adaptive_margin, (strong, weak), rounds=40, warmup_rounds=5)
    assert found.shape == (BATCH // 2,)


@pytest.mark.parametrize("pixels", [48, 224])
def test_resnet_step(benchmark, pixels):
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    benchmark.group = "margin"
    torch.manual_seed(0)
    model = models.resnet18(num_classes=2)  # valence, arousal
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    images, targets = torch.randn(BATCH, 3, pixels, pixels), torch.rand(BATCH, 2)
    part = BATCH if pixels < 100 else PART

    def train() -> None:
        optimizer.zero_grad()
        for some, wanted in zip(images.split(part), targets.split(part), strict=True):
            error = torch.nn.functional.mse_loss(model(some), wanted)
            (error * len(some) / BATCH).backward()
        optimizer.step()

    quick = pixels < 100
    benchmark.pedantic(train, rounds=5 if quick else 1, warmup_rounds=int(quick))
