"""Low-rank adaptation (LoRA, Hu et al. 2022) through peft, and its folding into the weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "LORA_DEFAULTS",
    "SPEECH_LORA_DEFAULTS",
    "add_lora",
    "fold_lora",
    "lora_settings",
    "plain_name",
    "speech_targets",
]

LORA_DEFAULTS: dict[str, Any] = {
    "rank": 16,
    "alpha": 32.0,
    "dropout": 0.0,
    "targets": ["query", "key", "value", "dense"],
}

SPEECH_LORA_DEFAULTS: dict[str, Any] = {**LORA_DEFAULTS, "targets": ["q", "k", "v", "out"]}
SPEECH_TARGETS = {
    "q": ("q_proj",),
    "k": ("k_proj",),
    "v": ("v_proj",),
    "out": ("out_proj",),
    "ff_in": ("intermediate_dense", "fc1"),
    "ff_out": ("output_dense", "fc2"),
}

DOWN, UP, BASE = ".lora_A.default.weight", ".lora_B.default.weight", ".base_layer"


def lora_settings(
    given: dict[str, Any] | None, defaults: dict[str, Any] = LORA_DEFAULTS
) -> dict[str, Any]:
    """Fill in the defaults.

    Args:
        given: the keys that a caller sets.
        defaults: `LORA_DEFAULTS` for text, `SPEECH_LORA_DEFAULTS` for speech.

    Raises:
        ValueError: if a key is unknown.

    Example:
        >>> lora_settings({"rank": 4})["alpha"]
        32.0
    """
    unknown = set(given or {}) - set(LORA_DEFAULTS)
    if unknown:
        raise ValueError(
            f"unknown key encoder.lora.{min(unknown)}; there are {', '.join(LORA_DEFAULTS)}"
        )
    return {**defaults, **(given or {})}


def speech_targets(names: list[str]) -> list[str]:
    """Return the layers that our short names mean in wav2vec2, WavLM, HuBERT and Whisper.

    Raises:
        ValueError: if a name is unknown or there is none.

    Example:
        >>> speech_targets(["q", "out"])
        ['q_proj', 'out_proj']
    """
    unknown = [name for name in names if name not in SPEECH_TARGETS]
    if unknown or not names:
        raise ValueError(
            f"encoder.lora.targets {names}: expected some of {', '.join(SPEECH_TARGETS)}"
        )
    return [layer for name in names for layer in SPEECH_TARGETS[name]]


def plain_name(key: str) -> str:
    """Return the name that a weight has in the checkpoint, without the adapters around it.

    Example:
        >>> plain_name("layers.0.attention.out_proj.base_layer.base_layer.weight")
        'layers.0.attention.out_proj.weight'
    """
    return key.replace(BASE, "")


def add_lora(backbone: nn.Module, settings: dict[str, Any]) -> None:
    """Put adapters into the backbone in place; after it only they have gradients.

    Dropout of the base layers follows ``train()`` and ``eval()`` as in full fine-tuning.

    Raises:
        ValueError: if no layer of the backbone has one of the target names.
    """
    targets = list(settings["targets"])
    layers = {name.rsplit(".", 1)[-1] for name, _ in _linear_layers(backbone)}
    if not layers & set(targets):
        raise ValueError(
            f"encoder.lora.targets {targets} name no layer of this encoder; "
            f"it has {', '.join(sorted(layers))}"
        )
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=[name for name in targets if name in layers],
    )
    inject_adapter_in_model(config, backbone)


def _linear_layers(backbone: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, part) for name, part in backbone.named_modules() if isinstance(part, nn.Linear)]


def fold_lora(state: dict[str, Tensor], settings: dict[str, Any]) -> dict[str, Tensor]:
    """Return weights in which ``W + alpha / rank * B A`` replaces W and its adapters.

    With them the plain backbone gives what the adapted one gives in ``eval()``, and peft, whose
    import takes seconds, is not needed.

    Args:
        state: the backbone's weights; those of an adapted layer may be called ``x.weight`` or
            ``x.base_layer.weight``.
        settings: rank and alpha.

    Example:
        >>> layer = {"x.weight": torch.zeros(1, 1), "x" + DOWN: torch.ones(1, 1),
        ...          "x" + UP: torch.ones(1, 1)}
        >>> fold_lora(layer, {"rank": 1, "alpha": 2.0})
        {'x.weight': tensor([[2.]])}
    """
    scale = settings["alpha"] / settings["rank"]
    folded = {plain_name(key): value for key, value in state.items() if ".lora_" not in key}
    with torch.no_grad():
        for key in state:
            if key.endswith(DOWN):
                name = key.removesuffix(DOWN)
                delta = state[name + UP].float() @ state[key].float()
                target = plain_name(name) + ".weight"
                weight = folded[target]
                folded[target] = (weight.float() + scale * delta).to(weight.dtype)
    return folded
