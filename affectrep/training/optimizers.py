"""One optimizer per name that phases give: AdamW groups, schedule, clipping."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from affectrep.objectives.phase import Phase

Schedule = Literal["constant", "linear", "cosine", "step"]

__all__ = ["OptimizerSettings", "PhaseOptimizer", "build_optimizers", "schedule_factor"]


@dataclass(frozen=True)
class OptimizerSettings:
    """Learning rates per kind of player, weight decay, schedule and clipping.

    An optimizer that moves no part of the model (a critic's, a discriminator's) is an adversary's:
    it has ``adversary_lr`` and ``adversary_betas``; all others have ``betas``. One that moves the
    model under another name than "main" (an adversarial step on the encoder) runs at
    ``adversarial_lr_factor`` times the main rates: AdamW does not see the scale of a loss, so the
    rate has to carry it. An objective's own part that learns beside the model (a domain head, a
    threshold) counts as a head.
    """

    encoder_lr: float = 5e-5
    head_lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    adversary_lr: float = 1e-4
    adversary_betas: tuple[float, float] = (0.5, 0.9)
    adversarial_lr_factor: float = 0.1
    weight_decay: float = 0.01
    schedule: Schedule = "linear"
    warmup_fraction: float = 0.06
    decay_factor: float = 0.8
    decay_fraction: float = 0.2
    max_grad_norm: float | None = 1.0

    def rate(self, player: str, *, name: str, adversary: bool) -> float:
        """Return the peak learning rate of a player in the optimizer ``name``."""
        if adversary:
            return self.adversary_lr
        peak = self.encoder_lr if player == "encoder" else self.head_lr
        return peak if name == "main" else peak * self.adversarial_lr_factor

    def factor(self, done: float) -> float:
        """Return the factor on the peak learning rates after a share ``done`` of training."""
        if self.schedule == "step" and done >= self.warmup_fraction:
            # a boundary is reached by a sum of steps: a rounding error must not delay it
            return self.decay_factor ** math.floor(done / self.decay_fraction + 1e-9)
        return schedule_factor(done, schedule=self.schedule, warmup=self.warmup_fraction)


class PhaseOptimizer:
    """AdamW over the parameters of some players, with the learning rates' schedule.

    Args:
        groups: AdamW parameter groups, each with its peak ``lr``.
        settings: schedule and clipping.
        betas: of AdamW.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        settings: OptimizerSettings,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.settings = settings
        self.optimizer = torch.optim.AdamW(groups, betas=betas, fused=_fusable(groups))
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]

    def progress(self, done: float) -> None:
        """Set the learning rates for the share of training done, in [0, 1]."""
        factor = self.settings.factor(done)
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor

    def step(self, parameters: Sequence[nn.Parameter], scaler: GradScaler) -> float:
        """Clip, move the parameters that have a gradient, clear it; return the gradient's norm.

        Nothing moves by a gradient that is not finite.
        """
        scaler.unscale_(self.optimizer)
        limit = self.settings.max_grad_norm
        largest = math.inf if limit is None else limit
        norm = float(nn.utils.clip_grad_norm_(parameters, largest))
        if math.isfinite(norm) or scaler.is_enabled():  # the scaler looks for itself
            scaler.step(self.optimizer)
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def state_dict(self) -> dict[str, Any]:
        """Return the moments."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from saved moments."""
        self.optimizer.load_state_dict(state)


def schedule_factor(done: float, *, schedule: Schedule, warmup: float) -> float:
    """Return the factor on the peak learning rate after a share ``done`` of training.

    Example:
        >>> [round(schedule_factor(x, schedule="linear", warmup=0.1), 2) for x in (0.05, 0.1, 0.55)]
        [0.5, 1.0, 0.5]
    """
    if done < warmup:
        return done / warmup
    rest = min((done - warmup) / max(1.0 - warmup, 1e-12), 1.0)
    if schedule == "linear":
        return 1.0 - rest
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * rest))
    return 1.0


def build_optimizers(
    phases: Sequence[Phase],
    players: Mapping[str, nn.Module],
    settings: OptimizerSettings,
) -> dict[str, PhaseOptimizer]:
    """Return one optimizer for each name, over the players of all phases that give that name."""
    names = dict.fromkeys(phase.optimizer for phase in phases)
    built = {}
    for name in names:
        moved = dict.fromkeys(
            player for phase in phases if phase.optimizer == name for player in phase.updates
        )
        adversary = not {"encoder", "heads"} & set(moved)
        groups = [
            group
            for player in moved
            for group in _groups(
                players[player],
                settings.rate(player, name=name, adversary=adversary),
                # a second optimizer on the encoder must not decay it twice a step
                settings.weight_decay if adversary or name == "main" else 0.0,
            )
        ]
        betas = settings.adversary_betas if adversary else settings.betas
        built[name] = PhaseOptimizer(groups, settings, betas=betas)
    return built


def _groups(module: nn.Module, rate: float, weight_decay: float) -> list[dict[str, Any]]:
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in trained if parameter.ndim > 1]
    vectors = [parameter for parameter in trained if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "lr": rate, "weight_decay": weight_decay},
        {"params": vectors, "lr": rate, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _fusable(groups: list[dict[str, Any]]) -> bool:
    parameters = [parameter for group in groups for parameter in group["params"]]
    return bool(parameters) and all(
        parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda")
        for parameter in parameters
    )
