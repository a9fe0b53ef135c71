"""Which precision a machine trains in: bf16 where it multiplies that itself, else fp32."""

from __future__ import annotations

from typing import Any, Literal

import torch

from affectrep.training.forward import Precision

__all__ = ["has_bf16", "settled_precision"]


def settled_precision(wanted: Literal["auto"] | Precision, device: str) -> Precision:
    """Return the precision of a run on a kind of device.

    Args:
        wanted: "auto" takes bf16 where the device has instructions for it, fp32 elsewhere: there
            bf16 is emulated, which makes a step of a ResNet-18 on a processor with AVX2 ten
            times as long as in fp32.
        device: cpu, cuda, …

    Raises:
        ValueError: if fp16 is wanted on a CPU.

    Example:
        >>> settled_precision("fp32", "cpu")
        'fp32'
    """
    if wanted == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    if wanted == "fp16" and device == "cpu":
        raise ValueError("training.precision=fp16 needs a GPU; use auto, bf16 or fp32 on a CPU.")
    return wanted


def has_bf16(device: str) -> bool:
    """Whether a kind of device multiplies bf16 itself.

    A processor of which torch cannot tell counts as one that does not.
    """
    if device == "cuda":
        supported: bool = torch.cuda.is_bf16_supported(including_emulation=False)
        return supported
    if device != "cpu":
        return False
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(found.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
