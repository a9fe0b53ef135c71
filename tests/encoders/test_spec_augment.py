from __future__ import annotations

import pytest
import torch

from affectrep.encoders.spec_augment import SpecAugment

ONES = torch.ones(400, 50, 20)
LENGTHS = torch.tensor([50, 30] * 200)


def masked(augment: SpecAugment) -> torch.Tensor:
    torch.manual_seed(0)
    return augment(ONES, LENGTHS) == 0


def runs(row: torch.Tensor) -> int:
    return int((torch.diff(row.int(), prepend=torch.zeros(1)) == 1).sum())


def test_nothing_happens_in_eval() -> None:
    assert SpecAugment().eval()(ONES, LENGTHS) is ONES


def test_masks_over_time_stay_inside_the_clip_and_the_share() -> None:
    found = masked(SpecAugment(time_masks=2, max_frames=8, frequency_masks=0, max_share=0.2))
    assert (found.any(dim=2) == found.all(dim=2)).all()
    frames = found.all(dim=2)
    assert not frames[1::2, 30:].any()
    assert int(frames[::2].sum(dim=1).max()) == 10
    assert int(frames[1::2].sum(dim=1).max()) == 6
    assert int(frames.sum(dim=1).min()) == 0
    assert max(runs(row) for row in frames) == 2
    # each place inside may be hit, the first and the last frame too
    assert frames[::2].any(dim=0).all()


def test_masks_over_frequency() -> None:
    found = masked(SpecAugment(time_masks=0, frequency_masks=1, max_bins=4))
    assert (found.any(dim=1) == found.all(dim=1)).all()
    bins = found.all(dim=1)
    widths = bins.sum(dim=1)
    assert sorted(set(widths.tolist())) == [0, 1, 2, 3, 4]
    assert bins.any(dim=0).all()
    assert max(runs(row) for row in bins) == 1


def test_clips_have_their_own_masks() -> None:
    found = masked(SpecAugment())
    assert len({row.numpy().tobytes() for row in found}) > 350


def test_seed_decides() -> None:
    assert masked(SpecAugment()).equal(masked(SpecAugment()))


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match=r"max_share in \[0, 1\]"):
        SpecAugment(max_share=1.5)
    with pytest.raises(ValueError, match="at least 0"):
        SpecAugment(time_masks=-1)
