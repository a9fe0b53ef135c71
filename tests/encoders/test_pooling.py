from __future__ import annotations

import pytest
import torch

from affectrep.encoders.pooling import (
    AttentionPooling,
    AttentiveStatisticsPooling,
    cls_pooling,
    mean_pooling,
    mean_std_pooling,
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


def test_mean_and_sd_are_those_of_a_loop() -> None:
    pooled = mean_std_pooling(FEATURES, MASK)
    for row, length in enumerate([4, 2]):
        kept = FEATURES[row, :length]
        torch.testing.assert_close(pooled[row, :5], kept.mean(0))
        torch.testing.assert_close(pooled[row, 5:], kept.var(0, unbiased=False).sqrt())
    assert pooled[2, :5].abs().sum() == 0
    assert pooled[2, 5:].max() <= 0.00101


def test_sd_of_far_away_features_is_exact_and_of_one_frame_has_a_gradient() -> None:
    far = FEATURES[:1] + 1000.0
    torch.testing.assert_close(
        mean_std_pooling(far, MASK[:1])[0, 5:], far[0].std(0, unbiased=False), rtol=1e-3, atol=0
    )
    one = FEATURES[:1, :1].clone().requires_grad_()
    mean_std_pooling(one, torch.ones(1, 1)).sum().backward()
    assert one.grad is not None
    assert one.grad.isfinite().all()


def test_statistics_sum_in_float32() -> None:
    many = torch.full((1, 4096, 1), 1.0, dtype=torch.bfloat16)
    pooled = mean_std_pooling(many, torch.ones(1, 4096))
    assert pooled.dtype == torch.bfloat16
    assert pooled[0, 0].item() == 1.0


def statistics_pool() -> AttentiveStatisticsPooling:
    torch.manual_seed(0)
    pool = AttentiveStatisticsPooling(5, hidden=3)
    for parameter in pool.parameters():
        torch.nn.init.normal_(parameter)
    return pool


def test_attentive_statistics_start_unweighted_and_learn() -> None:
    pool = AttentiveStatisticsPooling(5, hidden=3)
    pooled = pool(FEATURES[:2], MASK[:2])
    torch.testing.assert_close(pooled, mean_std_pooling(FEATURES[:2], MASK[:2]))
    pooled.square().sum().backward()
    assert pool.score.weight.grad is not None
    assert pool.score.weight.grad.abs().sum() > 0


def test_attentive_statistics_are_those_of_a_loop() -> None:
    pool = statistics_pool()
    pooled = pool(FEATURES, MASK)
    for row, length in enumerate([4, 2]):
        kept = FEATURES[row, :length]
        context = torch.cat([kept.mean(0), kept.std(0, unbiased=False)])
        scores = torch.stack(
            [pool.score(torch.tanh(pool.frame(frame) + pool.context(context))) for frame in kept]
        )
        weights = scores.exp() / scores.exp().sum(0)
        mean = (weights * kept).sum(0)
        sd = (weights * kept.square()).sum(0).sub(mean.square()).clamp(min=1e-6).sqrt()
        torch.testing.assert_close(pooled[row], torch.cat([mean, sd]), rtol=1e-4, atol=1e-4)
    assert pooled[2, :5].abs().sum() == 0


@pytest.mark.parametrize("filler", [99.0, float("inf"), float("nan")])
def test_attentive_statistics_never_see_padding(filler: float) -> None:
    pool = statistics_pool()
    changed = FEATURES.clone()
    changed[1, 2:] = filler
    for pooling in (pool, mean_std_pooling):
        torch.testing.assert_close(pooling(changed, MASK)[1], pooling(FEATURES, MASK)[1])
        torch.testing.assert_close(
            pooling(FEATURES, MASK)[1:2], pooling(FEATURES[1:2, :2], MASK[1:2, :2])
        )


def test_attentive_statistics_have_a_checked_gradient() -> None:
    pool = statistics_pool().double()
    pool.score.float, mask = None, MASK[:2]  # type: ignore[assignment]
    features = FEATURES[:2].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pool(x, mask), (features,), atol=1e-3, rtol=1e-2)


def test_attentive_statistics_refuse_no_width() -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        AttentiveStatisticsPooling(0)


def test_names() -> None:
    assert pooling_layer("mean", 4) is None
    assert isinstance(pooling_layer("attention", 4), AttentionPooling)
    with pytest.raises(ValueError, match="expected one of mean, cls, attention"):
        pooling_layer("max", 4)
