"""Classification backbones of torchvision without their classifier, weights from a local file."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affectrep.encoders.weights import load_weights, read_weights

__all__ = ["TORCHVISION", "build_backbone", "load_backbone", "split_name"]

TORCHVISION = "torchvision:"
# classifiers in the middle of the network that only help its own training
AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}


def split_name(checkpoint: str) -> tuple[str, Path | None]:
    """Return the name of the network and its weights file, None for drawn weights.

    Example:
        >>> split_name("torchvision:resnet50")
        ('resnet50', None)
    """
    name, _, file = checkpoint.removeprefix(TORCHVISION).partition(":")
    return name, Path(file).expanduser() if file else None


def build_backbone(name: str, *, size_px: int) -> nn.Module:
    """Build a network with drawn weights whose last linear layer lets its input through.

    Args:
        name: as torchvision calls it, such as resnet50 or vit_b_16.
        size_px: side of the images, which vision transformers are built for.

    Raises:
        ValueError: if torchvision is absent, has no such network, or it ends in no linear layer.
    """
    try:
        models = import_module("torchvision.models")
    except ImportError as error:
        raise ValueError(
            f"{TORCHVISION}{name} needs torchvision: pip install 'affectrep[face]'"
        ) from error
    names = models.list_models(module=models)
    if name not in names:
        near = get_close_matches(name, names, n=3) or ["resnet18", "convnext_tiny", "vit_b_16"]
        raise ValueError(f"torchvision has no {name}; it has {', '.join(near)} and others")
    options: dict[str, Any] = {}
    if name.startswith("vit_"):
        options["image_size"] = size_px
    if name in AUXILIARY:
        options |= {"aux_logits": False, "init_weights": True}
    try:
        network = models.get_model(name, weights=None, **options)
    except (ValueError, AssertionError) as error:  # vision transformers assert their patches fit
        raise ValueError(
            f"{TORCHVISION}{name} cannot be built for images of {size_px} px: {error}"
        ) from error
    assert isinstance(network, nn.Module)
    network.set_submodule(_classifier(network, name), nn.Identity())
    return network


def load_backbone(backbone: nn.Module, name: str, path: Path) -> None:
    """Load a file as torchvision publishes it: safetensors, or a state dictionary of PyTorch.

    Weights of a classifier, for however many classes, are passed over.

    Raises:
        ValueError: if the file is missing or damaged, or its weights are another network's.
    """
    state = read_weights(path) if path.suffix == ".safetensors" else _read_pickled(path)
    left_out = (*AUXILIARY.get(name, ()), *_ends(backbone))
    kept = {key: value for key, value in state.items() if not key.startswith(left_out)}
    try:
        load_weights(backbone, kept)
    except ValueError as error:
        raise ValueError(f"{path} does not hold the weights of {name}: {error}") from error


def _classifier(network: nn.Module, name: str) -> str:
    """Return the name of the last linear layer, with which every classifier but one ends."""
    found: list[str] = [key for key, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not found:
        raise ValueError(f"{TORCHVISION}{name} ends in no linear layer: choose another network")
    return found[-1]


def _ends(backbone: nn.Module) -> tuple[str, ...]:
    """Return the names of layers without weights, the classifier's among them."""
    return tuple(f"{key}." for key, part in backbone.named_modules() if type(part) is nn.Identity)


def _read_pickled(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {str(key): value for key, value in state.items() if isinstance(value, Tensor)}
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing: give a weights file of torchvision") from error
    except Exception as error:  # a torn file raises whatever its bytes happen to mean
        raise ValueError(f"{path} cannot be read as PyTorch weights: {error}") from error
