"""Bottleneck adapters (Houlsby et al. 2019) in the layers of a speech encoder."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["ADAPTER_DEFAULTS", "BottleneckAdapter", "adapter_settings", "add_bottlenecks"]

ADAPTER_DEFAULTS: dict[str, Any] = {"width": 64, "dropout": 0.0}
AFTER = ("out_proj", "output_dense", "fc2")


def adapter_settings(given: dict[str, Any] | None) -> dict[str, Any]:
    """Fill in the defaults.

    Raises:
        ValueError: if a key is unknown or the width is not positive.

    Example:
        >>> adapter_settings({"width": 8})
        {'width': 8, 'dropout': 0.0}
    """
    unknown = set(given or {}) - set(ADAPTER_DEFAULTS)
    if unknown:
        raise ValueError(
            f"unknown key encoder.adapter.{min(unknown)}; there are {', '.join(ADAPTER_DEFAULTS)}"
        )
    settings = {**ADAPTER_DEFAULTS, **(given or {})}
    if settings["width"] < 1:
        raise ValueError(f"encoder.adapter.width is {settings['width']}, expected at least 1")
    return settings


class BottleneckAdapter(nn.Module):
    """``x + up(GELU(down(x)))``, close to ``x`` before training.

    The weights start as a truncated normal of standard deviation 0.01 and the biases at zero, as
    in Houlsby et al. (2019, section 3.6): exact zeros would stop the gradient of ``down``.

    Args:
        dim: width of the features.
        width: of the bottleneck.
        dropout: of the bottleneck's values in training.

    Example:
        >>> import torch
        >>> points = torch.ones(1, 4)
        >>> bool((BottleneckAdapter(4, width=2)(points) - points).abs().max() < 0.01)
        True
    """

    def __init__(self, dim: int, *, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.down, self.up):
            nn.init.trunc_normal_(layer.weight, std=0.01, a=-0.02, b=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, values: Tensor) -> Tensor:
        """Return the shape that came, ``(..., dim)``."""
        inner = nn.functional.gelu(self.down(values))
        added: Tensor = self.up(self.dropout(inner))
        return values + added


class _Adapted(nn.Module):
    """A layer and the adapter after it; ``base_layer`` is the name that peft uses as well."""

    def __init__(self, base_layer: nn.Module, adapter: BottleneckAdapter) -> None:
        super().__init__()
        self.base_layer, self.adapter = base_layer, adapter

    def forward(self, values: Tensor) -> Tensor:
        adapted: Tensor = self.adapter(self.base_layer(values))
        return adapted


def add_bottlenecks(backbone: nn.Module, settings: dict[str, Any]) -> None:
    """Put an adapter after the attention and one after the feed-forward part of every layer.

    Each stands behind the projection back to the layer's width and before the residual sum.
    Where LoRA is wanted too it is added first. Which weights have gradients stays as it was;
    those of the new adapters have.

    Args:
        backbone: with ``out_proj`` and ``output_dense`` or ``fc2`` in each layer.
        settings: width and dropout.

    Raises:
        ValueError: if the backbone has no such layers.
    """
    found = [
        (part, name)
        for part in list(backbone.modules())
        for name in AFTER
        if isinstance(getattr(part, name, None), nn.Module)
    ]
    if not found:
        raise ValueError(
            f"the encoder has no layers {', '.join(AFTER)}: bottleneck adapters do not fit"
        )
    for part, name in found:
        base: Any = getattr(part, name)
        weight = base.weight  # of the layer below, where LoRA lies around it
        adapter = BottleneckAdapter(base.out_features, **settings)
        setattr(part, name, _Adapted(base, adapter.to(weight.device, weight.dtype)))
