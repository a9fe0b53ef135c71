"""Weights in and out of modules: tied tensors are stored once, a missing one is an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from affectrep.encoders.adapters import plain_name

__all__ = [
    "first_values",
    "is_added",
    "is_base",
    "is_own",
    "load_weights",
    "read_weights",
    "unique_weights",
]


def unique_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous tensors, those that share memory under their first name only.

    Example:
        >>> import torch
        >>> value = torch.ones(2)
        >>> list(unique_weights({"a": value, "b": value}))
        ['a']
    """
    kept: dict[str, Tensor] = {}
    seen: set[tuple[int, int]] = set()
    for key, value in state.items():
        place = (value.data_ptr(), value.numel())
        if value.numel() and place in seen:
            continue
        seen.add(place)
        kept[key] = value.detach().contiguous()
    return kept


def load_weights(
    module: nn.Module,
    weights: dict[str, Tensor],
    *,
    optional: Callable[[str], bool] = lambda key: False,
    assign: bool = False,
) -> None:
    """Load weights into a module; keys that are tied to a loaded one may be absent.

    Args:
        module: receives them.
        weights: by the names of the module's ``state_dict``.
        optional: tells of a key whether it may be absent.
        assign: put the tensors in place of the module's instead of copying.

    Raises:
        ValueError: if weights are absent, unknown or of another shape.
    """
    try:
        report = module.load_state_dict(weights, strict=False, assign=assign)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit the model: {error}") from error
    state = module.state_dict()
    loaded = {state[key].data_ptr() for key in weights if key in state}
    missing = [
        key
        for key in report.missing_keys
        if not optional(key) and state[key].data_ptr() not in loaded
    ]
    if missing or report.unexpected_keys:
        lacks = f"lack {', '.join(missing[:3])}" if missing else ""
        extra = ", ".join(report.unexpected_keys[:3])
        raise ValueError(
            f"the weights do not fit the model: they {lacks or 'hold unknown ' + extra}"
        )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        ValueError: if it is missing or damaged, or must not be read.
    """
    from safetensors.torch import load_file

    try:
        path.open("rb").close()  # safetensors calls a file missing that it may not read
        return load_file(path)
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing: copy the whole folder") from error
    except PermissionError as error:
        raise ValueError(
            f"{path} cannot be read: permission denied; its owner can give it: chmod a+r"
        ) from error
    except Exception as error:  # SafetensorError derives from Exception alone
        raise ValueError(f"{path} cannot be read: {error}") from error


def is_own(key: str) -> bool:
    """Tell whether a weight of a pretrained encoder lies outside its checkpoint, as a pooling's.

    Example:
        >>> is_own("pool.score.weight"), is_own("backbone.layer.weight")
        (True, False)
    """
    return not key.startswith("backbone.")


def is_added(key: str) -> bool:
    """Tell whether a weight belongs to LoRA or to a bottleneck adapter.

    Example:
        >>> is_added("backbone.q.lora_A.default.weight"), is_added("backbone.q.base_layer.weight")
        (True, False)
    """
    return any(part in key for part in (".lora_", ".adapter.down.", ".adapter.up."))


def is_base(key: str) -> bool:
    """Tell whether a weight of a pretrained encoder came with its checkpoint."""
    return not is_own(key) and not is_added(key)


def first_values(backbone: nn.Module) -> dict[str, list[float]]:
    """Return a few values of each weight of a checkpoint, adapters left out, to notice a change.

    Running statistics count as weights: they change in training too.

    Example:
        >>> import torch
        >>> first_values(nn.Linear(2, 1, bias=False).requires_grad_(False)).keys()
        dict_keys(['weight'])
    """
    return {
        plain_name(name): value.detach().flatten()[:4].tolist()
        for name, value in backbone.state_dict().items()
        if not is_added(name)
    }
