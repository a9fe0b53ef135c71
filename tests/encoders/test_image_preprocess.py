from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectrep.encoders.image_preprocess import IMAGENET_MEAN, IMAGENET_STD, ImagePreprocess
from tests.encoders.tiny_vision import faces


def test_the_centre_is_cut_out_and_normalised() -> None:
    preprocess = ImagePreprocess(size_px=8, resize_px=11)
    image = faces(1, 11)[0]
    found = preprocess([image])["pixels"]
    assert found.dtype == torch.float32
    assert found.shape == (1, 3, 8, 8)
    assert found.is_contiguous()
    for channel in range(3):
        for y in (0, 3, 7):
            raw = np.asarray(image)[channel, y + 1, 1:9] / 255
            expected = (raw - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
            np.testing.assert_allclose(found[0, channel, y], expected, atol=2e-6)


def test_it_agrees_with_torchvision() -> None:
    transforms = pytest.importorskip("torchvision.transforms.v2")
    reference = transforms.Compose(
        [
            transforms.CenterCrop(224),
            transforms.ToDtype(torch.float32, scale=True),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    image = faces(1, 256)[0]
    found = ImagePreprocess(size_px=224, resize_px=256)([image])["pixels"][0]
    torch.testing.assert_close(found, reference(image), atol=2e-6, rtol=1e-5)


def test_images_of_several_sizes_and_one_of_the_right_size() -> None:
    preprocess = ImagePreprocess(size_px=8)
    images = [faces(1, 8)[0], faces(1, 9)[0], faces(1, 20)[0][:, 3:, :]]
    assert preprocess(images)["pixels"].shape == (3, 3, 8, 8)
    alone = ImagePreprocess(size_px=8)([images[2]])["pixels"][0]
    assert preprocess(images)["pixels"][2].equal(alone)


def test_a_clip_keeps_its_frames_apart() -> None:
    preprocess = ImagePreprocess(size_px=8, resize_px=10, frames=4)
    clip = faces(1, 10, frames=4)[0]
    found = preprocess([clip, clip])["pixels"]
    assert found.shape == (2, 3, 4, 8, 8)
    single = ImagePreprocess(size_px=8, resize_px=10)
    for frame in range(4):
        assert found[0, :, frame].equal(single([clip[frame]])["pixels"][0])


def test_an_image_is_left_as_it_was() -> None:
    image = faces(1, 8)[0]
    before = image.clone()
    ImagePreprocess(size_px=8)([image])
    assert image.equal(before)


def test_equal_settings_have_one_key_and_survive_a_folder(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"size_px": 48, "mean": [0.5, 0.5, 0.5], "margin": 0, "frames": 2}
    first = ImagePreprocess.from_settings({**settings, "std": None, "detector": "cascade"})
    first.save(tmp_path)
    again = ImagePreprocess.load(tmp_path)
    assert again == first == pickle.loads(pickle.dumps(first))
    assert again.key == first.key == ImagePreprocess.from_settings(first.settings()).key
    assert (first.resize_px, first.std, first.margin) == (48, IMAGENET_STD, 0.0)
    assert (first.detector, first.mean) == ("cascade", (0.5, 0.5, 0.5))
    for change in ({"margin": 0.1}, {"size_px": 47}, {"detector": "none"}, {"frames": 1}):
        other = ImagePreprocess.from_settings({**first.settings(), **change})
        assert other != first
        assert other.key != first.key
    assert ImagePreprocess.from_settings(None) == ImagePreprocess()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 3}, r"unknown key encoder\.preprocess\.size; there is size_px"),
        ({"size_px": 4}, "size_px is 4, expected at least 8"),
        ({"size_px": 48, "resize_px": 40}, "resize_px is 40, expected at least size_px, 48"),
        ({"mean": [0.5]}, r"mean is \(0.5,\), expected one value for red"),
        ({"std": [0.5, 0.0, 0.5]}, "expected a value above 0"),
        ({"frames": 0}, "frames is 0, expected at least 1"),
        ({"margin": -0.1}, "margin is -0.1, expected at least 0"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImagePreprocess.from_settings(settings)


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(3, 8, 7, dtype=torch.uint8),
        torch.zeros(8, 8, 3, dtype=torch.uint8),
        torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
    ],
)
def test_other_images_are_refused(image: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 images of shape \(3, 8, 8\) or larger"):
        ImagePreprocess(size_px=8)([image])
    with pytest.raises(ValueError, match="at least one image"):
        ImagePreprocess(size_px=8)([])


def test_a_folder_that_is_not_complete(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing"):
        ImagePreprocess.load(tmp_path)
    path = tmp_path / "preprocess.json"
    path.write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="cannot be read"):
        ImagePreprocess.load(tmp_path)
    path.write_text(json.dumps({"kind": "logmel", "version": 1}), encoding="utf-8")
    with pytest.raises(ValueError, match="of logmel version 1, expected image version 1"):
        ImagePreprocess.load(tmp_path)
