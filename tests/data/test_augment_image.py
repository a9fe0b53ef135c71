from __future__ import annotations

import numpy as np
import pytest
import torch

from affectrep.data.augment_image import (
    crop_and_flip,
    draw_numbers,
    mix_images,
    mixing_share,
    rand_augment,
)
from tests.data.pictures import noise

PIXELS = noise(7, 7).transpose(2, 0, 1)


def test_draws_are_even_and_independent():
    drawn = np.array([draw_numbers(4, "x", 0, row) for row in range(4000)])
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.06
    with pytest.raises(ValueError, match="at most 4"):
        draw_numbers(5, "x")


def test_every_place_of_a_crop_comes_up_and_nothing_is_padded():
    places = {
        crop_and_flip(PIXELS, 5, place=(top, left), flipped=False).tobytes()
        for top in np.linspace(0, 0.999, 9)
        for left in np.linspace(0, 0.999, 9)
    }
    expected = {PIXELS[:, y : y + 5, x : x + 5].tobytes() for y in range(3) for x in range(3)}
    assert places == expected


def test_a_clip_is_cropped_and_mirrored_alike():
    clip = np.stack([PIXELS, 255 - PIXELS])
    found = crop_and_flip(clip, 4, place=(0.5, 0.9), flipped=True)
    assert np.array_equal(found[0], PIXELS[:, 2:6, 3:7][..., ::-1])
    assert np.array_equal(found[1], 255 - found[0])
    found[:] = 0
    assert PIXELS.any()


def test_a_crop_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match=r"at least 8 px to crop from, got 7 x 7: raise resize_px"):
        crop_and_flip(PIXELS, 8, place=(0, 0), flipped=False)


def test_shares_follow_beta_and_favour_the_own_row():
    shares = np.array([mixing_share(0.4, "seed", row) for row in range(3000)])
    assert shares.min() >= 0.5
    assert shares.max() <= 1
    drawn = np.random.default_rng(0).beta(0.4, 0.4, 200_000)
    expected = np.maximum(drawn, 1 - drawn)
    assert abs(shares.mean() - expected.mean()) < 0.01
    assert abs(shares.std() - expected.std()) < 0.01


def test_mixing_is_a_weighted_mean():
    own, other = noise(seed=1), noise(seed=2)
    expected = np.rint(0.7 * own.astype(float) + 0.3 * other.astype(float))
    found = mix_images(own, other, 0.7)
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 1
    assert np.array_equal(mix_images(own, other, 1.0), own)


def test_rand_augment_is_set_by_its_draw_alone():
    pytest.importorskip("torchvision")
    image = torch.from_numpy(noise(24, 24).transpose(2, 0, 1).copy())
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = rand_augment(image, 9, draw=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(rand_augment(image, 9, draw=3), first)
    assert first.shape == image.shape
    assert first.dtype == torch.uint8
    others = [rand_augment(image, 9, draw=draw) for draw in range(12)]
    assert sum(torch.equal(other, image) for other in others) < 6
    assert len({other.numpy().tobytes() for other in others}) > 6


def test_rand_augment_changes_the_frames_of_a_clip_alike():
    pytest.importorskip("torchvision")
    image = torch.from_numpy(noise(24, 24).transpose(2, 0, 1).copy())
    for draw in range(8):
        first, second = rand_augment(torch.stack([image, image]), 12, draw=draw)
        assert torch.equal(first, second)
