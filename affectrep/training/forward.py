"""One pass through the model: precision, normalisation mode, random state to replay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from affectrep.batch import Batch, Output

__all__ = ["Precision", "RandomState", "autocast", "forward", "frozen_statistics"]

Precision = Literal["fp32", "bf16", "fp16"]


def forward(
    model: nn.Module,
    batch: Batch,
    *,
    precision: Precision = "fp32",
    norm: Literal["train", "frozen"] = "train",
    grad: bool = True,
) -> Output:
    """Run the model on a batch and return float32 values (float64 stays).

    Args:
        model: maps ``inputs`` to an :class:`Output`.
        batch: on the model's device.
        precision: of the pass under autocast; the loss is computed in float32 in any case.
        norm: "frozen" keeps the running statistics of normalisation layers.
        grad: whether to keep the graph.
    """
    cast = autocast(next(iter(batch.inputs.values())).device.type, precision)
    still = frozen_statistics(model) if norm == "frozen" else contextlib.nullcontext()
    with torch.set_grad_enabled(grad), cast, still:
        output: Output = model(batch.inputs)
    return Output(
        **{
            name: value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
            for name, value in output.tensors().items()
        }
    )


def autocast(device: str, precision: Precision) -> contextlib.AbstractContextManager[None]:
    """Return the context that runs a pass in the given precision on a kind of device."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return torch.autocast(device, dtype=dtype) if dtype else contextlib.nullcontext()


@contextlib.contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Normalise by the batch without moving running statistics.

    Example:
        >>> norm = nn.BatchNorm1d(2)
        >>> with frozen_statistics(norm):
        ...     _ = norm(torch.ones(3, 2) * 5)
        >>> norm.running_mean.tolist(), int(norm.num_batches_tracked)
        ([0.0, 0.0], 0)
    """
    layers = [
        layer
        for layer in model.modules()
        if isinstance(layer, _BatchNorm) and layer.training and layer.track_running_stats
    ]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


class RandomState:
    """The state of the generators that dropout draws from, to run a pass a second time alike."""

    def __init__(self) -> None:
        self.cpu = torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []

    def restore(self) -> None:
        """Set the generators back to this state."""
        torch.set_rng_state(self.cpu)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)
