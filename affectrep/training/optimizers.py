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

__all__ = ["OptimizerSettings", "PhaseOptimizer", "build_optimizers", "schedule_factor"]


@dataclass(frozen=True)
class OptimizerSettings:
    """Learning rates per kind of player, weight decay, schedule and clipping."""

    encoder_lr: float = 5e-5
    head_lr: float = 1e-3
    adversary_lr: float = 1e-4
    weight_decay: float = 0.01
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    warmup_fraction: float = 0.06
    max_grad_norm: float | None = 1.0

    def rate(self, player: str) -> float:
        """Return the peak learning rate of a player."""
        return {"encoder": self.encoder_lr, "heads": self.head_lr}.get(player, self.adversary_lr)


class PhaseOptimizer:
    """AdamW over the parameters of some players, with the learning rates' schedule.

    Args:
        groups: AdamW parameter groups, each with its peak ``lr``.
        settings: schedule and clipping.
    """

    def __init__(self, groups: list[dict[str, Any]], settings: OptimizerSettings) -> None:
        self.settings = settings
        self.optimizer = torch.optim.AdamW(groups, fused=_fusable(groups))
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]

    def progress(self, done: float) -> None:
        """Set the learning rates for the share of training done, in [0, 1]."""
        factor = schedule_factor(
            done, schedule=self.settings.schedule, warmup=self.settings.warmup_fraction
        )
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor

    def step(self, parameters: Sequence[nn.Parameter], scaler: GradScaler) -> float:
        """Clip, move the parameters that have a gradient, clear it; return the gradient's norm."""
        scaler.unscale_(self.optimizer)
        limit = self.settings.max_grad_norm
        norm = nn.utils.clip_grad_norm_(parameters, math.inf if limit is None else limit)
        scaler.step(self.optimizer)
        self.optimizer.zero_grad(set_to_none=True)
        return float(norm)

    def state_dict(self) -> dict[str, Any]:
        """Return the moments."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from saved moments."""
        self.optimizer.load_state_dict(state)


def schedule_factor(
    done: float, *, schedule: Literal["constant", "linear", "cosine"], warmup: float
) -> float:
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
        groups = [group for player in moved for group in _groups(player, players[player], settings)]
        built[name] = PhaseOptimizer(groups, settings)
    return built


def _groups(player: str, module: nn.Module, settings: OptimizerSettings) -> list[dict[str, Any]]:
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in trained if parameter.ndim > 1]
    vectors = [parameter for parameter in trained if parameter.ndim <= 1]
    rate = settings.rate(player)
    groups = [
        {"params": matrices, "lr": rate, "weight_decay": settings.weight_decay},
        {"params": vectors, "lr": rate, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _fusable(groups: list[dict[str, Any]]) -> bool:
    parameters = [parameter for group in groups for parameter in group["params"]]
    return bool(parameters) and all(
        parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda")
        for parameter in parameters
    )
