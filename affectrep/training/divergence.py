"""A run that diverges stops in words, before its weights are NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence

from affectrep.objectives.phase import Phase, Term

__all__ = ["DivergedError", "exploded", "explosion_words", "stop_words"]

LOWER_RATES = (
    "Likely mends: lower learning rates (optimizer.encoder_lr, optimizer.head_lr, "
    "optimizer.adversary_lr), or clipped gradients (optimizer.max_grad_norm=1)."
)


class DivergedError(ValueError):
    """A loss or a gradient has exploded; the weights are those from before the step's phase."""


def exploded(
    terms: Sequence[Term], *, largest: float = 1e6, tolerant: bool = False
) -> dict[str, float]:
    """Return the terms whose value is too large, of either sign, or not finite, by name.

    Args:
        terms: of a phase.
        largest: its limit; every loss here is a mean of about unit size, unless it has no bound.
        tolerant: values that are not finite are the loss scaler's affair (fp16).

    Example:
        >>> import torch
        >>> exploded([Term("critic", torch.tensor(-2e6), 8), Term("other", torch.tensor(3.0), 8)])
        {'critic': -2000000.0}
    """
    found = {term.name: float(term.value.detach()) for term in terms}
    return {
        name: value
        for name, value in found.items()
        if not (math.isfinite(value) or tolerant) or largest < abs(value) < math.inf
    }


def explosion_words(phase: Phase, name: str, value: float) -> str:
    """Return what exploded and what to change.

    Example:
        >>> phase = Phase("critic", lambda output, batch, carry: None, advice="Set hinge=true.")
        >>> explosion_words(phase, "critic", -2e6)
        'phase critic, term critic is -2e+06, beyond 1e+06. Set hinge=true.'
    """
    what = "gradient norm" if name == "grad_norm" else f"term {name}"
    limit = f", beyond {phase.largest_loss:.3g}" if math.isfinite(value) else ""
    return f"phase {phase.name}, {what} is {value:.3g}{limit}. {phase.advice or LOWER_RATES}"


def stop_words(words: str, *, step: int, epoch: int, best_epoch: int) -> str:
    """Return the sentence that the run ends with; steps and epochs count from 1, best 0: none.

    Example:
        >>> stop_words("phase main, gradient norm is inf.", step=7, epoch=2, best_epoch=1)
        'training diverged in step 7 (epoch 2): phase main, gradient norm is inf. The weights of \
the best epoch, 1, are kept.'
    """
    kept = (
        f"The weights of the best epoch, {best_epoch}, are kept."
        if best_epoch
        else "No epoch was finished before, so there is no model to keep."
    )
    return f"training diverged in step {step} (epoch {epoch}): {words} {kept}"
