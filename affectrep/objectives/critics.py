"""Four critics of strong and weak groups behind one interface, chosen by one name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from affectrep.objectives.adaptive_margin import (
    Margin,
    adaptive_margin_parts,
    linear_margin,
    permuted_margin_parts,
)
from affectrep.objectives.contrastive_critic import (
    ContrastiveAdversarialLoss,
    ContrastiveCriticLoss,
    CriticContrast,
)
from affectrep.objectives.fisher_ipm import (
    FisherIPMLoss,
    fisher_encoder_loss,
    fisher_ipm_ratio,
    fisher_moments,
)
from affectrep.objectives.gram import GramLoss, mmd_loss
from affectrep.objectives.groups import squared_distances
from affectrep.objectives.plain_values import require_at_least
from affectrep.objectives.sphere import SphereLoss, sphere_encoder_loss

__all__ = [
    "CRITICS",
    "ContrastGame",
    "CriticGame",
    "FisherGame",
    "GramGame",
    "MarginRule",
    "Scored",
    "SphereGame",
]


class Scored(NamedTuple):
    """A critic's loss and what is worth a line in the log."""

    loss: Tensor
    logs: dict[str, float]


class CriticGame(Protocol):
    """Both losses of a game; rows are critic outputs ``(rows, dim)``, never an empty group."""

    def critic(self, strong: Tensor, weak: Tensor) -> Scored:
        """Return what the critic minimises; state such as a multiplier moves on in training."""

    def encoder(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return what the encoder minimises; strong rows get no gradient."""

    def permuted(self, strong: Tensor, weak: Tensor, generator: torch.Generator) -> float:
        """Return the baseline under shuffled groups of a figure in the logs, or NaN."""

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1]."""


@dataclass(frozen=True)
class MarginRule:
    """Which margin the contrastive critic asks for.

    Args:
        kind: "adaptive" | "constant" (the paper's kappa) | "linear" (kappa': ``start`` plus
            ``slope`` for each completed epoch).
        value: of "constant".
        start: of "linear".
        slope: of "linear".
        epochs: of the whole training; "linear" needs it to turn progress into epochs.
        adaptive: how the adaptive margin is read.

    Raises:
        ValueError: if the kind is unknown, or linear without epochs.

    Example:
        >>> MarginRule("linear", epochs=20).epochs
        20
    """

    kind: Literal["adaptive", "constant", "linear"] = "adaptive"
    value: float = 0.2
    start: float = 0.1
    slope: float = 0.005
    epochs: int | None = None
    adaptive: Margin = field(default_factory=Margin)

    def __post_init__(self) -> None:
        if self.kind not in ("adaptive", "constant", "linear"):
            raise ValueError(f"expected margin adaptive, constant or linear, got {self.kind!r}")
        if self.kind == "linear" and (self.epochs is None or self.epochs < 1):
            raise ValueError(f"expected epochs >= 1 for the linear margin, got {self.epochs}")
        require_at_least(0, value=self.value, start=self.start, slope=self.slope)


class ContrastGame(nn.Module):
    """CAF's critic: strong rows together and weak ones a margin away; the encoder closes the gap.

    Use it with a bounded critic; the margin never asks for more than half the largest distance.

    Args:
        rule: the margin.
        contrast: how pairs are formed and weighed.
        form: the encoder's loss, see :class:`ContrastiveAdversarialLoss`.
        largest: largest squared distance of two critic outputs.

    Source: Kim and Song 2021, Contrastive Adversarial Learning (AAAI), Eq. 7 and Algorithm 1.

    Example:
        >>> game = ContrastGame(MarginRule("constant"))
        >>> game.critic(torch.zeros(2, 2), torch.zeros(1, 2)).loss
        tensor(0.2000)
    """

    done: Tensor

    def __init__(
        self,
        rule: MarginRule | None = None,
        *,
        contrast: CriticContrast | None = None,
        form: Literal["centroid", "mean", "mean01", "oriented"] = "centroid",
        largest: float = math.inf,
    ) -> None:
        super().__init__()
        self.rule = rule or MarginRule()
        self.loss = ContrastiveCriticLoss(contrast)
        self.adversarial = ContrastiveAdversarialLoss(form=form)
        self.largest = largest
        asked = self.rule.adaptive.margin_max
        self.cap = min(largest / 2, math.inf if asked is None else asked)
        cap_or_none = None if math.isinf(self.cap) else self.cap
        self.margin = replace(self.rule.adaptive, margin_max=cap_or_none)
        self.register_buffer("done", torch.zeros((), dtype=torch.float64))

    def critic(self, strong: Tensor, weak: Tensor) -> Scored:
        """Return the hinged contrast with its margin.

        Logged are the means of the margin (``alpha``) and its parts (``information``, ``delta``,
        AKNN's ``neighbours`` K, share of ``admissible`` anchors), and the share of strong-weak
        pairs ``inside`` the margin.
        """
        margins, logs = self._margins(strong, weak)
        with torch.no_grad():
            limits = torch.as_tensor(margins, dtype=strong.dtype, device=strong.device)
            inside = squared_distances(strong, weak) < limits.reshape(-1, 1)
            logs["inside"] = float(inside.double().mean())
        return Scored(self.loss(strong, weak, margins), logs)

    def encoder(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return the loss that draws weak rows to the strong ones."""
        loss: Tensor = self.adversarial(strong, weak)
        return loss

    def permuted(self, strong: Tensor, weak: Tensor, generator: torch.Generator) -> float:
        """Return the information in the margin when groups are shuffled."""
        if self.rule.kind != "adaptive":
            return math.nan
        parts = permuted_margin_parts(strong, weak, margin=self.margin, generator=generator)
        return float(parts.information.mean())

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1]."""
        self.done.fill_(done)

    @property
    def advice(self) -> str:
        """What to change should the losses run away; empty where they are bounded by form."""
        parts = []
        if not self.loss.contrast.hinge:
            parts.append(
                "Set objective.contrast.hinge=true: without the hinge the critic's loss has no "
                "lower bound (the literal Eq. 7 of the paper)."
            )
        if self.adversarial.form in ("mean", "mean01") and math.isinf(self.largest):
            parts.append(
                "Set objective.contrast.form=centroid: the mean of a linear critic's outputs has "
                "no bound either."
            )
        return " ".join(parts)

    @property
    def largest_loss(self) -> float:
        """Beyond it the game has run away: no margin asks for a squared distance above 3 or so."""
        return 1e6 if self.loss.contrast.hinge else 100.0

    def _margins(self, strong: Tensor, weak: Tensor) -> tuple[Tensor | float, dict[str, float]]:
        if self.rule.kind == "adaptive":
            parts = adaptive_margin_parts(strong, weak, margin=self.margin)
            means = {
                "alpha": parts.margin,
                "information": parts.information,
                "delta": parts.delta,
                "neighbours": parts.neighbours,
                "admissible": parts.admissible,
            }
            return parts.margin, {
                name: float(value.detach().float().mean()) for name, value in means.items()
            }
        value = self.rule.value
        if self.rule.kind == "linear":
            # the share of an epoch's last step is a sum of roundings
            epochs = math.floor(float(self.done) * (self.rule.epochs or 1) + 1e-6)
            value = linear_margin(epochs, start=self.rule.start, slope=self.rule.slope)
        value = min(value, self.cap)
        return value, {"alpha": value}


class FisherGame(nn.Module):
    """Fisher IPM: a scalar critic under a constraint on its second moment; no margin.

    Use it with one linear output; its paper takes five critic steps for each of the encoder's.
    The multiplier moves with each critic step and survives a restart.

    Args:
        rho: weight of the quadratic term and step of the multiplier, > 0.
        clamp: keep the multiplier at 0 or above.

    Source: Mroueh and Sercu 2017, Fisher GAN, Eq. 9.

    Example:
        >>> FisherGame().critic(torch.ones(2, 1), -torch.ones(2, 1)).loss.item()
        -2.0
    """

    def __init__(self, *, rho: float = 1e-6, clamp: bool = False) -> None:
        super().__init__()
        self.loss = FisherIPMLoss(rho=rho, clamp=clamp)

    def critic(self, strong: Tensor, weak: Tensor) -> Scored:
        """Return minus the augmented Lagrangian; logged are ratio, multiplier and Omega."""
        logs = {
            "ipm": float(fisher_ipm_ratio(strong.detach(), weak.detach())),
            "multiplier": float(self.loss.multiplier),
            "omega": float(fisher_moments(strong.detach(), weak.detach())[1]),
        }
        loss = self.loss(strong, weak)
        if self.training:
            self.loss.step(strong, weak)
        return Scored(loss, logs)

    def encoder(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return minus the mean value of the weak rows."""
        return fisher_encoder_loss(weak)

    def permuted(self, strong: Tensor, weak: Tensor, generator: torch.Generator) -> float:
        """Return the ratio between shuffled groups: what noise alone would give."""
        rows = torch.cat([strong, weak]).detach()
        order = torch.randperm(len(rows), generator=generator).to(rows.device)
        return float(fisher_ipm_ratio(rows[order[: len(strong)]], rows[order[len(strong) :]]))

    def progress(self, done: float) -> None:
        """Nothing depends on the progress of training."""


class SphereGame(nn.Module):
    """SphereGAN: moments of the distance to the north pole of a sphere; no margin.

    Args:
        moments: r runs from 1 to this number.
        base: of the moments' weights: "one" | "pi" | "pi_third".

    Source: Park and Kwon 2019, Sphere Generative Adversarial Network.

    Example:
        >>> SphereGame().critic(torch.ones(2, 2), torch.ones(1, 2)).loss.item()
        0.0
    """

    def __init__(self, *, moments: int = 1, base: Literal["one", "pi", "pi_third"] = "one") -> None:
        super().__init__()
        self.loss = SphereLoss(moments=moments, base=base)

    def critic(self, strong: Tensor, weak: Tensor) -> Scored:
        """Return minus the difference of moments."""
        return Scored(self.loss(strong, weak), {})

    def encoder(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return minus the moments of the weak rows."""
        return sphere_encoder_loss(weak, moments=self.loss.moments, base=self.loss.base)

    def permuted(self, strong: Tensor, weak: Tensor, generator: torch.Generator) -> float:
        """Return NaN: there is no such baseline."""
        return math.nan

    def progress(self, done: float) -> None:
        """Nothing depends on the progress of training."""


class GramGame(nn.Module):
    """GramNet: the critic sharpens a density ratio, the encoder closes a kernel distance.

    Args:
        ridge: of the ratio's estimate, > 0.
        positivity: of the ratio: "none" | "sum" | "relu".

    Source: Srivastava et al. 2020, Generative Ratio Matching Networks.

    Example:
        >>> same = torch.tensor([[0.0], [1.0]])
        >>> bool(GramGame().critic(same, same).loss.abs() < 1e-4)
        True
    """

    def __init__(
        self, *, ridge: float = 1e-3, positivity: Literal["none", "sum", "relu"] = "none"
    ) -> None:
        super().__init__()
        if not 0 < ridge < math.inf:
            raise ValueError(f"expected a finite ridge above 0, got {ridge}")
        self.loss = GramLoss(ridge=ridge, positivity=positivity)

    def critic(self, strong: Tensor, weak: Tensor) -> Scored:
        """Return minus the Pearson divergence."""
        loss = self.loss(strong, weak)
        return Scored(loss, {"mmd": float(mmd_loss(strong.detach(), weak.detach()))})

    def encoder(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return the kernel distance to the strong rows."""
        return mmd_loss(strong.detach(), weak)

    def permuted(self, strong: Tensor, weak: Tensor, generator: torch.Generator) -> float:
        """Return the kernel distance between shuffled groups."""
        rows = torch.cat([strong, weak]).detach()
        order = torch.randperm(len(rows), generator=generator).to(rows.device)
        return float(mmd_loss(rows[order[: len(strong)]], rows[order[len(strong) :]]))

    def progress(self, done: float) -> None:
        """Nothing depends on the progress of training."""


CRITICS: dict[str, Callable[..., nn.Module]] = {
    "caf": ContrastGame,
    "fisher": FisherGame,
    "sphere": SphereGame,
    "gram": GramGame,
}
