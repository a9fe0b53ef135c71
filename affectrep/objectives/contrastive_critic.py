"""The contrastive-adversarial critic's two losses: part the groups, then bring weak to strong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectrep.objectives.groups import bounded, check_groups, squared_distances
from affectrep.objectives.metric_liveness import overlap_auc
from affectrep.objectives.plain_values import require_at_least

__all__ = [
    "ContrastiveAdversarialLoss",
    "ContrastiveCriticLoss",
    "CriticContrast",
    "CriticLiveness",
    "PairMoments",
    "contrastive_adversarial_loss",
    "contrastive_critic_loss",
    "critic_liveness",
    "pair_moments",
]

FORMS = ("centroid", "mean", "mean01", "oriented")
PAIRINGS = ("all", "active", "code")


@dataclass(frozen=True)
class CriticContrast:
    """How pairs are formed and weighed in the critic's loss.

    Args:
        negative_weight: of strong-weak pairs. With the paper's 1/2 the critic collapsed to a
            constant in a probe on real faces.
        hinge: False is the literal Eq. 7, unbounded below.
        pairing: "all" | "active" (negatives: mean over those inside their margin) | "code" (one
            partner per anchor: row i with row n-1-i, n the smaller group cut to an even number).
        chi2_reg: add 1/8 of the second moments, the omitted third term of Eq. 3 with the sign of
            a minimisation.
    """

    negative_weight: float = 1.0
    hinge: bool = True
    pairing: Literal["all", "active", "code"] = "all"
    chi2_reg: bool = False

    def __post_init__(self) -> None:
        if self.pairing not in PAIRINGS:
            raise ValueError(
                f"expected pairing to be one of {', '.join(PAIRINGS)}, got {self.pairing!r}"
            )
        require_at_least(0, negative_weight=self.negative_weight)


class PairMoments(NamedTuple):
    """Means of the pair terms and of their squares, over similar and dissimilar pairs."""

    positive: Tensor
    negative: Tensor
    positive_square: Tensor
    negative_square: Tensor

    @property
    def constraint(self) -> Tensor:
        """The released code's FisherGAN constraint, 0 when it holds."""
        return 1 - 0.5 * self.positive_square - 0.5 * self.negative_square


def contrastive_critic_loss(
    strong: Tensor,
    weak: Tensor,
    margins: Tensor | float,
    *,
    contrast: CriticContrast | None = None,
) -> Tensor:
    """Critic's loss: strong rows close together, weak rows a margin away (squared distances).

    ``mean_{i<j} |s_i - s_j|^2 + w mean_{i,j} max(0, margin_i - |s_i - w_j|^2)``; weak-weak pairs
    are not used. A kind of pair that the batch lacks adds zero, with a live graph.

    Args:
        strong: ``(strong, dim)`` critic embeddings of rows far from neutral.
        weak: ``(weak, dim)`` of rows near neutral.
        margins: ``(strong,)`` or one number; pass a detached tensor unless its gradient is wanted.
        contrast: how pairs are formed and weighed.

    Raises:
        ValueError: if shapes do not fit or there is no row at all.

    Source: Kim and Song 2021, Contrastive Adversarial Learning for Person Independent Facial
    Emotion Recognition (AAAI), Eq. 7, with the hinge of Eq. 4 and weight 1.

    Example:
        >>> strong = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> weak = torch.tensor([[1.0, 1.0], [2.0, 1.0]])
        >>> round(contrastive_critic_loss(strong, weak, 3.0).item(), 6)
        2.333333
    """
    contrast = contrast or CriticContrast()
    moments = pair_moments(strong, weak, margins, contrast=contrast)
    loss = moments.positive + contrast.negative_weight * moments.negative
    if contrast.chi2_reg:
        loss = loss + (moments.positive_square + moments.negative_square) / 8
    return loss


def pair_moments(
    strong: Tensor,
    weak: Tensor,
    margins: Tensor | float,
    *,
    contrast: CriticContrast | None = None,
) -> PairMoments:
    """Return the means that :func:`contrastive_critic_loss` is made of; same arguments.

    Example:
        >>> pair_moments(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0]]), 2.0).negative
        tensor(1.5000)
    """
    contrast = contrast or CriticContrast()
    check_groups(strong, weak)
    strong, weak = bounded(strong, 1e7), bounded(weak, 1e7)  # squared twice
    margins = torch.as_tensor(margins, dtype=strong.dtype, device=strong.device)
    if margins.ndim > 0 and margins.shape != strong.shape[:1]:
        raise ValueError(
            f"expected margins () or ({len(strong)},), one a strong row, got {tuple(margins.shape)}"
        )
    if contrast.pairing == "code":
        positive, distances, limits = _code_pairs(strong, weak, margins)
    else:
        i, j = torch.triu_indices(len(strong), len(strong), 1, device=strong.device)
        positive = (strong[i] - strong[j]).square().sum(dim=1)
        distances, limits = squared_distances(strong, weak), margins.reshape(-1, 1)
    negative = limits - distances
    negative = negative.clamp_min(0) if contrast.hinge else negative
    # beyond the hinge a pair adds nothing; "active" leaves it out of the count as well
    active = negative > 0 if contrast.pairing == "active" else torch.ones_like(negative).bool()
    negative = negative[active]
    return PairMoments(*(_mean(x) for x in (positive, negative, positive**2, negative**2)))


def contrastive_adversarial_loss(
    strong: Tensor,
    weak: Tensor,
    *,
    form: Literal["centroid", "mean", "mean01", "oriented"] = "centroid",
) -> Tensor:
    """Encoder's loss: draw weak rows to the strong ones in the eyes of a frozen critic.

    "centroid": mean squared distance, over rows and dimensions, to the detached mean of the
    strong rows; exactly opposes the critic's negative term. "mean": minus the mean of the weak
    values, the paper's literal form (unbounded below, no relation to where the strong rows are);
    "mean01": a tenth of that, as in the released code; "oriented": mean hinged distance along the
    detached direction from weak mean to strong mean. Zero with a live graph for no weak row, or
    for no strong row where a form needs one.

    Args:
        strong: ``(strong, dim)`` critic embeddings; never gets a gradient.
        weak: ``(weak, dim)``.
        form: which loss.

    Raises:
        ValueError: if shapes do not fit, there is no row at all, or the form is unknown.

    Source: Kim and Song 2021, Contrastive Adversarial Learning (AAAI), Algorithm 1; the default
    is ours.

    Example:
        >>> contrastive_adversarial_loss(torch.tensor([[1.0]]), torch.tensor([[0.0], [3.0]])).item()
        2.5
    """
    if form not in FORMS:
        raise ValueError(f"expected form to be one of {', '.join(FORMS)}, got {form!r}")
    check_groups(strong, weak)
    strong, weak = bounded(strong).detach(), bounded(weak)
    if len(weak) == 0 or (len(strong) == 0 and form in ("centroid", "oriented")):
        return weak.sum() * 0.0
    if form in ("mean", "mean01"):
        return weak.mean() * (-0.1 if form == "mean01" else -1.0)
    centre = strong.mean(dim=0)
    if form == "centroid":
        return (weak - centre).square().mean()
    direction = functional.normalize(centre - weak.detach().mean(dim=0), dim=0)
    return ((centre - weak) @ direction).clamp_min(0).mean()


class CriticLiveness(NamedTuple):
    """Signs of life of a critic; all zero or 1/2 when its outputs coincide."""

    spread: float
    cross_distance: float
    auc: float

    @property
    def alive(self) -> bool:
        """Whether outputs differ (sd above .01); the AUC says whether they differ by group."""
        return self.spread > 0.01


@torch.no_grad()
def critic_liveness(strong: Tensor, weak: Tensor) -> CriticLiveness:
    """Return sd of the outputs, mean squared strong-weak distance and strong-weak AUC.

    The AUC is that of the projection on the line through the two means. The means are those of
    every second row and the AUC that of the others, and the other way round: on rows that it was
    drawn through, such a line parts even noise (.57 of 1,000 rows in 16 dimensions, .69 of 128).
    So outputs that say nothing have 1/2. A group of one row or none gives 1/2.

    Example:
        >>> critic_liveness(torch.ones(3, 2), torch.ones(2, 2)).alive
        False
    """
    check_groups(strong, weak)
    strong, weak = bounded(strong), bounded(weak)
    origin = torch.cat([strong, weak])[:1]  # outputs that coincide become 0, without rounding
    strong, weak = strong - origin, weak - origin
    spread = float(torch.cat([strong, weak]).std(dim=0, unbiased=False).mean())
    if len(strong) == 0 or len(weak) == 0:
        return CriticLiveness(spread, 0.0, 0.5)
    apart = strong.mean(dim=0) - weak.mean(dim=0)
    # the mean over all pairs, without forming them: a validation split may have many rows
    within = strong.var(dim=0, unbiased=False) + weak.var(dim=0, unbiased=False)
    distance = float((apart.square() + within).sum())
    return CriticLiveness(spread, distance, _cross_fitted_auc(strong, weak))


def _cross_fitted_auc(strong: Tensor, weak: Tensor) -> float:
    if len(strong) < 2 or len(weak) < 2:
        return 0.5
    found = []
    for one, other in ((0, 1), (1, 0)):
        axis = strong[one::2].mean(dim=0) - weak[one::2].mean(dim=0)
        axis = functional.normalize(axis, dim=0)
        found.append(overlap_auc(strong[other::2] @ axis, weak[other::2] @ axis))
    return sum(found) / 2


class ContrastiveCriticLoss(nn.Module):
    """Critic's loss that holds its options; see :func:`contrastive_critic_loss`.

    Use it with :class:`AdaptiveMargin` or a constant, on a critic with bounded outputs; watch
    :func:`critic_liveness`.

    Example:
        >>> ContrastiveCriticLoss()(torch.zeros(2, 2), torch.zeros(1, 2), 0.2).item()
        0.20000000298023224
    """

    def __init__(self, contrast: CriticContrast | None = None) -> None:
        super().__init__()
        self.contrast = contrast or CriticContrast()

    def forward(self, strong: Tensor, weak: Tensor, margins: Tensor | float) -> Tensor:
        """Return the loss that the critic minimises."""
        return contrastive_critic_loss(strong, weak, margins, contrast=self.contrast)


class ContrastiveAdversarialLoss(nn.Module):
    """Encoder's loss that holds its form; see :func:`contrastive_adversarial_loss`.

    Example:
        >>> ContrastiveAdversarialLoss()(torch.ones(2, 2), torch.ones(1, 2)).item()
        0.0
    """

    def __init__(
        self, *, form: Literal["centroid", "mean", "mean01", "oriented"] = "centroid"
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"expected form to be one of {', '.join(FORMS)}, got {form!r}")
        self.form = form

    def forward(self, strong: Tensor, weak: Tensor) -> Tensor:
        """Return the loss that the encoder minimises; the critic must be frozen."""
        return contrastive_adversarial_loss(strong, weak, form=self.form)


def _code_pairs(strong: Tensor, weak: Tensor, margins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    n = min(len(strong), len(weak)) // 2 * 2
    anchors = strong[:n]
    positive = (anchors - anchors.flip(0)).square().sum(dim=1)
    return (
        positive,
        (anchors - weak[:n].flip(0)).square().sum(dim=1),
        margins.expand(len(strong))[:n],
    )


def _mean(values: Tensor) -> Tensor:
    return values.mean() if values.numel() else values.sum() * 0.0
