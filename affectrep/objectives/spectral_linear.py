"""A linear layer divided by its largest singular value."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SpectralLinear"]

FIRST_STEPS = 15  # of the power iteration, so that the first forward is already near the norm


class SpectralLinear(nn.Module):
    """A linear layer whose weight has spectral norm 1: outputs move no further than inputs.

    Unlike ``torch.nn.utils.parametrizations.spectral_norm`` the power iteration moves on only in
    training *with* a graph: scoring candidates without one leaves no trace, so processes that
    score different numbers of pairs keep the same norm. Weights of half precision are used in the
    inputs' precision.

    Args:
        inputs: size of a row.
        outputs: size of the result.
        spectral: False makes it a plain linear layer.

    Source: Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks,
    Algorithm 1.

    Example:
        >>> layer = SpectralLinear(3, 1)
        >>> with torch.no_grad():
        ...     _ = layer.linear.weight.fill_(7.0), layer.linear.bias.zero_()
        >>> round(layer(torch.eye(3)).square().sum().item(), 4)
        1.0
    """

    direction: Tensor

    def __init__(self, inputs: int, outputs: int, *, spectral: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.spectral = spectral
        self.register_buffer("direction", functional.normalize(torch.randn(outputs), dim=0))
        for _ in range(FIRST_STEPS if spectral else 0):
            self._step(self.linear.weight)

    def forward(self, rows: Tensor) -> Tensor:
        """Return ``(rows, outputs)`` of ``(rows, inputs)``."""
        weight, bias = self.linear.weight.to(rows.dtype), self.linear.bias.to(rows.dtype)
        if self.spectral:
            if self.training and torch.is_grad_enabled():
                self._step(weight)
            # a copy: the next forward moves the buffer before this one's backward has run
            norm = torch.linalg.vector_norm(weight.T @ self.direction.to(rows.dtype, copy=True))
            weight = weight / norm.clamp(min=1e-12)
        return functional.linear(rows, weight, bias)

    @torch.no_grad()
    def _step(self, weight: Tensor) -> None:
        direction = self.direction.to(weight.dtype)
        ahead = functional.normalize(weight @ (weight.T @ direction), dim=0)
        # a zero weight would lose the direction for good
        self.direction.copy_(torch.where(ahead.any(), ahead, direction))
