"""What several processes must agree on: counts, skipped phases, gradients, starting weights."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

__all__ = ["Processes"]

_Name = TypeVar("_Name", bound=Hashable)


class Processes:
    """The process group, or the one process there is.

    Gradients are reduced by hand after each phase, with no wrapper around the model: a phase
    moves only its own players, and a wrapper would wait for the others' gradients.

    Example:
        >>> Processes().sum_each({"loss": 2.0})
        {'loss': 2.0}
    """

    def __init__(self) -> None:
        active = distributed.is_available() and distributed.is_initialized()
        self.world = distributed.get_world_size() if active else 1
        self.rank = distributed.get_rank() if active else 0

    @property
    def main(self) -> bool:
        """Whether this process writes files and draws the progress bar."""
        return self.rank == 0

    def sum_each(self, numbers: Mapping[_Name, float]) -> dict[_Name, float]:
        """Add up numbers by name; a name that only some processes have is kept."""
        if self.world == 1:
            return dict(numbers)
        everyone: list[Any] = [None] * self.world
        distributed.all_gather_object(everyone, dict(numbers))
        totals: dict[_Name, float] = {}
        for part in everyone:
            for name, value in part.items():
                totals[name] = totals.get(name, 0.0) + value
        return totals

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Add up the gradients of all processes; one without a gradient counts as zero."""
        if self.world == 1:
            return
        missing = [parameter.grad is None for parameter in parameters]
        held = self.sum_each({str(i): 1.0 for i, none in enumerate(missing) if not none})
        for dtype in {parameter.dtype for parameter in parameters}:
            group = [
                parameter
                for i, parameter in enumerate(parameters)
                if parameter.dtype == dtype and str(i) in held
            ]
            if group:
                self._sum_flat(group)

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the values of the first."""
        if self.world > 1:
            for tensor in tensors:
                distributed.broadcast(tensor.data, src=0)

    def share(self, value: Any) -> Any:
        """Return the first process's value on every process."""
        if self.world == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            distributed.barrier()

    def _sum_flat(self, parameters: Sequence[nn.Parameter]) -> None:
        grads = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            for parameter in parameters
        ]
        flat = torch.cat([grad.reshape(-1) for grad in grads])
        distributed.all_reduce(flat)
        sizes = [grad.numel() for grad in grads]
        parts = torch.split(flat, sizes)
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter).clone()
