from __future__ import annotations

import copy

import pytest
import torch

from affectrep.encoders.convolutions import (
    NORMS,
    ConvolutionBlock,
    MaskedBatchNorm,
    MaskedGroupNorm,
    frame_mask,
)

MAPS = torch.randn(3, 8, 7, 4, generator=torch.Generator().manual_seed(0)) * 2 + 1
LENGTHS = torch.tensor([7, 3, 1])
MASK = frame_mask(LENGTHS, 7)


def test_group_norm_is_torchs_on_the_true_frames() -> None:
    norm = MaskedGroupNorm(8)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    found = norm(MAPS, MASK)
    for row, length in enumerate(LENGTHS.tolist()):
        kept = MAPS[row : row + 1, :, :length]
        expected = torch.nn.functional.group_norm(kept, 8, norm.weight, norm.bias)
        torch.testing.assert_close(found[row : row + 1, :, :length], expected)


def test_batch_norm_is_torchs_on_the_true_frames() -> None:
    norm, plain = MaskedBatchNorm(8), torch.nn.BatchNorm1d(8)
    found = norm(MAPS, MASK)
    kept = MAPS.transpose(1, 2)[MASK]
    torch.testing.assert_close(found.transpose(1, 2)[MASK], plain(kept))
    torch.testing.assert_close(norm.norm.running_var, plain.running_var)
    assert found.transpose(1, 2)[~MASK].abs().sum() == 0
    torch.testing.assert_close(norm.eval()(MAPS, MASK).transpose(1, 2)[MASK], plain.eval()(kept))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("pool", [(2, 2), (1, 2), (3, 1)])
def test_more_padding_changes_nothing(norm: str, training: bool, pool: tuple[int, int]) -> None:
    torch.manual_seed(0)
    block = ConvolutionBlock(8, 16, norm=norm, pool=pool).train(training)
    maps = MAPS * MASK[:, None, :, None]
    longer = torch.nn.functional.pad(maps, (0, 0, 0, 5))
    short, lengths = block(maps, LENGTHS)
    long, same = block(longer, LENGTHS)
    assert lengths.tolist() == same.tolist() == [-(-n // pool[0]) for n in LENGTHS.tolist()]
    torch.testing.assert_close(long[:, :, : short.shape[2]], short, atol=1e-6, rtol=1e-5)
    beyond = ~frame_mask(lengths, long.shape[2])
    assert long.transpose(1, 2)[beyond].abs().sum() == 0


@pytest.mark.parametrize("training", [True, False])
def test_block_is_convolution_norm_relu_pool_on_each_clip(training: bool) -> None:
    torch.manual_seed(0)
    block = ConvolutionBlock(8, 16).train(training)
    assert isinstance(block.norm, MaskedBatchNorm)
    torch.nn.init.normal_(block.norm.norm.weight)
    torch.nn.init.normal_(block.norm.norm.bias)
    plain = copy.deepcopy(block.norm.norm)
    leaf = MAPS.clone().requires_grad_()
    maps = leaf * MASK[:, None, :, None]
    found, _ = block(maps, LENGTHS)
    # clip by clip: padding one clip never meets another, and one norm sees all true frames
    parts = [
        block.convolution(maps[row : row + 1, :, :length])
        for row, length in enumerate(LENGTHS.tolist())
    ]
    frames = plain(torch.cat([part.transpose(2, 3) for part in parts], dim=3)).transpose(2, 3)
    weights = torch.randn(found.shape)
    expected, start = torch.zeros(()), 0
    for row, length in enumerate(LENGTHS.tolist()):
        clip = frames[:, :, start : start + length].relu()
        pooled = torch.nn.functional.max_pool2d(clip, 2, ceil_mode=True)[0]
        start += length
        torch.testing.assert_close(found[row, :, : pooled.shape[1]], pooled, atol=1e-5, rtol=1e-4)
        expected = expected + (pooled * weights[row, :, : pooled.shape[1]]).sum()
    gradients = [
        torch.autograd.grad(total, [leaf, block.convolution.weight], retain_graph=True)
        for total in ((found * weights).sum(), expected)
    ]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-3)


def test_clip_alone_is_the_clip_in_a_batch() -> None:
    block = ConvolutionBlock(8, 16, norm="group")
    maps = MAPS * MASK[:, None, :, None]
    together, lengths = block(maps, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, _ = block(maps[row : row + 1, :, :length], LENGTHS[row : row + 1])
        expected = together[row : row + 1, :, : lengths[row]]
        torch.testing.assert_close(alone, expected, atol=1e-6, rtol=1e-5)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="expected one of batch, group"):
        ConvolutionBlock(1, 8, norm="layer")
    with pytest.raises(ValueError, match="divisible by 8, got 12"):
        ConvolutionBlock(1, 12, norm="group")
