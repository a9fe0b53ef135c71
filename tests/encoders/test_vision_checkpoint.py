from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from affectrep.encoders.image_preprocess import IMAGENET_MEAN
from affectrep.encoders.vision_checkpoint import load_vision, stored_vision
from tests.encoders.tiny_vision import PROCESSOR, tiny_vision

pytest.importorskip("torchvision")  # image processors need it


@pytest.mark.parametrize(
    ("processor", "sizes"),
    [
        ({}, (32, 32)),
        ({"size": {"shortest_edge": 40}, "do_center_crop": True, "crop_size": 32}, (32, 40)),
        ({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32},
          "crop_pct": 0.5}, (32, 64)),
    ],
)  # fmt: skip
def test_sizes_come_from_the_image_processor(
    processor: dict[str, Any], sizes: tuple[int, int], tmp_path: Path
) -> None:
    if "do_center_crop" in processor:
        processor = {**processor, "image_processor_type": "CLIPImageProcessor"}
    preprocess = load_vision(tiny_vision(tmp_path, processor=processor)).preprocess
    assert (preprocess.size_px, preprocess.resize_px) == sizes
    assert preprocess.mean == tuple(PROCESSOR["image_mean"])
    assert preprocess.std == tuple(PROCESSOR["image_std"])


def test_settings_go_before_the_processors(tmp_path: Path) -> None:
    folder = tiny_vision(tmp_path, processor={"do_normalize": False})
    assert load_vision(folder).preprocess.mean == (0.0, 0.0, 0.0)
    given = {"size_px": 40, "mean": list(IMAGENET_MEAN), "std": None, "margin": 0.1}
    preprocess = load_vision(folder, given).preprocess
    assert (preprocess.size_px, preprocess.resize_px) == (40, 40)
    assert (preprocess.mean, preprocess.std) == (IMAGENET_MEAN, (1.0, 1.0, 1.0))
    assert preprocess.margin == 0.1


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        ({"size": {"height": 32, "width": 40}}, "expected squares"),
        ({"rescale_factor": 1 / 127.5}, "scales pixels by 0.00784314, expected 1/255"),
    ],
)
def test_processors_of_another_kind_are_refused(
    processor: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        load_vision(tiny_vision(tmp_path, processor=processor))


def test_folders_that_are_not_complete(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"folder /nowhere/vit does not exist: give a folder with"):
        load_vision("/nowhere/vit")
    folder = Path(tiny_vision(tmp_path / "vit"))
    (folder / "model.safetensors").rename(folder / "away")
    with pytest.raises(ValueError, match="cannot be used"):
        load_vision(str(folder))
    (folder / "away").rename(folder / "model.safetensors")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match=r"has no preprocessor_config\.json: give a folder"):
        load_vision(str(folder))
    with pytest.raises(ValueError, match="is no local folder and cannot be read from the Hugging"):
        load_vision("nobody/no-such-vision-model")
    with pytest.raises(ValueError, match="model folder is not complete"):
        stored_vision(tmp_path, None)


def test_a_text_model_is_refused(tmp_path: Path) -> None:
    from affectrep.encoders.vision import VisionEncoder
    from tests.encoders.tiny import tiny_checkpoint

    folder = Path(tiny_checkpoint(tmp_path))
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR), encoding="utf-8")
    with pytest.raises(ValueError, match="bert backbone cannot encode images"):
        VisionEncoder(str(folder))


def test_changed_base_weights_are_noticed(tmp_path: Path) -> None:
    folder = tiny_vision(tmp_path / "vit")
    found = load_vision(folder)
    found.preprocess.save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(found.config), encoding="utf-8")
    assert found.reference is not None
    again = stored_vision(tmp_path, found.reference)
    assert again.backbone.state_dict().keys() == found.backbone.state_dict().keys()
    weights = Path(folder) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"1234")
    with pytest.raises(ValueError, match="other weights are there now: put those back"):
        stored_vision(tmp_path, found.reference)


def test_without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(ValueError, match=r"resnet50 needs torchvision: pip install 'affectrep\["):
        load_vision("torchvision:resnet50")
