from __future__ import annotations

import pytest
import torch

from affectrep.encoders.pooling import (
    AttentionPooling,
    cls_pooling,
    mean_pooling,
    pooling_layer,
)

FEATURES = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]])


def test_mean_is_that_of_a_loop() -> None:
    pooled = mean_pooling(FEATURES, MASK)
    for row, length in enumerate([4, 2]):
        expected = sum(FEATURES[row, i] for i in range(length)) / length
        torch.testing.assert_close(pooled[row], expected)
    assert pooled[2].abs().sum() == 0


def test_mean_keeps_half_precision_but_sums_wider() -> None:
    many = torch.full((1, 4096, 1), 1.0, dtype=torch.bfloat16)
    pooled = mean_pooling(many, torch.ones(1, 4096))
    assert pooled.dtype == torch.bfloat16
    assert pooled.item() == 1.0


def test_cls_takes_the_first_token() -> None:
    assert cls_pooling(FEATURES, MASK).equal(FEATURES[:, 0])


def test_attention_starts_as_the_mean_and_learns() -> None:
    pool = AttentionPooling(5)
    pooled = pool(FEATURES[:2], MASK[:2])
    torch.testing.assert_close(pooled, mean_pooling(FEATURES[:2], MASK[:2]))
    pooled.square().sum().backward()
    assert pool.score.weight.grad is not None
    assert pool.score.weight.grad.abs().sum() > 0


def test_attention_is_that_of_a_loop_and_ignores_padding() -> None:
    pool = AttentionPooling(5)
    torch.nn.init.normal_(pool.score.weight)
    changed = FEATURES.clone()
    changed[1, 2:] = 99.0
    for features in (FEATURES, changed):
        scores = pool.score(features[1, :2]).exp()
        expected = (scores * features[1, :2]).sum(0) / scores.sum()
        torch.testing.assert_close(pool(features, MASK)[1], expected)
    assert pool(FEATURES, MASK).isfinite().all()


def test_names() -> None:
    assert pooling_layer("mean", 4) is None
    assert isinstance(pooling_layer("attention", 4), AttentionPooling)
    with pytest.raises(ValueError, match="expected one of mean, cls, attention"):
        pooling_layer("max", 4)
