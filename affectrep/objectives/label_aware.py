"""Label-aware contrast: classes that a classifier confuses with the anchor's repel it more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from affectrep.objectives.gather import gather_rows
from affectrep.objectives.supcon import candidate_rows, check_supcon, unit_rows

__all__ = ["LabelAwareContrast", "LabelAwareOptions", "lcl_loss"]


@dataclass(frozen=True)
class LabelAwareOptions:
    """Readings of label-aware contrast.

    Args:
        reduction: "mean", "sum", or "none" for ``(batch,)`` losses, 0 without a positive.
        no_positive: "exclude" anchors without a positive from the mean, or count them as "zero"
            and divide by all anchors. The released code gives NaN for them.

    Raises:
        ValueError: if a word is unknown.

    Example:
        >>> LabelAwareOptions().no_positive
        'exclude'
    """

    reduction: Literal["mean", "sum", "none"] = "mean"
    no_positive: Literal["exclude", "zero"] = "exclude"

    def __post_init__(self) -> None:
        if self.reduction not in ("mean", "sum", "none"):
            raise ValueError(f"expected reduction mean, sum or none, got {self.reduction!r}")
        if self.no_positive not in ("exclude", "zero"):
            raise ValueError(f"expected no_positive exclude or zero, got {self.no_positive!r}")


def lcl_loss(
    embeddings: Tensor,
    labels: Tensor,
    class_weights: Tensor,
    *,
    temperature: float = 0.3,
    gather: bool = False,
    options: LabelAwareOptions | None = None,
) -> Tensor:
    """Supervised contrast whose pairs are weighed by how likely the anchor is of their class.

    ``l_i = -w_{i,y_i} / |P(i)| sum_{p in P(i)} [s_ip/t - log sum_{a != i} w_{i,y_a} e^{s_ia/t}]``
    on unit vectors, in nats. A class that a second classifier finds likely for the anchor weighs
    more in the denominator, so its rows are pushed away harder. With equal weights it is
    supervised contrast times the weight, up to the constant ``w log w``; unlike SupCon it can be
    negative, since the weights of a denominator need not sum to its count.

    The gradient flows into ``class_weights`` too: detach them where only their own cross-entropy
    should train that classifier. The published total is ``m CE + (1 - m) LCL + m CE of the
    weighting classifier`` with ``m = 0.5``.

    Args:
        embeddings: ``(batch, dim)``, normalised here, in float32 at least.
        labels: ``(batch,)`` int64 in ``[0, classes)``.
        class_weights: ``(batch, classes)``, each row a softmax; a weight of exactly 0 counts as
            the smallest number of its type.
        temperature: divides the cosine, > 0.
        gather: contrast against the rows of all processes; the weights are always the anchor's.
        options: reduction and anchors without a positive; None for the defaults.

    Raises:
        ValueError: if shapes do not fit, there are no rows, a label has no weight, or the
            temperature is not positive.

    Source: Suresh and Ong 2021, Not All Negatives are Equal: Label-Aware Contrastive Loss for
    Fine-grained Text Classification (EMNLP), in the form of its released code (loss.py).

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> weights = torch.full((4, 2), 0.5)
        >>> round(lcl_loss(points, torch.tensor([0, 0, 1, 1]), weights, temperature=1.0).item(), 6)
        -0.070851
    """
    check_supcon(embeddings, labels, temperature)
    _check_weights(class_weights, labels)
    options = options or LabelAwareOptions()
    with torch.autocast(embeddings.device.type, enabled=False):
        unit = unit_rows(embeddings)
        candidates, candidate_labels, start = candidate_rows(unit, labels, gather=gather)
        weights = class_weights.to(unit.dtype)
        weights = weights.clamp_min(torch.finfo(unit.dtype).tiny)
        logits = unit @ candidates.T / temperature
        itself = torch.zeros_like(logits, dtype=torch.bool)
        itself.diagonal(start).fill_(True)
        losses, counts = _losses(logits, weights, (labels, candidate_labels), itself)
    if options.reduction == "none":
        return losses
    if options.reduction == "sum":
        return losses.sum()
    if options.no_positive == "zero":
        return losses.sum() / max(losses.numel(), 1)
    return losses.sum() / (counts > 0).sum().clamp(min=1)


class LabelAwareContrast(nn.Module):
    """Label-aware contrast that holds its temperature; see :func:`lcl_loss`.

    Use it in place of :class:`SupConLoss` where some classes are almost the same and a second
    classifier can say which: its softmax are the weights. SupCon repels all classes alike; AML
    learns the similarity instead of weighing it.

    Example:
        >>> loss = LabelAwareContrast(temperature=0.3)
        >>> loss(torch.eye(3), torch.tensor([0, 1, 2]), torch.eye(3).softmax(dim=1)).item()
        0.0
    """

    def __init__(
        self,
        *,
        temperature: float = 0.3,
        gather: bool = False,
        options: LabelAwareOptions | None = None,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.gather = gather
        self.options = options or LabelAwareOptions()

    def forward(self, embeddings: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
        """Return the loss, by default the mean over anchors with a positive."""
        return lcl_loss(
            embeddings,
            labels,
            class_weights,
            temperature=self.temperature,
            gather=self.gather,
            options=self.options,
        )

    def count(self, labels: Tensor) -> float:
        """Return how many of this process's rows the mean is over: those with a positive."""
        if self.options.no_positive == "zero":
            return float(labels.numel())
        everyone = torch.cat(gather_rows(labels)) if self.gather else labels
        return float(((labels[:, None] == everyone[None, :]).sum(dim=1) > 1).sum())


def _losses(
    logits: Tensor, weights: Tensor, labels: tuple[Tensor, Tensor], itself: Tensor
) -> tuple[Tensor, Tensor]:
    own, others = labels
    positives = (own[:, None] == others[None, :]) & ~itself
    counts = positives.sum(dim=1)
    # a row that is alone keeps its own entry: an empty denominator would not be finite
    hidden = itself if logits.shape[1] > 1 else torch.zeros_like(itself)
    weighted = (logits + weights.log()[:, others]).masked_fill(hidden, -torch.inf)
    attraction = (logits * positives).sum(dim=1) / counts.clamp(min=1)
    weight = weights.gather(1, own[:, None]).squeeze(1)
    losses = weight * (weighted.logsumexp(dim=1) - attraction)
    return losses.where(counts > 0, 0.0), counts


def _check_weights(class_weights: Tensor, labels: Tensor) -> None:
    if class_weights.ndim != 2 or class_weights.shape[0] != labels.shape[0]:
        raise ValueError(
            f"expected class_weights (batch, classes) with batch {labels.shape[0]}, got "
            f"{tuple(class_weights.shape)}"
        )
    if labels.numel() == 0:  # other processes may have rows
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= class_weights.shape[1]:
        raise ValueError(
            f"expected labels in [0, {class_weights.shape[1]}), one weight each, got labels from "
            f"{low} to {high}"
        )
