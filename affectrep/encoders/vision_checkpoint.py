"""Find a vision backbone and read it: hub id, local folder or ``torchvision:<name>[:<file>]``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from affectrep.encoders.checkpoint import (
    commit_of,
    config_of,
    empty_backbone,
    quiet,
    read_weights,
)
from affectrep.encoders.checkpoint_folder import (
    digest_of,
    find_checkpoint,
    in_words,
    read_config,
    reference_to,
    require_same,
)
from affectrep.encoders.image_preprocess import ImagePreprocess
from affectrep.encoders.torchvision_weights import (
    TORCHVISION,
    build_backbone,
    load_backbone,
    split_name,
)

__all__ = ["PretrainedVision", "load_vision", "stored_vision"]

NEEDED = ("config.json", "preprocessor_config.json")
OTHER = f"one of torchvision's networks such as {TORCHVISION}resnet50"
CROPPED_BELOW_PX = 384  # ConvNeXt's processor squeezes larger images without a crop


@dataclass
class PretrainedVision:
    """A vision backbone in memory.

    Args:
        backbone: maps pixels ``(batch, 3, size, size)`` to a transformers output, or to vectors
            where it is torchvision's.
        preprocess: what it expects of an image.
        config: the Hugging Face configuration as JSON values, or name and size of a torchvision
            network, for the model folder.
        reference: how the weights are found again (``checkpoint`` and ``sha256`` or
            ``revision``), None when they have to be stored with the model.
    """

    backbone: nn.Module
    preprocess: ImagePreprocess
    config: dict[str, Any]
    reference: dict[str, str] | None = None


def load_vision(
    checkpoint: str, settings: dict[str, Any] | None = None, *, revision: str | None = None
) -> PretrainedVision:
    """Read configuration, weights (as float32) and what the backbone expects of an image.

    Args:
        checkpoint: hub id, local folder, or ``torchvision:<name>[:<weights file>]``; without a
            file torchvision's weights are drawn.
        settings: of `ImagePreprocess`; they go before those of the checkpoint's image processor.
        revision: branch, tag or commit on the hub.

    Raises:
        ValueError: if the checkpoint cannot be found or read, lacks weights, or reads no images.
    """
    if checkpoint.startswith(TORCHVISION):
        return _load_torchvision(checkpoint, settings)
    location = find_checkpoint(checkpoint, needed=NEEDED)
    with in_words(checkpoint, needed=NEEDED, other=OTHER), quiet():
        from transformers import AutoConfig, AutoImageProcessor

        commit = commit_of(location, revision)
        pinned = commit or revision or "main"  # all files of one state of the repository
        config = AutoConfig.from_pretrained(location, revision=pinned)
        reader: Any = AutoImageProcessor
        try:
            processor = reader.from_pretrained(location, revision=pinned)
        except ImportError as error:
            raise ValueError("it needs torchvision: pip install 'affectrep[face]'") from error
        found = _processor_settings(processor)
        backbone = read_weights(location, config, pinned)
    values = json.loads(config.to_json_string(use_diff=False))
    reference = reference_to(checkpoint, location, commit)
    return PretrainedVision(backbone, _preprocess(settings, found), values, reference)


def stored_vision(folder: Path, reference: dict[str, str] | None) -> PretrainedVision:
    """Read what a model folder holds: with base weights if there is a reference, else without.

    Raises:
        ValueError: if a file is missing, or the base cannot be found or is another now.
    """
    values, preprocess = read_config(folder), ImagePreprocess.load(folder)
    if values.get("model_type") == "torchvision":
        backbone = build_backbone(values["name"], size_px=preprocess.size_px)
        if reference is not None:
            name, path = split_name(reference["checkpoint"])
            _load_file(backbone, name, path, reference)
        return PretrainedVision(backbone, preprocess, values, reference)
    config = config_of(values)
    backbone = empty_backbone(config) if reference is None else _base(config, reference)
    return PretrainedVision(backbone, preprocess, values, reference)


def _load_torchvision(checkpoint: str, settings: dict[str, Any] | None) -> PretrainedVision:
    name, path = split_name(checkpoint)
    preprocess = _preprocess(settings, {})
    backbone, reference = build_backbone(name, size_px=preprocess.size_px), None
    if path is not None:
        _load_file(backbone, name, path, {})
        place = f"{TORCHVISION}{name}:{path.resolve()}"
        reference = {"checkpoint": place, "sha256": digest_of(path)}
    return PretrainedVision(
        backbone, preprocess, {"model_type": "torchvision", "name": name}, reference
    )


def _load_file(
    backbone: nn.Module, name: str, path: Path | None, reference: dict[str, str]
) -> None:
    if path is None or not path.is_file():
        raise ValueError(f"the weights file {path} of {TORCHVISION}{name} does not exist")
    require_same(reference, path)
    load_backbone(backbone, name, path)


def _base(config: Any, reference: dict[str, str]) -> nn.Module:
    checkpoint = reference["checkpoint"]
    location = find_checkpoint(checkpoint, needed=NEEDED)
    require_same(reference, Path(location))
    with in_words(checkpoint, needed=NEEDED, other=OTHER), quiet():
        return read_weights(location, config, reference.get("revision"))


def _preprocess(settings: dict[str, Any] | None, found: dict[str, Any]) -> ImagePreprocess:
    given = {key: value for key, value in (settings or {}).items() if value is not None}
    if "size_px" in given:  # the crop belongs to the size
        found = {key: value for key, value in found.items() if key != "resize_px"}
    preprocess = ImagePreprocess.from_settings({**found, **given})
    if preprocess.frames > 1:
        raise ValueError(
            f"encoder.preprocess.frames is {preprocess.frames}, but vision reads single images: "
            "use video_resnet for clips"
        )
    return preprocess


def _processor_settings(processor: Any) -> dict[str, Any]:
    """Return size, mean and standard deviation of an image processor under our names.

    Raises:
        ValueError: if it makes no squares, or does not scale pixels to [0, 1].
    """
    size, resized = _sizes(processor)
    scale = getattr(processor, "rescale_factor", 1 / 255)
    if abs(scale * 255 - 1) > 1e-3 or getattr(processor, "rescale_offset", False):
        raise ValueError(f"its image processor scales pixels by {scale:g}, expected 1/255")
    normalises = bool(getattr(processor, "do_normalize", True))
    return {
        "size_px": size,
        "resize_px": resized,
        "mean": list(processor.image_mean) if normalises else [0.0] * 3,
        "std": list(processor.image_std) if normalises else [1.0] * 3,
    }


def _sizes(processor: Any) -> tuple[int, int]:
    """Return the side that the backbone reads and the side before the crop, in pixels."""
    resized = _side(processor.size)
    if getattr(processor, "do_center_crop", False) and processor.crop_size:
        size = _side(processor.crop_size)
        return size, max(size, resized)
    share = getattr(processor, "crop_pct", None)
    if share and resized < CROPPED_BELOW_PX:
        return resized, max(resized, int(resized / share))
    return resized, resized


def _side(size: Any) -> int:
    values = size if isinstance(size, int) else dict(size)
    if isinstance(values, int):
        return values
    sides = {value for key, value in values.items() if key in ("height", "width", "shortest_edge")}
    sides.discard(None)
    if len(sides) != 1:
        raise ValueError(f"its image processor makes images of {values}, expected squares")
    return int(sides.pop())
