"""Vision backbones of a few thousand weights, written to a folder as the hub would hold them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

PATCHES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8}
PATCHES |= {"image_size": 32, "intermediate_size": 24}
KINDS: dict[str, dict[str, Any]] = {
    "vit": PATCHES,
    "dinov2": {**PATCHES, "mlp_ratio": 2},
    "clip_vision_model": PATCHES,
    "convnext": {"hidden_sizes": [8, 8, 16, 24], "depths": [1, 1, 1, 1], "image_size": 32},
    "swin": {
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "patch_size": 4,
        "window_size": 4,
        "image_size": 32,
    },
    "resnet": {
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "layer_type": "basic",
    },
}
PROCESSOR: dict[str, Any] = {
    "image_processor_type": "ViTImageProcessor",
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
    "rescale_factor": 1 / 255,
    "size": {"height": 32, "width": 32},
}


def tiny_vision(folder: Path, kind: str = "vit", processor: dict[str, Any] | None = None) -> str:
    """Write a checkpoint with drawn weights."""
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model(kind, **KINDS[kind]))
    with torch.no_grad():  # drawn weights are small: layers would hardly matter
        for value in model.parameters():
            if value.dim() > 1:
                value.normal_(std=0.3)
    model.save_pretrained(folder)
    values = json.dumps(PROCESSOR | (processor or {}))
    (folder / "preprocessor_config.json").write_text(values, encoding="utf-8")
    return str(folder)


def faces(count: int = 3, side: int = 32, *, frames: int = 1) -> list[torch.Tensor]:
    """Return noise in place of faces, uint8."""
    generator = torch.Generator().manual_seed(1)
    shape = (3, side, side) if frames == 1 else (frames, 3, side, side)
    drawn = [torch.randint(0, 256, shape, generator=generator) for _ in range(count)]
    return [image.to(torch.uint8) for image in drawn]


def stir(encoder: torch.nn.Module) -> None:
    """Move every trainable weight, as training would: LoRA starts without effect."""
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in encoder.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn_like(weight))
